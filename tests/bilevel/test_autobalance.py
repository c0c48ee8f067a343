"""AutoBalance beside a training loop: what it finds, what it leaves alone, and that it goes on where it was."""

import copy
import io
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from equipoise import AutoBalance, ReMix
from equipoise.bilevel.loss_gradient import searched_weights
from equipoise.bilevel.loss_parameters import clusters, dictionary
from equipoise.bilevel.networks import head_parameters
from equipoise.bilevel.outer_objectives import OBJECTIVES, Blend, balanced
from equipoise.bilevel.solvers import ConjugateGradient
from equipoise.losses import cdt_loss, logit_adjusted_loss, parametric_cross_entropy
from equipoise.networks import MLPStack, ModuleStack

COUNTS = [160, 30, 10]
SOLVERS = ["identity", "neumann", "cg", "exact"]


@pytest.fixture
def data(problem):
    """Training rows and validation rows of three classes that overlap, as one batch each."""
    sides = (problem(counts, seed=seed, apart=1.0) for counts, seed in [(COUNTS, 0), ((80, 15, 5), 0)])
    train, validation = [(torch.from_numpy(X), torch.from_numpy(y)) for X, y in sides]
    return [train], [validation]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def train(model, search, data, n_steps, rate=0.5):
    """Full batches, plain descent, an outer step when it is due."""
    (x, y, *group), *_ = data[0]
    for _ in range(n_steps):
        model.zero_grad()
        search.loss(model(x), y, *group).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= rate * p.grad
        if search.due():
            search.step(*data)
    return search


def on_validation(loss, data, objective=balanced):
    """Value of an objective for a linear model trained to its end with a loss."""
    (x, y, *group), (x_new, y_new, *group_new) = data[0][0], data[1][0]
    model = nn.Linear(4, 3).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=300, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(model(x), y, *group) + 0.01 * sum(p.square().sum() for p in model.parameters())
        value.backward()
        return value

    optimizer.step(closure)
    losses = parametric_cross_entropy(model(x_new), y_new, reduction="none").detach()
    cells = y_new * 2 + group_new[0] if group else y_new * 2
    sums = torch.bincount(cells, losses, minlength=6)
    return objective(sums.view(3, 2), torch.bincount(cells, minlength=6).view(3, 2)).item()


# What it finds


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("parameters", [("offset",), ("w",), ("w", "offset", "delta")], ids="-".join)
def test_training_with_the_loss_found_lowers_the_objective(solver, parameters, data):
    model = nn.Linear(4, 3).double()
    search = AutoBalance(start="ce", solver=solver, parameters=parameters, warm_up=50, interval=3).begin(model, COUNTS)
    before = on_validation(search.loss, data)
    train(model, search, data, 200)
    assert on_validation(search.loss, data) < before - 0.05
    assert on_validation(search.retraining_loss(), data) < before - 0.05


def test_offsets_and_multipliers_found_fall_with_rarity(data, network):
    search = AutoBalance(start="ce", warm_up=50, interval=3).begin(network, COUNTS)
    found = train(network, search, data, 400).parameters
    assert (found["offset"].diff() < -0.2).all()
    assert found["delta"][2] < found["delta"][0]
    assert found["offset"].sum().abs() < 1e-12 and (found["w"] == 1).all()


def test_it_starts_from_the_loss_that_is_named(data, network):
    (x, y), *_ = data[0]
    logits = network(x).detach()
    expected = {
        "ce": parametric_cross_entropy(logits, y),
        "la": logit_adjusted_loss(logits, y, COUNTS, tau=1.3),
        "cdt": cdt_loss(logits, y, COUNTS, gamma=0.3),
    }
    for start, value in expected.items():
        search = AutoBalance(start=start, tau=1.3, gamma=0.3).begin(network, COUNTS)
        torch.testing.assert_close(search.loss(logits, y), value, rtol=1e-6, atol=0)


