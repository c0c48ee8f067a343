"""Micro-samples: their sizes, and which rows they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.bilevel.proposals import MicroSampleSize, RandomRows, RowsByLoss, SizeByAcceptances
from equipoise.bilevel.rows import Restart, RowProblem, draw_new
from equipoise.training import Settings, Table, Task, fit


def problem(n_minority, n_larger, n_features=2, seed=0):
    codes = np.repeat([1, 0], [n_minority, n_larger])
    X = np.random.default_rng(seed).normal(size=(len(codes), n_features))
    return RowProblem(X, codes, 2, np.arange(n_minority), {0: np.arange(n_minority, len(codes))})


def restart(rows, seed=0):
    return Restart(rows, np.random.default_rng(seed), rows.kept, size_before=len(rows.kept))


@pytest.mark.parametrize("m", [1, 7, 10, 100, 125])
def test_sizes_as_printed_when_all_is_accepted(m):
    """Nine samples of ceil(m / 10) while the sample before the last step has at most 7/4 m rows, then ceil(m / 100)."""
    rows, size = problem(m, 5 * m), MicroSampleSize()
    one, accepted, sizes, before = restart(rows), 0, [], m
    for _ in range(14):
        one.size_before = before
        sizes.append(size.of(one))
        before = m + accepted  # of the step just made: Algorithm 1 looks one step back
        accepted += sizes[-1]
    expected, size_of_last, total = [], m, m
    for _ in range(14):
        expected.append(math.ceil(m / 10) if size_of_last <= 7 * m / 4 else math.ceil(m / 100))
        size_of_last = total
        total += expected[-1]
    assert sizes == expected
    if m == 100:
        assert sizes == [10] * 9 + [1] * 5


def test_sizes_of_the_authors():
    """.05 m at first, then m / 4 until five are accepted, m / 10, and m / 100 from 1.5 m accepted rows on."""
    one, size = restart(problem(100, 1000)), SizeByAcceptances()
    one.accepted, one.values = np.arange(15), [0.5]  # the burn-in
    sizes = []
    for step in range(1, 13):
        one.n_steps = step
        sizes.append(size.of(one))
        one.accepted = np.arange(len(one.accepted) + sizes[-1])
        one.values = [*one.values, 0.1]
    assert sizes == [5, 25, 25, 25, 10, 10, 10, 10, 10, 10, 1, 1]  # 150 rows after the tenth


@given(n=st.integers(1, 60), size=st.integers(0, 80), n_taken=st.integers(0, 60), seed=st.integers(0, 10**6))
def test_new_rows_are_new(n, size, n_taken, seed):
    rng = np.random.default_rng(seed)
    candidates = np.sort(rng.choice(1000, size=n, replace=False))
    taken = rng.choice(candidates, size=min(n_taken, n), replace=False)
    found = draw_new(candidates, size, taken, rng)
    assert len(found) == min(size, n - len(taken)) == len(np.unique(found))
    assert set(found.tolist()) <= set(candidates.tolist()) - set(taken.tolist())


@pytest.mark.parametrize("size", [2, 6])  # drawn until enough are new, and drawn from what is left
def test_new_rows_are_uniform(size):
    rng, candidates, n_draws = np.random.default_rng(0), np.arange(12), 6000
    counts = np.zeros(12)
    for _ in range(n_draws):
        counts[draw_new(candidates, size, np.array([3, 5]), rng)] += 1
    share = size / 10
    assert not counts[[3, 5]].any()
    free = np.delete(counts, [3, 5])
    assert np.abs(free - n_draws * share).max() < 5 * np.sqrt(n_draws * share * (1 - share))


def test_random_rows():
    rows = problem(5, 40)
    one = restart(rows)
    (drawn,) = RandomRows(replacement=True).propose([one], [400])
    assert len(drawn) == 400 and set(drawn.tolist()) == set(range(5, 45))
    one.accepted = np.arange(5, 40)
    (drawn,) = RandomRows().propose([one], [400])
    assert drawn.tolist() == [40, 41, 42, 43, 44]
    one.accepted = np.arange(5, 45)
    assert len(RandomRows().propose([one], [3])[0]) == 0


def test_rows_by_loss_prefer_what_is_not_learned():
    """Half of the majority class lies where the network says rare: these rows lose most, and are drawn most."""
    rng = np.random.default_rng(0)
    codes = np.repeat([1, 0], [50, 400])
    X = np.where(codes == 1, 2.0, -2.0)[:, None] + 0.1 * rng.normal(size=(450, 1))
    X[250:] += 4.0
    rows = RowProblem(X, codes, 2, np.arange(50), {0: np.arange(50, 450)})
    one = restart(rows)
    first = RowsByLoss().propose([one], [100])[0]  # no network yet: at random
    assert abs((first >= 250).mean() - 0.5) < 5 * 0.5 / 10
    table = Table(X[:250].astype(np.float32), codes[:250], 2)
    one.network = fit([Task(table, 0, Settings(network=(8,), max_steps=300, batch_size=50))])[0]
    (drawn,) = RowsByLoss(n_candidates=4).propose([one], [50])
    assert len(np.unique(drawn)) == 50
    assert (drawn >= 250).mean() > 0.95
