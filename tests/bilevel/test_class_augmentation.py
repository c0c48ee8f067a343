"""Augmentation by class as outer parameters: its hypergradient, its guard against leaks, its search in any loop."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn
from torch.func import grad, hessian
from torch.nn.parallel import DistributedDataParallel

from equipoise import AutoBalance, NeuralClassifier
from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerPoint, InnerProblem
from equipoise.bilevel.outer_objectives import balanced
from equipoise.bilevel.parametric import mixed_derivative, row_losses
from equipoise.bilevel.solvers import Exact
from equipoise.bilevel.vectors import flat, unflat
from equipoise.images import Augment, ClassAugmentation, ClassStrengthWarning
from equipoise.losses import parametric_cross_entropy
from equipoise.networks import ModuleStack

DAMPING, SIDE = 0.3, 6
COUNTS = [60, 20]
OPS = ("rotation", "contrast", "brightness")


def images(n, seed=0, dtype=torch.float64):
    """Two classes that differ in the left half; of each four rows one is of the minority class."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 4 // 3
    x = 0.5 + 0.1 * torch.randn(n, 3, SIDE, SIDE, generator=draw, dtype=torch.float64)
    x[..., : SIDE // 2] += 0.15 * y.view(-1, 1, 1, 1)
    return x.to(dtype), y


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2)).double()


# The hypergradient


def linear(theta, alpha, batch):
    return batch.x.flatten(1) @ theta["weight"] + theta["bias"]


def inputs_of(augmentation, group=None):
    def inputs(alpha, batch, number):
        values = {name: value for name, value in alpha.items() if name not in ("w", "offset", "delta")}
        draws = torch.Generator().manual_seed(7 + number)
        return batch._replace(
            x=augmentation.rows(batch.x, batch.target, group=batch.group, generator=draws, values=values)
        )

    return inputs


@pytest.mark.parametrize("n_groups", [None, 2], ids=["classes", "groups"])
def test_the_hypergradient_is_the_slope_of_the_problem_solved_anew(n_groups):
    draw = torch.Generator().manual_seed(1)
    (x, y), (x_new, y_new) = images(40), images(30, seed=1)
    group, group_new = (torch.arange(n) % 2 if n_groups else None for n in (40, 30))
    rows, held_out = Batch(x, y, group), Batch(x_new, y_new, group_new)
    shape = (2, n_groups) if n_groups else (2,)
    augmentation = ClassAugmentation(OPS, by="group" if n_groups else "class")
    alpha = {name: 0.3 + 0.4 * torch.rand(shape, generator=draw, dtype=torch.float64) for name in augmentation.start()}
    alpha |= {
        "w": torch.ones(shape).double(),
        "offset": torch.zeros(shape).double(),
        "delta": torch.ones(shape).double(),
    }
    names = tuple(augmentation.start())
    problem = InnerProblem(linear, row_losses, mixed_derivative, inputs_of(augmentation), names)
    theta = {"weight": torch.zeros(3 * SIDE * SIDE, 2).double(), "bias": torch.zeros(2).double()}

    def solved(alpha):
        seen = problem.inputs(alpha, rows, 0)

        def loss(values):
            losses = row_losses(linear(unflat(values, theta), None, seen), alpha, seen)
            return losses.mean() + DAMPING / 2 * (values**2).sum()

        values = flat(theta)
        while (slope := grad(loss)(values)).norm() > 1e-12:
            values = values - torch.linalg.solve(hessian(loss)(values), slope)
        return unflat(values, theta)

    def outer(alpha):
        def losses(theta, batch):
            return parametric_cross_entropy(linear(theta, None, batch), batch.target, reduction="none")

        return outer_gradient(losses, balanced, solved(alpha), [held_out], (2, n_groups or 1))

    v, _ = outer(alpha)
    found = hypergradient(problem, solved(alpha), alpha, [rows], v, Exact(damping=DAMPING)).alpha
    assert found.keys() == alpha.keys()
    for name in names:
        for place in range(alpha[name].numel()):
            sides = []
            for sign in (1, -1):
                moved = alpha | {name: alpha[name].clone()}
                moved[name].view(-1)[place] += sign * 1e-5
                sides.append(outer(moved)[1])
            expected = (sides[0] - sides[1]) / 2e-5
            torch.testing.assert_close(found[name].reshape(-1)[place], expected, rtol=1e-4, atol=1e-8)
    assert min(found[name].abs().max() for name in names) > 1e-7