def test_the_worst_class_gains_where_it_is_the_objective(data):
    (x, y), *_ = data[1]
    worst = {}
    for objective in ("balanced", "worst_class"):
        torch.manual_seed(0)
        model = nn.Linear(4, 3).double()
        settings = AutoBalance(
            objective=objective, start="ce", parameters=("offset",), solver="cg", warm_up=50, interval=3
        )
        train(model, settings.begin(model, COUNTS), data, 400)
        losses = parametric_cross_entropy(model(x).detach(), y, reduction="none")
        worst[objective] = max(losses[y == k].mean().item() for k in range(3))
    assert worst["worst_class"] < worst["balanced"] - 0.01


# Groups


@pytest.fixture
def grouped(problem):
    """Two groups; the second is rarer and lies elsewhere, and its third class has no training rows."""

    def side(counts, others, seed):
        X, y = problem(counts, seed=seed, apart=1.5)
        X_other, y_other = problem(others, seed=seed + 50, apart=1.5)
        group = np.repeat([0, 1], [len(y), len(y_other)])
        joined = np.concatenate([X, X_other]), np.concatenate([y, y_other]), group
        return [tuple(map(torch.from_numpy, joined))]

    return side((120, 30, 20), (30, 10, 0), 0), side((60, 30, 20), (30, 20, 5), 1)


def group_counts(side):
    (_, y, group), *_ = side
    return torch.bincount(y * 2 + group, minlength=6).view(3, 2)


@pytest.mark.parametrize("objective", ["group_balanced", "worst_group", "deo", Blend("balanced", "deo", weight=0.7)])
def test_groups_have_parameters_of_their_own_that_serve_the_objective(objective, grouped):
    model = nn.Linear(4, 3).double()
    search = AutoBalance(
        objective=objective, start="ce", parameters=("w", "offset", "delta"), warm_up=50, interval=3, solver="cg"
    ).begin(model, group_counts(grouped[0]))
    measure = objective if callable(objective) else OBJECTIVES[objective]
    before = on_validation(search.loss, grouped, measure)
    train(model, search, grouped, 250, rate=0.3)
    assert on_validation(search.retraining_loss(), grouped, measure) < before - 0.05
    assert search.parameters["offset"].shape == (3, 2)
    assert (search.parameters["offset"].diff(dim=1).abs() > 0.05).any()


def test_groups_come_everywhere_or_nowhere(grouped, data, network):
    with pytest.raises(ValueError, match=r"objective='deo' compares groups: give class_counts of shape \(K, G\)"):
        AutoBalance(objective="deo").begin(network, COUNTS)
    with pytest.raises(ValueError, match="no groups came: give both or neither"):
        AutoBalance().begin(network, group_counts(grouped[0])).step(*data)
    with pytest.raises(ValueError, match="groups came without them: give both or neither"):
        AutoBalance().begin(network, COUNTS).step(*grouped)
    search = AutoBalance().begin(network, group_counts(grouped[0]))
    for side, shift, found in ((0, 1, "1 to 2"), (1, -1, "-1 to 0")):
        batches = [[(x, y, group + shift * (side == i)) for x, y, group in grouped[i]] for i in (0, 1)]
        with pytest.raises(ValueError, match=f"Groups must lie in 0 to G - 1 = 1, but a batch holds {found}"):
            search.step(*batches)
    with pytest.raises(ValueError, match="a batch holds 1 to 2"):
        search.loss(network(grouped[0][0][0]), grouped[0][0][1], grouped[0][0][2] + 1)
    with pytest.raises(ValueError, match="no groups came"):
        AutoBalance().begin(network, group_counts(grouped[0])).loss(network(data[0][0][0]), data[0][0][1])


# Sharing


