"""Rows that depend on each other never stand on both sides: groups, times, gaps, in folds and in one part held out."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from equipoise import Dependence


@st.composite
def rows(draw):
    n, seed = draw(st.integers(20, 120)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, draw(st.integers(2, 3)), n)
    codes[:3] = codes[-3:] = np.arange(3) % (codes.max() + 1)
    when = rng.integers(0, draw(st.integers(5, 60)), n) / 4 if draw(st.booleans()) else None
    who = rng.integers(0, draw(st.integers(6, 60)), n) if draw(st.booleans()) else None
    gap = draw(st.sampled_from([0.0, 0.5])) if when is not None else 0.0
    return codes, who, when, gap


def apart(train, held_out, who, when, gap):
    assert len(train) and len(held_out) and not set(train) & set(held_out)
    if who is not None:
        assert not set(who[train]) & set(who[held_out])
    if when is not None:
        assert when[train].max() < when[held_out].min()
        assert when[train].max() <= when[held_out].min() - gap


@settings(max_examples=200, deadline=None)
@given(rows(), st.integers(2, 6), st.integers(0, 3), st.booleans())
def test_folds_never_leak(given_rows, n_folds, seed, every_class):
    codes, who, when, gap = given_rows
    try:
        folds = Dependence(who, when, gap).folds(codes, n_folds, seed, every_class=every_class)
    except ValueError as error:
        assume(not any(said in str(error) for said in ("cannot be divided", "n_splits", "must differ")))
        raise
    for train, held_out in folds:
        apart(train, held_out, who, when, gap)
        if every_class and when is not None:
            assert set(codes[train]) == set(codes[held_out]) == set(codes)
    tested = np.concatenate([held_out for _, held_out in folds])
    assert len(tested) == len(set(tested))
    if when is None:
        assert len(tested) == len(codes)
    else:
        assert all(when[a].max() < when[b].min() for (_, a), (_, b) in pairwise(folds))


@settings(max_examples=200, deadline=None)
@given(rows(), st.sampled_from([0.1, 0.25, 0.4]), st.integers(0, 3))
def test_a_part_that_is_held_out_never_leaks(given_rows, share, seed):
    codes, who, when, gap = given_rows
    try:
        train, held_out = Dependence(who, when, gap).hold_out(codes, share, seed)
    except ValueError as error:
        assert any(said in str(error) for said in ("no training row", "must differ"))
        return
    apart(train, held_out, who, when, gap)
    assert set(codes[train]) == set(codes)
    if who is None and when is None:
        assert len(train) + len(held_out) == len(codes)


def test_groups_leave_class_shares_alike():
    rng = np.random.default_rng(0)
    who = (300 * rng.random(5000) ** 2).astype(int)
    codes = (rng.random(5000) < 0.05).astype(int)
    for _, held_out in Dependence(who).folds(codes, 5):
        assert abs(len(held_out) - 1000) < 60 and abs(codes[held_out].sum() - codes.sum() / 5) < 5


def test_repeats_divide_groups_differently():
    who, codes = np.arange(400) // 4, np.arange(400) % 3
    one, same, other = (Dependence(who).folds(codes, 4, seed) for seed in (0, 0, 1))
    assert all((a[1] == b[1]).all() for a, b in zip(one, same, strict=True))
    assert {tuple(rows) for _, rows in one} != {tuple(rows) for _, rows in other}


def test_all_earlier_rows_train():
    when = np.random.default_rng(0).permutation(100)
    folds = Dependence(times=when).folds(np.arange(100) % 2, 5)
    assert [len(train) for train, _ in folds] == [50, 60, 70, 80, 90]
    assert all(sorted(when[train]) == list(range(len(train))) for train, _ in folds)


def test_dates_are_times_in_days():
    days = pd.Series(pd.date_range("2024-01-01", periods=40, freq="D"))
    for train, held_out in Dependence(times=days, gap=7).folds(np.arange(40) % 2, 3):
        assert (days[held_out].min() - days[train].max()).days >= 7


@pytest.mark.parametrize(
    ("given_rows", "message"),
    [
        ({"times": [1.0, np.nan, 3.0]}, "1 are not, the first in row 1"),
        ({"times": [1, 2], "groups": [1]}, "inconsistent numbers of samples"),
        ({"groups": [1, 2], "gap": 1.0}, "needs times"),
        ({"times": [1, 2], "gap": -1.0}, "gap must be 0 or more"),
    ],
)
def test_bad_input(given_rows, message):
    with pytest.raises(ValueError, match=message):
        Dependence(**given_rows)


def test_equal_times_are_refused():
    with pytest.raises(ValueError, match="all rows have the same time"):
        Dependence(times=np.ones(20)).folds(np.arange(20) % 2, 3)
