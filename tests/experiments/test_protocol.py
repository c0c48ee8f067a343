import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.datasets import Dataset
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import StratifiedFolds, feasible_folds


def divided(codes, groups=None, n_folds=5, random_state=0, repeat=0, **options):
    dataset = Dataset("toy", None, None, 1, None, groups, "", "", ())
    return list(StratifiedFolds(n_folds, random_state, **options).folds(dataset, codes, repeat))


@given(st.integers(2, 6), st.integers(6, 20), st.integers(20, 80), st.integers(0, 1000))
def test_folds_of_a_repeat_divide_the_rows_and_keep_the_class_shares(n_folds, n_rare, n_common, seed):
    codes = np.repeat([0, 1], [n_common, n_rare])
    folds = divided(codes, n_folds=n_folds, random_state=seed)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(codes)))
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        assert len(fold.train) + len(fold.test) == len(codes)
        assert abs((codes[fold.test] == 1).sum() - n_rare / n_folds) < 1


def test_repeats_and_seeds_differ_and_the_same_seed_repeats_them():
    codes = np.repeat([0, 1], [80, 20])
    first, again = (divided(codes) for _ in range(2))
    other_repeat = divided(codes, repeat=1)
    other_seed = divided(codes, random_state=1)
    assert all((a.test == b.test).all() and a.seed == b.seed for a, b in zip(first, again, strict=True))
    for other in (other_repeat, other_seed):
        assert any((a.test != b.test).any() for a, b in zip(first, other, strict=True))
        assert {a.seed for a in first}.isdisjoint(b.seed for b in other)


def test_groups_stay_together():
    groups = np.repeat(np.arange(20), 5)
    codes = np.repeat(np.arange(20) % 4 == 0, 5).astype(int)
    for fold in divided(codes, groups):
        assert not set(groups[fold.train]) & set(groups[fold.test])
    apart = divided(codes, groups, grouped=False)
    assert any(set(groups[fold.train]) & set(groups[fold.test]) for fold in apart)


def test_fewer_folds_than_wanted_are_said():
    folds, notes = feasible_folds(np.repeat([0, 1], [100, 3]), 5)
    assert folds == 3
    assert "3 folds instead of 5" in notes[0] and "only 3 rows" in notes[0]


def test_few_rare_rows_a_fold_are_said():
    assert feasible_folds(np.repeat([0, 1], [100, 50]), 5) == (5, [])
    folds, notes = feasible_folds(np.repeat([0, 1], [100, 49]), 5)
    assert folds == 5 and len(notes) == 1 and "fewer than 10" in notes[0]


def test_a_class_with_one_row_cannot_be_compared_on():
    with pytest.raises(ValueError, match="the rarest has 1"):
        feasible_folds(np.repeat([0, 1], [100, 1]), 5)


def test_a_protocol_survives_json():
    before = Protocol(("none", "remix"), 5, 2, 4, 300, 7, ("one note",))
    assert Protocol.from_json(before.to_json()) == before and before.splits == StratifiedFolds(5, 7)