def test_classes_of_like_frequency_share_what_is_found():
    """Seven classes, not in order, in runs of three: the last run has one."""
    counts, x = torch.tensor([5, 900, 40, 60, 7, 300, 50]), torch.randn(70, 4)
    y = torch.arange(70) % 7
    model = nn.Linear(4, 7)
    for sharing, n_own in [(3, 3), (1, 7), (None, 7), ("auto", 7), (7, 1)]:
        search = AutoBalance(sharing=sharing, interval=1).begin(model, counts)
        start = search.parameters["offset"]
        search.step([(x, y)], [(x, y)])
        moved = (search.parameters["offset"] - start).numpy().round(5)
        assert len(np.unique(moved)) == n_own
    assert clusters(counts, 3).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]]


def test_the_dictionary_is_its_eight_functions():
    counts = [20.0, 1000.0, 100.0]
    p = [n / 1000 for n in counts]
    functions = [
        lambda p: -np.log10(p),
        lambda p: np.log10(p) ** 2,
        lambda p: np.sqrt(-np.log10(p)),
        lambda p: 1 / p,
        lambda p: p**-0.5,
        lambda p: p**-0.3,
        lambda p: p**-2.0,
        lambda p: 1.0,
    ]
    expected = [[f(q) / max(map(f, p)) for f in functions] for q in p]
    torch.testing.assert_close(dictionary(torch.tensor(counts)), torch.tensor(expected).float(), rtol=1e-6, atol=1e-7)
    assert dictionary(torch.ones(4)).isfinite().all()  # all as frequent: the functions of rarity are 0


def test_many_classes_are_searched_by_a_few_numbers():
    """Twelve classes: eight numbers, and what is found is a smooth function of frequency."""
    torch.manual_seed(0)
    counts = torch.tensor([500 // (k + 1) for k in range(12)])
    y = torch.repeat_interleave(torch.arange(12), counts)
    x = torch.randn(len(y), 4) + torch.randn(12, 4)[y]
    model = nn.Linear(4, 12)
    search = AutoBalance(start="ce", parameters=("offset",), warm_up=20, interval=2).begin(model, counts)
    train(model, search, ([(x, y)], [(x, y)]), 150)
    assert search.state_dict()["departures"]["offset"].shape == (8, 1)
    assert (search.parameters["offset"].diff() < 0).all()


# What it leaves alone


def test_a_step_changes_nothing_of_the_network(data):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3)).double()
    model[1].eval()
    (x, y), *_ = data[0]
    parametric_cross_entropy(model(x), y).backward()
    before = copy.deepcopy({**model.state_dict(), **{n: p.grad for n, p in model.named_parameters()}})
    modes, chance = [module.training for module in model.modules()], torch.get_rng_state()
    for solver in SOLVERS:
        AutoBalance(solver=solver).begin(model, COUNTS).step(*data)
    after = {**model.state_dict(), **{n: p.grad for n, p in model.named_parameters()}}
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(p.requires_grad for p in model.parameters())


def test_half_precision_is_widened(data):
    (x, y), *_ = data[0]
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        model = nn.Linear(4, 3).to(dtype)
        search = AutoBalance(start="ce").begin(model, COUNTS)
        search.step([(x.to(dtype), y)], [(x.to(dtype), y)])
        assert search.parameters["offset"].dtype == torch.float32
        found.append(search.parameters["offset"])
        assert np.isfinite(search.outer_steps[["objective", "gradient_norm"]]).all(axis=None)
    torch.testing.assert_close(*found, rtol=0.05, atol=1e-4)


def test_frozen_weights_stay_out_of_it(data, network):
    network[0].requires_grad_(False)
    search = AutoBalance(solver="cg").begin(network, COUNTS)
    assert list(searched_weights(network, ConjugateGradient())) == ["2.weight", "2.bias"]
    search.step(*data)
    assert all(p.grad is None for p in network.parameters())


def test_a_network_that_diverged_leaves_the_parameters_as_they_are(data, network):
    search = AutoBalance().begin(network, COUNTS)
    before = search.parameters
    with torch.no_grad():
        network[0].weight.fill_(torch.nan)
    search.step(*data)
    assert all(torch.equal(before[name], value) for name, value in search.parameters.items())
    assert search.outer_steps["objective"].isna().all()