@pytest.mark.parametrize("n_ops", [1, 5])
def test_all_strengths_together_cost_two_passes_a_batch(n_ops):
    calls = []

    def counted(theta, alpha, batch):
        calls.append(len(batch.target))
        return linear(theta, alpha, batch)

    batches = [Batch(*images(12)), Batch(*images(8, seed=1))]
    theta = {"weight": torch.randn(3 * SIDE * SIDE, 2).double(), "bias": torch.randn(2).double()}
    loss = {"w": torch.ones(2).double(), "offset": torch.zeros(2).double(), "delta": torch.ones(2).double()}
    counts = {}
    augmentation = ClassAugmentation(("rotation", "shear", "scale", "contrast", "cut_out")[:n_ops])
    policy = {name: value.expand(2) for name, value in augmentation.start().items()}
    for alpha in (loss, loss | policy):
        names = tuple(alpha.keys() - loss.keys())
        problem = InnerProblem(counted, row_losses, mixed_derivative, inputs_of(augmentation) if names else None, names)
        calls.clear()
        InnerPoint(problem, theta, alpha, batches).mixed_product(torch.ones(3 * SIDE * SIDE * 2 + 2).double())
        counts[bool(names)] = len(calls)
    assert counts[True] - counts[False] == 2 * len(batches)


# The guard


@pytest.mark.parametrize("by", ["class", "one"])
def test_every_class_has_as_many_images_as_they_are_whatever_the_strengths(by):
    n = 4000
    x, y = torch.rand(n, 3, 4, 4, dtype=torch.float64), torch.arange(n) % 2
    low, high = torch.tensor([0.1, 1.0]).double(), torch.tensor([0.05, 0.95]).double()
    augmentation = ClassAugmentation(("brightness", "contrast"), by=by, generator=torch.Generator().manual_seed(0))
    values = {name: low if name.startswith("strength") else high for name in augmentation.start()}
    changed = ((augmentation.rows(x, y, values=values) - x).abs().flatten(1).amax(1) > 1e-4).double()
    for code in (0, 1):
        assert abs(changed[y == code].mean().item() - 0.5) < 4 * np.sqrt(0.25 / (n / 2))


def test_bounds_of_a_search_hold_and_are_not_zero():
    search = AutoBalance(augmentation=ClassAugmentation(OPS), warm_up=0, interval=1).begin(network(), COUNTS)
    for value in (-1e4, 1e4):
        departures = {name: torch.full_like(d, value) for name, d in search.state_dict()["departures"].items()}
        values = search._departures.of(departures)
        strengths = torch.cat([v for name, v in values.items() if name.startswith("strength")])
        assert torch.allclose(strengths, torch.tensor(0.1 if value < 0 else 1.0).double())


def test_a_policy_that_leaves_no_image_as_it_is_is_warned_of():
    with pytest.warns(ClassStrengthWarning, match=r"set probability=0\.5"):
        ClassAugmentation(strength=[0.0, 0.8], probability=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ClassAugmentation(strength=[0.0, 0.8])
        ClassAugmentation(by="one", probability=1.0)


def recall_of_plain_images(probability):
    """Recall of a class whose images alone are noised, by a model that sees their brightness and their noise."""

    def seen(x):
        return torch.stack([x.mean((1, 2, 3)), x.diff(dim=-2).std((1, 2, 3))], 1) * 20

    (x, y), (x_new, y_new) = images(400), images(400, seed=1)
    x, x_new = (rows + 0.06 * torch.linspace(-2, 2, 7).repeat(58)[:400].view(-1, 1, 1, 1) for rows in (x, x_new))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClassStrengthWarning)
        augmentation = ClassAugmentation({"noise": 0.3}, strength=[0.0, 1.0], probability=probability)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2)).double()
    optimizer, balance = torch.optim.Adam(model.parameters(), lr=0.02), torch.tensor([1.0, 3.0]).double()
    for _ in range(300):
        nn.functional.cross_entropy(model(seen(augmentation.rows(x, y))), y, balance).backward()
        optimizer.step()
        optimizer.zero_grad()
    return (model(seen(x_new)).argmax(1) == y_new)[y_new == 1].double().mean().item()


