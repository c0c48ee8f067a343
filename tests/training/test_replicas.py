"""A replica does not feel its neighbours: in a stack it becomes what it becomes alone."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from equipoise import BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.classifiers.scores import SCORES
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.stacks import plan_stacks

QUICK = {"network": (8, 6), "max_steps": 40, "epoch_steps": 10, "batch_size": 16, "dtype": "float64"}


def settings(**changes):
    return Settings(**{**QUICK, "learning_rate": 0.02, **changes})


def in_stack_and_alone(tasks, n_stacks=1):
    assert len(plan_stacks(tasks)) == n_stacks
    return fit(tasks), [fit([task])[0] for task in tasks]


def reversed_batch(x, y):
    """A plain transform without chance: mixes each row with its mirror image in the batch."""
    soft = functional.one_hot(y, 2).to(x)
    return 0.9 * x + 0.1 * x.flip(0), 0.9 * soft + 0.1 * soft.flip(0)


def with_row_sets(table):
    shared, rng = table((40, 10)), np.random.default_rng(0)
    sets = [None, np.arange(50)[::2], rng.integers(50, size=200), np.array([3, 4, 5])]
    return [Task(shared, seed, settings(), rows) for seed, rows in enumerate(sets)]


def with_feature_counts(table):
    return [Task(table(n_features=d, seed=d), d, settings()) for d in (10, 8, 9)]


def with_class_counts(table):
    return [Task(table(counts), 1, settings()) for counts in ((30, 9), (20, 10, 5, 4), (25, 5, 8))]


def with_class_counts_mixed(table):
    mixing = settings(batch_transform=ReMix(alpha=1.0))
    return [Task(table(counts), 1, mixing) for counts in ((30, 9), (20, 10, 5, 4), (25, 5, 8))]


def with_weights(table):
    weights = np.random.default_rng(0).uniform(0, 3, 60)
    return [Task(table(), 0, settings(), weights=weights), Task(table(), 1, settings())]


def with_weights_mixed(table):
    weights, mixing = np.random.default_rng(0).uniform(0, 3, 60), settings(batch_transform=MixUp(alpha=1.0))
    return [Task(table(), 0, mixing), Task(table(), 1, mixing, weights=weights)]


def with_soft_targets(table):
    return [Task(table(soft=soft), seed, settings()) for seed, soft in enumerate((False, True, False))]


def with_made_rows(table):
    shared, made = table(), table((0, 20), seed=5)
    rows = np.concatenate([np.arange(60), 60 + np.arange(20)])
    others = Task(table((10, 10), n_features=5, seed=3), 3, settings(), made=table((5, 5), n_features=5, seed=4))
    return [Task(shared, 0, settings()), Task(shared, 1, settings(), rows, made), others]


def with_dropout(table):
    return [Task(table(seed=seed), seed, settings(dropout=0.3)) for seed in range(3)]


def with_mixing_transforms(table):
    transforms = [
        MixUp(alpha=0.3),
        ReMix(alpha=0.3),
        ReMix(variant="authors"),
        MixUp(alpha=1, per_row=True),
        ReMix(alpha=0),
        RebalancedMixup(kappa=2.0),
    ]
    return [Task(table(), 0, settings(batch_transform=transform)) for transform in transforms]


def with_neighbours_in_the_batch(table):
    transforms = [BatchSMOTE(), BatchSMOTE(k_neighbors=2), BatchSMOTE(k_neighbors=1)]
    weights = np.random.default_rng(0).uniform(0, 3, 60)
    tables = [table(n_features=d) for d in (8, 9, 10)]
    return [Task(t, 0, settings(batch_transform=f), weights=weights) for t, f in zip(tables, transforms)]


def with_rates_of_their_own(table):
    resting = settings(schedule="plateau", learning_rate=0.05, epoch_steps=1, dropout=(0.3, 0.0), network=(8, 6))
    return [Task(table(apart=3.0 * seed), seed, resting) for seed in range(4)]


def with_plain_transform(table):
    return [Task(table(), seed, settings(batch_transform=reversed_batch)) for seed in range(3)]


def with_loss_by_class_counts(table):
    weighted = settings(loss=lambda counts: nn.CrossEntropyLoss(weight=counts.sum() / counts.double()))
    return [Task(table(counts), 0, weighted) for counts in ((54, 6), (30, 30), (10, 40))]


def with_everything(table):
    each = [settings(dropout=0.2, batch_transform=transform) for transform in (MixUp(alpha=0.5), ReMix())]
    made = table((0, 9), n_features=8)
    return [
        Task(table((30, 9), 8), 0, each[0], np.arange(48), made, np.linspace(0.5, 2, 48)),
        Task(table((20, 10, 5), 9, soft=True), 1, each[1], np.arange(5, 30)),
        Task(table((12, 9), 10), 2, each[1]),
    ]


SCENARIOS = [
    with_row_sets,
    with_feature_counts,
    with_class_counts,
    with_class_counts_mixed,
    with_weights,
    with_weights_mixed,
    with_soft_targets,
    with_made_rows,
    with_dropout,
    with_mixing_transforms,
    with_neighbours_in_the_batch,
    with_rates_of_their_own,
    with_plain_transform,
    with_loss_by_class_counts,
    with_everything,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_perceptrons(scenario, table, assert_same):
    for network, alone in zip(*in_stack_and_alone(scenario(table))):
        assert_same(network, alone)


def test_single_precision(table, assert_same):
    tasks = [Task(table(n_features=d), d, settings(dtype="float32")) for d in (8, 9, 10)]
    for network, alone in zip(*in_stack_and_alone(tasks)):
        assert_same(network, alone, rtol=1e-2, atol=1e-4)
        assert all(value.dtype == np.float32 for value in network.weights.values())


def early(table, score="log_loss", **changes):
    """Tasks that stop at different times, on validation rows of different numbers."""
    watching = settings(early_stopping=SCORES[score], patience=2, max_steps=300, learning_rate=0.1, **changes)
    split = [(np.arange(n), np.arange(n, 60)) for n in (30, 45, 50, 40)]
    return [
        Task(table((40, 20), seed=seed, apart=0.8), seed, watching, train, validation_rows=held)
        for seed, (train, held) in enumerate(split)
    ]


@pytest.mark.parametrize("score", SCORES)
def test_early_stopping_shrinks_the_stack(score, table, assert_same):
    networks, alone = in_stack_and_alone(early(table, score))
    assert len({network.n_steps for network in networks}) > 1
    for network, other in zip(networks, alone):
        assert_same(network, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.2},
        {"batch_transform": ReMix()},
        {"batch_transform": reversed_batch},
        {"gradient_tolerance": 0.05},
        {"loss": lambda counts: nn.CrossEntropyLoss(weight=counts.sum() / counts.double())},
        {"network": nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))},
    ],
    ids=["dropout", "remix", "transform", "gradient tolerance", "loss by class counts", "module"],
)
def test_a_shrinking_stack_keeps_each_replica_its_own_parts(changes, table, assert_same):
    networks, alone = in_stack_and_alone(early(table, **changes))
    assert len({network.n_steps for network in networks}) > 1
    for network, other in zip(networks, alone):
        assert_same(network, other, rtol=1e-5)


def test_gradient_tolerance(table, assert_same):
    near = settings(gradient_tolerance=0.08, max_steps=400, schedule="constant")
    weights = np.linspace(0.2, 1.8, 60)
    tasks = [Task(table(seed=seed), seed, near, weights=weights if seed else None) for seed in range(4)]
    networks, alone = in_stack_and_alone(tasks)
    assert len({network.n_steps for network in networks}) > 1
    assert "gradient_tolerance" in {network.stopped_by for network in networks}
    for network, other in zip(networks, alone):
        assert_same(network, other)


def test_classes_of_neighbours_stay_out_of_a_smoothed_loss(table, assert_same):
    smooth = settings(loss=nn.CrossEntropyLoss(label_smoothing=0.2))
    tasks = [Task(table(counts), 1, smooth) for counts in ((30, 9), (20, 10, 5, 4))]
    for network, task in zip(fit(tasks), tasks):
        assert_same(network, fit([task])[0])


class LogitAdjusted(nn.Module):
    """Menon et al. 2021: the logarithm of the class priors is added to the logits."""

    def __init__(self, class_counts):
        super().__init__()
        self.register_buffer("prior", (class_counts.double() / class_counts.sum()).log())

    def forward(self, logits, target):
        return functional.cross_entropy(logits + self.prior, target, reduction="none")


@pytest.mark.parametrize("transform", [None, MixUp(alpha=0.3)], ids=["codes", "probabilities"])
def test_classes_of_neighbours_stay_out_of_a_loss_by_class_counts(transform, table, assert_same):
    adjusted = settings(loss=LogitAdjusted, batch_transform=transform)
    tasks = [Task(table(counts), 1, adjusted) for counts in ((30, 9), (20, 10, 5, 4))]
    for network, task in zip(fit(tasks), tasks):
        assert_same(network, fit([task])[0])


def convolution():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )


def images(seed):
    rng = np.random.default_rng(seed)
    y = (np.arange(40) % 4 == 0).astype(int)
    return Table(rng.normal(size=(40, 1, 6, 6)) + y[:, None, None, None], y, n_classes=2)


@pytest.mark.parametrize("transform", [None, ReMix(), reversed_batch], ids=["none", "remix", "plain"])
def test_convolution_with_batch_norm(transform, assert_same, monkeypatch):
    monkeypatch.setattr("equipoise.training.stacks.has_convolutions", lambda module: False)  # as on a GPU
    pattern = settings(network=convolution(), batch_transform=transform)
    tasks = [Task(images(seed), seed, pattern, np.arange(30 + seed)) for seed in range(3)]
    for network, alone in zip(*in_stack_and_alone(tasks)):
        # A bias before batch-norm has no gradient but noise, which Adam may blow up to a step of its own.
        del network.weights["0/bias"], alone.weights["0/bias"]
        network.weights.pop("1/running_mean"), alone.weights.pop("1/running_mean")
        assert_same(network, alone, rtol=1e-5)


def test_networks_made_by_a_callable(table, assert_same):
    def make(shape, n_classes):
        return nn.Sequential(nn.Linear(*shape, 7), nn.Tanh(), nn.Linear(7, n_classes))

    tasks = [Task(table(seed=seed), seed, settings(network=make)) for seed in range(3)]
    networks, alone = in_stack_and_alone(tasks)
    assert not np.allclose(networks[0].weights["0/weight"], networks[1].weights["0/weight"])
    for network, other in zip(networks, alone):
        assert_same(network, other)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def test_recurrent_networks_train_one_by_one_with_one_warning(assert_same):
    rng, y = np.random.default_rng(0), np.arange(30) % 2
    sequences = Table(rng.normal(size=(30, 4, 3)) + y[:, None, None], y, n_classes=2)
    pattern = settings(network=Recurrent())
    tasks = [Task(sequences, seed, pattern, np.arange(20 + seed)) for seed in range(3)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        networks = fit(tasks)
    assert [str(w.message) for w in caught if "vmap" in str(w.message)] == [
        "torch.func.vmap cannot run Recurrent, so its networks train one by one."
    ]
    for network, task in zip(networks, tasks):
        with pytest.warns(UserWarning, match="vmap"):
            assert_same(network, fit([task])[0])
        assert not network.vectorized


def test_order_and_number_of_tasks_change_nothing(table, assert_same, monkeypatch):
    tasks = [Task(table(seed=seed), seed, settings(dropout=0.1, batch_transform=ReMix())) for seed in range(5)]
    straight = fit(tasks)
    monkeypatch.setattr("equipoise.training.stacks._MOST_REPLICAS", 2)
    backward = fit(tasks[::-1])
    assert len(plan_stacks(tasks)) == 3
    for network, other in zip(straight, backward[::-1]):
        assert_same(network, other)


def test_size_of_the_gathered_part_changes_no_byte(table, monkeypatch):
    tasks = [Task(table(seed=seed), seed, settings(batch_transform=ReMix(), dropout=0.1)) for seed in range(3)]
    before = fit(tasks)
    monkeypatch.setattr("equipoise.training.draws._GATHERED", 1)
    for network, again in zip(before, fit(tasks)):
        assert all(value.tobytes() == again.weights[name].tobytes() for name, value in network.weights.items())


def test_seeds_govern_everything(table):
    tasks = [Task(table(), seed, settings(dropout=0.1, batch_transform=ReMix())) for seed in (4, 4, 5)]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, twin, other = fit(tasks)
    assert torch.equal(state, torch.get_rng_state())
    for name, value in first.weights.items():
        assert np.array_equal(value, twin.weights[name])
        assert not np.array_equal(value, other.weights[name])


def test_global_seed_changes_no_module(table):
    pattern = settings(network=nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)))
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        networks.append(fit([Task(table(), 3, pattern)])[0])
        assert torch.equal(state, torch.get_rng_state())
    assert all(np.array_equal(value, networks[1].weights[name]) for name, value in networks[0].weights.items())