def test_nothing_pulls_the_parameters_back(data, network):
    """With a validation loss that no weight changes, a start is kept to the bit."""
    search = AutoBalance(objective=lambda sums, counts: 0.0 * sums.sum((-2, -1))).begin(network, COUNTS)
    before = search.parameters
    for _ in range(5):
        search.step(*data)
    assert all(torch.equal(before[name], value) for name, value in search.parameters.items())


# Schedule


@pytest.mark.parametrize(
    ("parameters", "max_steps", "expected"),
    [
        ({"warm_up": 4, "interval": 3}, None, [4, 7, 10]),
        ({"warm_up": 0, "interval": 4}, None, [4, 8, 12]),
        ({"interval": 3}, 20, [8, 11]),
        ({"interval": 3}, None, []),
    ],
)
def test_when_an_outer_step_is_due(parameters, max_steps, expected, network, data):
    search = AutoBalance(**parameters).begin(network, COUNTS, max_steps=max_steps)
    (x, y), *_ = data[0]
    assert not search.due()
    due = []
    for step in range(1, 13):
        search.loss(network(x), y)
        with torch.no_grad():
            search.loss(network(x), y)  # a look, no step
        due += [step] * search.due()
    assert due == expected
    assert search.n_steps == 12


def test_batches_are_taken_from_lists_loaders_and_iterators(data, network):
    (x, y), *_ = data[0]
    search = AutoBalance(n_batches=2).begin(network, COUNTS)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=50, shuffle=True)
    batches = iter([(x, y)] * 5)
    search.step(loader, batches)
    search.step(batches, [(x, y)] * 2)
    assert len(list(batches)) == 1 and search.n_outer_steps == 2
    with pytest.raises(ValueError, match="needs n_batches=2 batches, but train_batches gave 1"):
        search.step([(x, y)], loader)


@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_that_the_loss_ignores_have_no_say(solver, data, network):
    (x, y), (x_new, y_new) = data[0][0], data[1][0]
    found = []
    for more in (0, 7):
        search = AutoBalance(solver=solver, start="ce").begin(network, COUNTS)
        train, validation = (
            (torch.cat([rows, 3 * rows[:more]]), torch.cat([labels, torch.full((more,), -100)]))
            for rows, labels in ((x, y), (x_new, y_new))
        )
        search.step([train], [validation])
        found.append(search)
    torch.testing.assert_close(found[0].parameters["offset"], found[1].parameters["offset"], rtol=1e-6, atol=0)
    objectives = [search.outer_steps["objective"][0] for search in found]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-12)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool], ids=str)
def test_class_indices_of_any_kind_serve(kind, problem):
    X, y = problem((30, 10), seed=0)
    x, y = torch.from_numpy(X), torch.from_numpy(y)
    found = []
    for labels in (y, y.to(kind)):
        torch.manual_seed(0)
        search = AutoBalance(start="ce", solver="cg").begin(nn.Linear(4, 2).double(), [30, 10])
        search.step([(x, labels)], [(x, labels)])
        found.append(search.parameters["offset"])
    assert torch.equal(*found)


def test_batches_of_arrays_are_refused(data, network):
    arrays = [tuple(part.numpy() for part in data[0][0])]
    with pytest.raises(TypeError, match=r"target of a batch must be a torch\.Tensor, but is a ndarray"):
        AutoBalance().begin(network, COUNTS).step(arrays, data[1])


# Soft labels


