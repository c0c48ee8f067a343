"""Relevance of features: what tells of the classes counts, however rare they are, and what does not, does not."""

import numpy as np
import pytest

from equipoise import relevance
from equipoise.relevance import feature_relevance


def noise(n, n_features, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_features)).astype(np.float32)


def test_what_tells_of_the_classes_counts_most():
    X = noise(300, 6)
    codes = (X[:, 2] + X[:, 4] > 0.5).astype(int)
    found = feature_relevance(X, codes, None, seed=0)
    assert found.shape == (6,) and (found >= 0).all() and found.mean() == pytest.approx(1)
    assert set(found.argsort()[-2:]) == {2, 4} and found[[2, 4]].min() > 2 * found[[0, 1, 3, 5]].max()


def test_many_values_are_no_merit():
    """A feature of two values that tells something counts for more than noise of as many values as rows."""
    codes = np.arange(200) % 2
    tells = np.where(np.random.default_rng(0).random(200) < 0.8, codes, 1 - codes)
    found = feature_relevance(np.column_stack([tells, noise(200, 1)]), codes, None, seed=0)
    assert found[0] > found[1]


def test_rare_classes_count_as_much_as_others():
    """One feature tells 20 rows from 1,000, another halves the 1,000."""
    X = noise(1020, 8)
    codes = np.r_[np.arange(1000) % 2, np.full(20, 2)]
    X[codes == 1, 0] += 3
    X[codes == 2, 1] += 3
    found = feature_relevance(X, codes, None, seed=0)
    assert found[1] > 0.5 * found[0] > 1 and found[2:].max() < 0.5 * found[1]


def test_weights_of_rows_count_and_those_of_none_do_not():
    X = noise(400, 4)
    codes = np.r_[(X[:200, 0] > 0), (X[200:, 1] > 0)].astype(int)
    first_half, second_half = np.repeat([1.0, 0.001], 200), np.repeat([0.001, 1.0], 200)
    assert feature_relevance(X, codes, first_half, seed=0).argmax() == 0
    assert feature_relevance(X, codes, second_half, seed=0).argmax() == 1


def test_nothing_to_tell_is_all_alike():
    assert feature_relevance(np.ones((20, 3)), np.arange(20) % 2, None, seed=0).tolist() == [1, 1, 1]
    assert feature_relevance(noise(20, 3), np.zeros(20, dtype=int), None, seed=0).tolist() == [1, 1, 1]


def test_the_seed_says_it_all():
    X, codes = noise(100, 3), np.arange(100) % 2
    first = feature_relevance(X, codes, None, seed=1)
    assert feature_relevance(X, codes, None, seed=1).tobytes() == first.tobytes()
    assert feature_relevance(X, codes, None, seed=2).tobytes() != first.tobytes()


def test_time_that_is_over_leaves_a_few_trees(monkeypatch):
    X = noise(200, 3)
    codes = (X[:, 1] > 0).astype(int)
    short = feature_relevance(X, codes, None, seed=0, max_time=1e-9)
    assert short.argmax() == 1 and short.mean() == pytest.approx(1)
    assert short.tobytes() != feature_relevance(X, codes, None, seed=0).tobytes()
    monkeypatch.setattr(relevance, "_TREES", relevance._AT_ONCE)
    assert short.tobytes() == feature_relevance(X, codes, None, seed=0).tobytes()


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_of_many_rows_keeps_the_rare_ones(weighted, monkeypatch, few_trees):
    """Of 2,000 rows 100 are drawn, and the few of the rare class are among those looked at."""
    monkeypatch.setattr(relevance, "_MOST_ROWS", 100)
    X = noise(2000, 5)
    codes = np.zeros(2000, dtype=int)
    codes[[5, 700, 1400, 1999]] = 1
    X[codes == 1, 3] += 6
    weights = np.ones(2000) if weighted else None
    for seed in range(5):
        assert feature_relevance(X, codes, weights, seed).argmax() == 3
