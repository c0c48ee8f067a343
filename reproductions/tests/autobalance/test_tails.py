"""Long tails: how many rows of each class train, and that the test side is left alone."""

import numpy as np
import pytest

from equipoise.experiments.splits import StratifiedFolds
from equipoise_reproductions.autobalance.tails import LongTailed, long_tailed, tail_sizes

from .conftest import ungrouped


def test_the_sizes_of_cifar10_lt():
    assert tail_sizes(10, 5000).tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]  # as is published


@pytest.mark.parametrize(("n_classes", "largest"), [(2, 30), (26, 480)])
def test_no_class_is_left_without_rows(n_classes, largest):
    sizes = tail_sizes(n_classes, largest)
    assert sizes[0] == largest and sizes.min() == max(1, largest // 100) and (np.diff(sizes) <= 0).all()


def test_only_the_training_side_is_cut():
    codes = np.random.default_rng(0).integers(0, 5, 4000)
    folds = list(StratifiedFolds(3).folds(ungrouped(), codes, 0))
    orders = set()
    for whole, cut in zip(folds, long_tailed(folds, codes), strict=True):
        assert (cut.test == whole.test).all() and set(cut.train) < set(whole.train)
        counts = np.bincount(codes[cut.train])
        largest = np.bincount(codes[whole.train]).min()
        assert sorted(counts)[::-1] == tail_sizes(5, int(largest)).tolist()
        orders.add(tuple(counts.argsort()))
    assert len(orders) == 3  # another class is rare in each
    again = [fold.train for fold in LongTailed(3).folds(ungrouped(), codes, 0)]
    assert all((a == b.train).all() for a, b in zip(again, long_tailed(folds, codes), strict=True))