def test_it_works_under_remix(data, network):
    draw = torch.Generator().manual_seed(0)
    remix = ReMix(alpha=0.3, num_classes=3, generator=draw)
    search = AutoBalance(start="ce", solver="cg", warm_up=30, interval=3).begin(network, COUNTS)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(120):
        x, y = remix(*data[0][0])
        search.loss(network(x.double()), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        if search.due():
            search.step([(x.double(), y)], data[1])
    values = search.outer_steps["objective"]
    assert search.n_outer_steps == 31 and np.isfinite(values).all()
    with pytest.raises(ValueError, match="Validation targets must be class indices"):
        search.step(data[0], [(x, y)])


def test_indices_and_probabilities_of_one_and_zero_are_the_same(data, network):
    (x, y), *_ = data[0]
    soft = nn.functional.one_hot(y, 3).double()
    found = []
    for target in (y, soft):
        search = AutoBalance(solver="cg").begin(network, COUNTS)
        search.step([(x, target)], data[1])
        found.append(search.parameters)
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-12, atol=0)


# State and history


@pytest.mark.parametrize("solver", ["identity", "cg"])
def test_a_search_saved_and_loaded_goes_on_to_the_bit(solver, data, network):
    settings = AutoBalance(solver=solver, warm_up=10, interval=3)
    search = train(network, settings.begin(network, COUNTS), data, 30)
    file = io.BytesIO()
    torch.save({"network": network.state_dict(), "search": search.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    twin = copy.deepcopy(network)
    twin.load_state_dict(state["network"])
    again = settings.begin(twin, COUNTS)
    again.load_state_dict(state["search"])
    for model, one in ((network, search), (twin, again)):
        train(model, one, data, 30)
    assert again.n_steps == 60 and again.n_outer_steps == search.n_outer_steps
    assert all(torch.equal(value, again.parameters[name]) for name, value in search.parameters.items())
    assert search.history.equals(again.history) and search.outer_steps.equals(again.outer_steps)
    assert all(map(torch.equal, network.parameters(), twin.parameters()))


def test_a_state_is_not_changed_by_what_follows(data, network):
    search = AutoBalance().begin(network, COUNTS)
    search.step(*data)
    state = search.state_dict()
    kept = copy.deepcopy(state)
    search.step(*data)
    assert state["history"]["steps"] == kept["history"]["steps"] == [0, 0]
    assert all(torch.equal(kept["departures"][name], value) for name, value in state["departures"].items())


@pytest.mark.parametrize(
    ("settings", "counts", "message"),
    [
        ({}, [5] * 5, r"parameters=\{'offset': \(5, 1\).* this search has parameters=\{'offset': \(3, 1\)"),
        ({}, [160, 10, 30], r"class_counts=\[\[160.0\], \[10.0\], \[30.0\]\], but this search has"),
        ({"start": "ce"}, COUNTS, "start='ce', but this search has start='la': create it with"),
        ({"tau": 2.0}, COUNTS, "tau=2.0, but this search has tau=1.0"),
        ({"parameters": ("w",)}, COUNTS, r"parameters=\{'w': \(3, 1\)\}, but"),
    ],
)
def test_a_state_of_another_problem_is_refused(settings, counts, message, network):
    of_any = nn.Sequential(network, nn.Identity())  # of no known number of outputs
    state = AutoBalance(**settings).begin(of_any, counts).state_dict()
    search = AutoBalance().begin(network, COUNTS)
    with pytest.raises(ValueError, match=message):
        search.load_state_dict(state)
    assert search.n_steps == 0


@pytest.mark.parametrize("state", [None, {}, {"n_steps": 3}])
def test_a_state_that_is_none_is_refused(state, network):
    with pytest.raises(ValueError, match=r"one that state_dict\(\) gave, but it is"):
        AutoBalance().begin(network, COUNTS).load_state_dict(state)


def test_the_history_holds_every_parameter_from_the_start(data, network):
    search = AutoBalance(warm_up=5, interval=2).begin(network, COUNTS)
    start = search.parameters
    train(network, search, data, 10)
    history = search.history
    assert list(history) == ["step", "parameter", "class", "value"]
    assert history["step"].unique().tolist() == [0, 5, 7, 9] and len(history) == 4 * 3 * 3
    wide = history.pivot(index=["parameter", "class"], columns="step", values="value")
    for name, value in start.items():
        np.testing.assert_array_equal(wide.loc[name][0], value)
        np.testing.assert_array_equal(wide.loc[name][9], search.parameters[name])
        found = getattr(search.retraining_loss(), name)
        np.testing.assert_allclose(found, wide.loc[name][[7, 9]].mean(axis=1), rtol=1e-12)
    steps = search.outer_steps
    assert list(steps) == ["step", "objective", "residual", "gradient_norm"] and steps["step"].tolist() == [5, 7, 9]
    assert (steps["objective"] > 0).all() and steps["residual"].isna().all() and (steps["gradient_norm"] > 0).all()
    assert len(AutoBalance().begin(network, COUNTS).outer_steps) == 0


def test_residuals_are_told(data, network):
    search = AutoBalance(solver=ConjugateGradient(max_iter=200, tol=1e-6, damping=0.1)).begin(network, COUNTS)
    search.step(*data)
    assert search.outer_steps["residual"].item() < 1e-6


# Stacks


@pytest.mark.parametrize("solver", SOLVERS)
def test_each_replica_of_a_stack_has_a_search_of_its_own(solver, data):
    torch.manual_seed(0)
    counts = torch.tensor([COUNTS, [30, 30, 140], [100, 60, 40]])
    modules = [nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double() for _ in range(3)]
    stack = ModuleStack(modules)
    x, y = (part.expand(3, *part.shape) for part in data[0][0])
    x_new, y_new = (part.expand(3, *part.shape) for part in data[1][0])
    settings = AutoBalance(solver=solver)
    search = settings.begin(stack, counts)
    assert search.loss(stack(x), y).shape == (3,)
    for _ in range(3):
        search.step([(x, y)], [(x_new, y_new)])
    for r, module in enumerate(modules):
        alone = settings.begin(module, counts[r])
        for _ in range(3):
            alone.step(*data)
        for name, value in alone.parameters.items():
            torch.testing.assert_close(search.parameters[name][r], value, rtol=1e-7, atol=1e-9)
    assert sorted(search.history["replica"].unique()) == [0, 1, 2] and len(search.outer_steps) == 9


def test_the_head_is_the_last_linear_layer():
    assert head_parameters(nn.Linear(3, 2)) == ["weight", "bias"]
    assert head_parameters(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))) == ["2.weight"]
    assert head_parameters(MLPStack((3, 8, 2), 5)) == ["weights.1", "biases.1"]
    stack = ModuleStack([nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))])
    assert head_parameters(stack) == ["1/weight", "1/bias"]
    assert set(head_parameters(stack)) < set(dict(stack.named_parameters()))
    with pytest.raises(ValueError, match="'exact' solves for the last linear layer, but Sequential has none"):
        head_parameters(nn.Sequential(nn.Conv2d(1, 1, 1)))