def test_the_leak_is_real_and_plain_images_of_every_class_bound_it():
    assert recall_of_plain_images(0.5) > recall_of_plain_images(1.0) + 0.15


def test_validation_images_stay_as_they_are_and_training_images_do_not():
    class Seen(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.rows = network(), []

        def forward(self, x):
            self.rows.append(x.detach().clone())
            return self.inner(x)

    model, (x, y), (x_new, y_new) = Seen(), images(16), images(12, seed=1)
    search = AutoBalance(augmentation=ClassAugmentation(OPS), warm_up=0, interval=1).begin(model, COUNTS)
    search.step([(x, y)], [(x_new, y_new)])
    sizes = {len(rows) for rows in model.rows}
    assert sizes == {16, 12}
    assert all(torch.equal(rows, x_new) for rows in model.rows if len(rows) == 12)
    training = [rows for rows in model.rows if len(rows) == 16]
    assert not torch.equal(training[0], x) and all(torch.allclose(rows, training[0]) for rows in training)


# What a row gets


def test_a_row_gets_the_strengths_of_its_class_and_group():
    x = torch.rand(6, 1, 4, 4, dtype=torch.float64)
    y, group = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 0, 1, 0, 1])
    strength = [[0.0, 1.0], [0.0, 0.0]]  # class 0, group 1 only
    with pytest.warns(ClassStrengthWarning):
        augmentation = ClassAugmentation(
            {"brightness": 0.3}, by="group", strength=strength, op_probability=1.0, probability=1.0
        )
    rows, labels = augmentation(x, y, group)
    assert labels is y
    assert ((rows - x).abs().flatten(1).amax(1) > 1e-9).tolist() == [False, True, False, False, False, False]
    with pytest.raises(TypeError, match="differs by group, but no groups came"):
        augmentation.rows(x, y)
    soft = torch.nn.functional.one_hot(y, 2).double()
    draws = [torch.Generator().manual_seed(3) for _ in range(2)]
    by_index, by_share = (
        augmentation.rows(x, labels, group=group, generator=g) for labels, g in zip((y, soft), draws, strict=True)
    )
    torch.testing.assert_close(by_index, by_share)


def test_strengths_by_operation_are_those_of_augment():
    x = torch.rand(5, 3, 6, 6, dtype=torch.float64)
    augment = Augment(crop=0, flip=0, rotation=20, contrast=0.4, cut_out=0.5)
    half, none = torch.full((5,), 0.5), torch.zeros(5)
    draws = [torch.Generator().manual_seed(0) for _ in range(3)]
    together = augment.rows(x, strength=half, generator=draws[0])
    each = augment.rows(x, strength=dict.fromkeys(("rotation", "contrast", "cut_out"), half), generator=draws[1])
    torch.testing.assert_close(together, each)
    one = augment.rows(x, strength={"rotation": none, "contrast": half, "cut_out": none}, generator=draws[2])
    alone = Augment(crop=0, flip=0, contrast=0.4).rows(x, strength=half, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one, alone)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match=r"ops must be one or more of shift, .*but ops=\('posterize',\)"):
        ClassAugmentation(("posterize",))
    with pytest.raises(ValueError, match=r"sequence of changes, but ops='rotation': give ops=\('rotation',\)"):
        ClassAugmentation("rotation")
    with pytest.raises(ValueError, match="by must be one of 'class', 'group', 'one', but by='row'"):
        ClassAugmentation(by="row")
    with pytest.raises(ValueError, match="strength must be from 0 to 1"):
        ClassAugmentation(strength=[0.5, 1.5])
    with pytest.raises(ValueError, match="op_probability must be from 0 to 1 for each of rotation, shift"):
        ClassAugmentation(("rotation", "shift"), op_probability={"rotation": 0.5})
    with pytest.raises(ValueError, match=r"strength_rotation of the augmentation .* its shape is \(3,\)"):
        AutoBalance(augmentation=ClassAugmentation(("rotation",), strength=[0.1] * 3)).begin(network(), COUNTS)
    assert clone(AutoBalance(augmentation=ClassAugmentation(OPS, by="one"))).augmentation.by == "one"


