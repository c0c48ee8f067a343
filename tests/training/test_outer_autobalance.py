"""A loss searched for in the trainer: each replica by itself, on rows of its own, and then trained with."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from equipoise import AutoBalance, MixUp, ParametricCrossEntropy, ReMix
from equipoise.bilevel.cell_draws import CellDraws
from equipoise.bilevel.outer_objectives import Blend, balanced
from equipoise.bilevel.solvers import ConjugateGradient
from equipoise.classifiers.scores import SCORES
from equipoise.training import InnerRows, Settings, Table, Task, fit
from equipoise.training.stacks import plan_stacks

QUICK = {
    "network": (8,),
    "max_steps": 60,
    "epoch_steps": 20,
    "batch_size": 16,
    "dtype": "float64",
    "learning_rate": 0.02,
}
SEARCH = AutoBalance(start="ce", warm_up=20, interval=4)


def searched(table, seed=0, loss=SEARCH, weights=None, **settings):
    """Return a task that searches on four fifths of its rows."""
    train, validation = loss.split(table.cells(), seed)
    search = InnerRows(validation, train, weights=None if weights is None else weights[train])
    return Task(table, seed, Settings(**{**QUICK, **settings}, outer=loss), weights=weights, inner=search)


def with_counts(table):
    return [searched(table(counts, seed=seed), seed) for seed, counts in enumerate([(54, 6), (30, 30), (12, 48)])]


def with_solvers(table):
    return [searched(table((40, 20, 6)), seed, AutoBalance(solver="cg", warm_up=20)) for seed in range(3)]


def with_mixing(table):
    return [searched(table(seed=seed), seed, batch_transform=MixUp(alpha=0.5)) for seed in range(3)]


def with_weights(table):
    weights = np.random.default_rng(0).uniform(0, 3, 60)
    return [searched(table(), 0, weights=weights), searched(table(), 1)]


def with_groups(table):
    loss = AutoBalance(objective="deo", parameters=("w", "offset"), warm_up=20)
    return [searched(grouped(table(seed=seed)), seed, loss) for seed in range(3)]


def with_several_batches(table):
    return [searched(table(seed=seed), seed, AutoBalance(n_batches=3, warm_up=0, interval=1)) for seed in range(3)]


def with_early_stopping(table):
    tasks = [searched(table(seed=seed), seed, early_stopping=SCORES["log_loss"], patience=1) for seed in range(3)]
    for task in tasks:
        object.__setattr__(task, "validation_rows", np.arange(60)[::5])
    return tasks


def with_modules(table):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2))
    return [searched(table(seed=seed), seed, network=module) for seed in range(3)]


def grouped(table):
    return Table(table.X, table.y, table.n_classes, (table.X[:, 0] > 0).astype(int))


@pytest.mark.parametrize(
    "tasks",
    [
        with_counts,
        with_solvers,
        with_mixing,
        with_weights,
        with_groups,
        with_several_batches,
        with_early_stopping,
        with_modules,
    ],
)
def test_a_replica_searches_as_it_does_alone(tasks, table, assert_same):
    tasks = tasks(table)
    assert len(plan_stacks(tasks)) == 1
    for network, task in zip(fit(tasks), tasks):
        alone = fit([task])[0]
        assert_same(network, alone)
        for name, value in network.found.parameters.items():
            np.testing.assert_allclose(value, alone.found.parameters[name], rtol=1e-6, atol=1e-8)
        moved = [np.ptp(values, axis=0).max() for values in network.found.history.values()]
        assert max(moved) > 0.01


def test_the_network_is_trained_on_all_rows_with_what_was_found(table, assert_same):
    task = searched(table((40, 15, 5)))
    network = fit([task])[0]
    loss = ParametricCrossEntropy(**network.found.parameters)
    again = fit([Task(task.table, task.seed, Settings(**QUICK, loss=loss))])[0]
    assert_same(network, again)


def test_validation_rows_lead_the_search(table):
    """Where they say that the rare class is easy, its errors need not cost more."""
    base = table((200, 40), apart=0.5)
    train, validation = SEARCH.split(base.cells(), 0)
    easy, rare = Table(base.X.copy(), base.y, 2), validation[base.y[validation] == 1]
    easy.X[rare] += 4 * (base.X[base.y == 1].mean(axis=0) - base.X[base.y == 0].mean(axis=0))
    offsets = []
    for each in (base, easy):
        settings = Settings(**QUICK | {"max_steps": 200}, outer=SEARCH)
        network = fit([Task(each, 0, settings, rows=train, inner=InnerRows(validation, train))])[0]
        offsets.append(np.diff(network.found.parameters["offset"]).item())
    assert offsets[0] < -1 and offsets[1] > offsets[0] + 0.5


def test_the_course_is_told_from_the_start(table):
    found = fit([searched(table())])[0].found
    assert found.steps.tolist() == [0, *range(20, 61, 4)]
    assert (found.history["offset"][0] == 0).all() and (found.history["delta"][0] == 1).all()
    for name, values in found.parameters.items():
        np.testing.assert_allclose(values, found.history[name][6:].mean(axis=0), rtol=1e-12)


def test_tasks_of_equal_settings_share_a_stack_though_their_objects_differ(table):
    one = AutoBalance(objective=Blend("balanced", "worst_class", 0.2), solver=ConjugateGradient(max_iter=2))
    tasks = [searched(table(), seed, clone(one)) for seed in range(3)]
    assert len({id(task.settings.outer) for task in tasks}) == 3
    assert len(plan_stacks(tasks)) == 1
    assert len(plan_stacks([*tasks, searched(table(), 0, clone(one).set_params(tau=2.0))])) == 2
    other = clone(one).set_params(objective=Blend("balanced", "worst_class", 0.3))
    assert len(plan_stacks([*tasks, searched(table(), 0, other)])) == 2
    assert len(plan_stacks([searched(table()), searched(grouped(table()))])) == 2


def test_progress_counts_the_search(table):
    told = []
    fit([searched(table()), searched(table(), 1)], on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (240, 240) and (120, 240) in told


def test_it_ends_in_time(table):
    networks = fit([searched(table(), max_steps=10**7, epoch_steps=1000)], max_time=0.5)
    assert networks[0].stopped_by == "max_time" and networks[0].found is not None


def test_under_remix_the_search_begins_where_batches_are_balanced(table):
    """Less is left to correct, by about .5 in the mean; a seed departs by about .25."""
    remix = {"batch_transform": ReMix(alpha=0.3)}
    tables = [table((400, 40), seed=seed, apart=1.0) for seed in range(12)]
    alone, remixed = (
        np.mean([-np.diff(network.found.parameters["offset"]).item() for network in fit(tasks)])
        for tasks in (
            [searched(each, seed, max_steps=150, **given) for seed, each in enumerate(tables)] for given in ({}, remix)
        )
    )
    assert alone > 0.8 and remixed < alone - 0.25


def test_a_task_says_what_its_search_needs(table):
    with pytest.raises(ValueError, match=r"AutoBalance needs validation rows, but the task has none: give inner="):
        Task(table(), 0, Settings(**QUICK, outer=SEARCH))
    with pytest.raises(ValueError, match=r"inner gives the rows of a search, but Settings.outer is None"):
        Task(table(), 0, Settings(**QUICK), inner=InnerRows(np.arange(5), np.arange(5, 60)))
    with pytest.raises(ValueError, match="cannot stop early: set early_stopping and gradient_tolerance to None"):
        settings = Settings(**QUICK, outer=SEARCH, gradient_tolerance=0.1)
        Task(table(), 0, settings, validation_rows=np.arange(5), rows=np.arange(5, 60))


# Which rows


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.025])
def test_a_split_divides_every_class(fraction):
    cells = np.random.default_rng(0).permutation(np.repeat([0, 3, 7, 9, 11], [200, 40, 10, 2, 1]))
    loss = AutoBalance(validation_fraction=fraction)
    train, validation = loss.split(cells, 5)
    assert sorted([*train, *validation]) == list(range(len(cells)))
    shares = {cell: (cells[validation] == cell).sum() for cell in (0, 3, 7, 9, 11)}
    assert shares == {0: 200 * fraction, 3: 40 * fraction, 7: max(1, round(10 * fraction)), 9: 1, 11: 0}
    again, others = loss.split(cells, 5), loss.split(cells, 6)
    assert np.array_equal(again[1], validation) and not np.array_equal(others[1], validation)


def test_validation_batches_hold_every_cell_alike():
    cells = np.array([4] * 90 + [1] * 9 + [2])
    rows = torch.randperm(100)
    draws = CellDraws(rows, cells, 60, torch.Generator().manual_seed(0))
    of_row = {int(row): int(cell) for row, cell in zip(rows, cells)}
    drawn = [draws.draw()[0] for _ in range(50)]
    for batch in drawn:
        assert np.unique([of_row[int(row)] for row in batch], return_counts=True)[1].tolist() == [20, 20, 20]
    counts = torch.cat(drawn).bincount(minlength=100)
    assert (counts > 0).all() and counts[rows[:90]].max() < 40


@pytest.mark.parametrize("batch_size", [60, 61])
def test_weights_of_a_batch_give_cells_their_shares(batch_size):
    cells = np.array([4] * 90 + [1] * 9 + [2])
    rows, weights = CellDraws(torch.arange(100), cells, batch_size, torch.Generator().manual_seed(0)).draw()
    shares = np.bincount(cells[rows.numpy()], weights=weights.numpy())
    np.testing.assert_allclose(shares, [0, 9, 1, 0, 90], rtol=1e-6)


def test_groups_count_by_their_share_of_the_validation_rows(table):
    """What is balanced over classes is so whatever the groups, though each of them is drawn as often."""
    seen = []

    def objective(sums, counts):
        seen.append(counts)
        return balanced(sums, counts)

    task = searched(grouped(table((48, 12))), 0, AutoBalance(objective=objective, warm_up=20, interval=10))
    fit([task])
    cells = task.table.cells()[task.inner.validation_rows]
    assert len(seen) > 2 and len(set(np.bincount(cells))) > 2
    for counts in seen:
        np.testing.assert_allclose(counts.flatten(), np.bincount(cells, minlength=counts.numel()))


def test_fewer_places_than_cells_are_filled_in_turn():
    draws = CellDraws(torch.arange(30), np.arange(30), 4, torch.Generator().manual_seed(0))
    drawn = torch.stack([draws.draw()[0] for _ in range(60)])
    assert all(len(set(batch.tolist())) == 4 for batch in drawn) and len(drawn.unique()) == 30