# Plain parameters


def test_it_holds_plain_parameters_until_it_begins(network, data):
    settings = AutoBalance(objective=Blend("balanced", "worst_class", 0.3), solver=ConjugateGradient(max_iter=3))
    before = settings.get_params()
    settings.begin(network, COUNTS).step(*data)
    assert settings.get_params() == before and vars(settings).keys() == before.keys()
    assert clone(settings).get_params() == before == pickle.loads(pickle.dumps(settings)).get_params()
    assert repr(AutoBalance(tau=2.0)) == "AutoBalance(tau=2.0)"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objective": "fair"}, "'objective' parameter of AutoBalance must be"),
        ({"start": "vs"}, "'start' parameter of AutoBalance must be"),
        ({"tau": -1}, "'tau' parameter"),
        ({"interval": 0}, "'interval' parameter"),
        ({"warm_up": -1}, "'warm_up' parameter"),
        ({"n_batches": 0}, "'n_batches' parameter"),
        ({"learning_rate": 0}, "'learning_rate' parameter"),
        ({"sharing": 0}, "'sharing' parameter"),
        ({"solver": "newton"}, "'solver' parameter"),
        (
            {"parameters": ("offset", "tau")},
            r"parameters must be one or more of 'w', 'offset' and 'delta', .*\['offset', 'tau'\]",
        ),
        ({"parameters": ()}, r"parameters must be one or more of .* parameters=\[\]"),
        ({"parameters": ("offset", "offset")}, r"each once, but parameters=\['offset', 'offset'\]"),
    ],
)
def test_bad_parameters_are_refused_when_it_begins(parameters, message, network):
    with pytest.raises(ValueError, match=message):
        AutoBalance(**parameters).begin(network, COUNTS)