def test_strengths_that_do_not_fit_the_classes_of_a_batch_are_named():
    x, y = torch.rand(10, 3, 8, 8), torch.arange(10)
    augmentation = ClassAugmentation(("rotation",), strength=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"strength_rotation must hold one value .* \(2,\), .* classes up to 9"):
        augmentation(x, y)
    with pytest.raises(ValueError, match=r"strength_rotation must hold one value .* \(2,\), .* has 3 classes"):
        augmentation(x, torch.full((10, 3), 1 / 3))
    by_group = ClassAugmentation(("rotation",), by="group", op_probability=[[0.1, 0.2], [0.3, 0.4]])
    with pytest.raises(ValueError, match=r"probability_rotation must hold .*classes up to 1 and groups up to 2"):
        by_group(x, y % 2, y % 3)


# The search


def searched(augmentation, n_steps=60, seed=0, **settings):
    model, (x, y) = network(), images(80)
    x_new, y_new = images(80, seed=1)
    lift = torch.linspace(-0.4, 0.4, 80, dtype=torch.float64)[
        torch.randperm(80, generator=torch.Generator().manual_seed(2))
    ]
    x_new = x_new + lift.view(-1, 1, 1, 1)  # validation images are brighter and darker than training images
    search = AutoBalance(warm_up=20, interval=1, augmentation=augmentation, **settings).begin(model, COUNTS)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    torch.manual_seed(seed)
    for _ in range(n_steps):
        search.loss(model(search.augment(x, y)), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        if search.due():
            search.step([(x, y)], [(x_new, y_new)])
    return model, search


def test_a_change_that_validation_images_show_grows_stronger():
    _, search = searched(ClassAugmentation({"brightness": 0.5}), n_steps=150)
    assert search.parameters["strength_brightness"].mean() > 0.3 + 0.1


@pytest.mark.parametrize(("by", "n"), [("class", 2), ("one", 1)])
def test_what_is_shared_moves_together(by, n):
    _, search = searched(ClassAugmentation(OPS, by=by), n_steps=30)
    for op in OPS:
        assert len(search.parameters[f"strength_{op}"].unique()) == n


def test_the_history_has_a_value_for_each_class_and_operation():
    _, search = searched(ClassAugmentation(OPS), n_steps=30)
    names = {"w", "offset", "delta", *(f"{kind}_{op}" for kind in ("strength", "probability") for op in OPS)}
    history = search.history
    assert set(history["parameter"]) == names and set(history["class"]) == {0, 1}
    first = history[(history["step"] == 0) & (history["parameter"] == "strength_rotation")]
    assert np.allclose(first["value"], 0.3)
    last = history[history["step"] == history["step"].max()].set_index(["parameter", "class"])["value"]
    assert last["strength_rotation", 1] == pytest.approx(search.parameters["strength_rotation"][1].item())


def test_training_again_uses_the_mean_over_the_later_half():
    _, search = searched(ClassAugmentation(OPS, probability=0.4), n_steps=40)
    found = search.retraining_augmentation()
    means = search._history.later_means()
    assert found.probability == 0.4 and tuple(found.ops) == OPS
    for name, value in found.start().items():
        torch.testing.assert_close(value, means[name])
    x, _ = found(*images(8))
    assert x.shape == (8, 3, SIDE, SIDE)


def test_a_search_saved_and_loaded_goes_on_to_the_bit():
    _, search = searched(ClassAugmentation(OPS), n_steps=30)
    model, again = searched(ClassAugmentation(OPS), n_steps=0)
    again.load_state_dict(search.state_dict())
    x, y = images(80)
    for each in (search, again):
        each._model.load_state_dict(model.state_dict())
        torch.manual_seed(5)
        each.step([(x, y)], [images(40, seed=3)])
    assert all(torch.equal(search.parameters[name], value) for name, value in again.parameters.items())
    with pytest.raises(ValueError, match="parameters and class counts of the saved one"):
        searched(ClassAugmentation(("hue",)), n_steps=0)[1].load_state_dict(search.state_dict())


def test_without_an_augmentation_images_stay_as_they_are():
    x, y = images(8)
    search = AutoBalance().begin(network(), COUNTS)
    assert search.augment(x, y) is x and search.retraining_augmentation() is None


def test_a_loop_that_never_augments_is_told_once():
    model, (x, y), validation = network(), images(16), [images(12, seed=1)]

    def told(search, augment, n_steps=3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(n_steps):
                rows = search.augment(x, y) if augment else x
                search.loss(model(rows), y)
                search.step([(x, y)], validation)
        return [str(each.message) for each in caught if "search.augment was not called" in str(each.message)]

    settings = AutoBalance(augmentation=ClassAugmentation(OPS), warm_up=0, interval=1)
    search = settings.begin(model, COUNTS)
    assert told(search, augment=True) == []
    assert len(told(search, augment=False)) == 1 and told(search, augment=False) == []
    assert told(AutoBalance(warm_up=0, interval=1).begin(model, COUNTS), augment=False) == []


# In our own trainer


def test_each_replica_of_a_stack_has_an_augmentation_of_its_own():
    augmentation = ClassAugmentation(OPS)
    both = ModuleStack([network(0), network(1)])
    (x, y), (x_new, y_new) = images(24), images(24, seed=1)
    settings = AutoBalance(augmentation=augmentation, warm_up=0, interval=1)
    together = settings.begin(both, [COUNTS, COUNTS])
    together.generators = [torch.Generator().manual_seed(r) for r in (0, 1)]
    pair = [torch.stack([rows, rows.flip(0)]) for rows in (x, y)], [torch.stack([r, r.flip(0)]) for r in (x_new, y_new)]
    together.step([tuple(pair[0])], [tuple(pair[1])])
    for r in (0, 1):
        one = ModuleStack([network(r)])
        alone = settings.begin(one, [COUNTS])
        alone.generators = [torch.Generator().manual_seed(r)]
        alone.step([tuple(part[r : r + 1] for part in pair[0])], [tuple(part[r : r + 1] for part in pair[1])])
        for name, value in alone.parameters.items():
            torch.testing.assert_close(together.parameters[name][r : r + 1], value, rtol=1e-6, atol=1e-8)


def test_the_classifier_searches_and_trains_again_with_what_was_found():
    x, y = images(120, dtype=torch.float32)
    X = (x.clamp(0, 1) * 255).to(torch.uint8).numpy()

    def fitted(strength):
        search = AutoBalance(augmentation=ClassAugmentation(OPS, strength=strength), warm_up=10, interval=2)
        parts = {"network": network().float(), "loss": search, "max_steps": 40, "n_members": 2, "batch_size": 16}
        return NeuralClassifier(**parts, random_state=0).fit(X, y.numpy())

    weak, strong = fitted(0.3), fitted(0.9)
    found = weak.loss_parameters_
    assert found["strength_rotation"].shape == (2, 2) and set(weak.loss_history_["parameter"]) == set(found)
    assert not np.allclose(found["strength_rotation"], 0.3)
    assert not np.allclose(weak.predict_proba(X), strong.predict_proba(X))
    assert np.array_equal(fitted(0.3).predict_proba(X), weak.predict_proba(X))


# Several processes


def _searched(rank):
    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    search = AutoBalance(augmentation=ClassAugmentation(OPS), warm_up=0, interval=1).begin(model, COUNTS)
    torch.manual_seed(rank)
    for step in range(4):
        x, y = images(24, seed=10 * step + rank)
        search.loss(model(search.augment(x, y)), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        search.step([(x, y)], [images(24, seed=100 + 10 * step + rank)])
    return {name: value.tolist() for name, value in search.parameters.items()}


def test_two_processes_find_one_augmentation(in_two_processes):
    first, second = in_two_processes(_searched)
    assert first == second and first["strength_rotation"] != [0.3, 0.3]