def test_bad_counts_and_models_are_refused(network):
    with pytest.raises(ValueError, match="Every class must have training rows, but class 1 has 0"):
        AutoBalance().begin(network, [5, 0, 3])
    with pytest.raises(ValueError, match=r"class_counts must have the shape \(K,\), .* its shape is \(1, 1, 3\)"):
        AutoBalance().begin(network, [[COUNTS]])
    with pytest.raises(ValueError, match="The model must have trainable weights, but Flatten has none"):
        AutoBalance().begin(nn.Flatten(), COUNTS)
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, but is a function"):
        AutoBalance().begin(lambda x: x, COUNTS)


def test_class_counts_that_do_not_fit_the_outputs_are_refused_at_the_beginning():
    for model in (nn.Linear(4, 2), nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))):
        with pytest.raises(ValueError, match="each of the model's 2 outputs, but holds 3"):
            AutoBalance().begin(model, [1, 2, 3])
        AutoBalance().begin(model, [1, 2])
    AutoBalance().begin(nn.Sequential(nn.Linear(4, 6), nn.Unflatten(-1, (2, 3)), nn.AvgPool1d(3)), [1, 2])  # not known


def test_a_search_without_outer_steps_is_told_at_the_end(network, data):
    search = AutoBalance(warm_up=70).begin(network, COUNTS)
    x, y = data[0][0]
    search.loss(network(x), y)
    with pytest.warns(UserWarning, match=r"no outer step in 1 training step, so .* or lower warm_up \(70\)"):
        search.retraining_loss()
    search.step(*data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.retraining_loss()


def test_validation_batches_without_a_class_are_told_once(network, data):
    search = AutoBalance(n_batches=1).begin(network, COUNTS)
    (x, y), *_ = data[1]
    some = [(x[y != 2], y[y != 2])]
    with pytest.warns(UserWarning, match=r"validation batches of this outer step \(1\) hold no row of class 2, so"):
        search.step(data[0], some)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.step(data[0], some)


def test_validation_batches_with_nan_are_told(network, data):
    search = AutoBalance(n_batches=1).begin(network, COUNTS)
    (x, y), *_ = data[1]
    with pytest.warns(UserWarning, match="objective of the validation batches is nan, so this outer step moves"):
        search.step(data[0], [(x * float("nan"), y)])
    assert all(value.isfinite().all() for value in search.parameters.values())


@pytest.mark.parametrize("max_steps", [-3, 0])
def test_a_run_without_steps_is_refused(max_steps, network):
    with pytest.raises(ValueError, match=f"max_steps must be 1 or more.* not {max_steps}"):
        AutoBalance().begin(network, COUNTS, max_steps=max_steps)


def test_counts_that_do_not_fit_the_outputs_are_named(network, data):
    (x, y), *_ = data[0]
    for counts in ([160, 40], [[160, 40], [80, 20]]):
        grouped = isinstance(counts[0], list)
        group = [torch.zeros_like(y)] * grouped
        search = AutoBalance(warm_up=0).begin(nn.Sequential(network, nn.Identity()), counts)
        with pytest.raises(ValueError, match=r"class_counts must hold one value a class.* of shape \(200, 3\)"):
            search.loss(network(x), y, *group)
        with pytest.raises(ValueError, match="class_counts must hold one value a class"):
            search.step([(x, y, *group)], [(x, y, *group)])
