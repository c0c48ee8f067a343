"""Rules beside what they stand for: rows of a sample as the rows of its table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.rules import Rule


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 12))
@pytest.mark.parametrize("costs", [None, np.array([[0.0, 1.0, 2.0], [9.0, 0.0, 3.0], [5.0, 4.0, 0.0]])])
def test_rows_that_stand_for_several_share_a_capacity_as_their_copies_would(costs, seed, times, n_rows):
    """Where each row stands for equally many, and a capacity ends between two of them, copies have its decision."""
    proba = np.random.default_rng(seed).dirichlet(np.ones(3), size=n_rows)
    for capacity in range(1, n_rows + 1):
        sample = Rule(positive=1, capacity=capacity, costs=costs).decide(proba, np.full(n_rows, float(times)))
        table = Rule(positive=1, capacity=capacity * times, costs=costs).decide(np.repeat(proba, times, axis=0))
        assert table.tolist() == np.repeat(sample, times).tolist()


def test_a_share_of_a_sample_is_that_share_of_what_its_rows_stand_for():
    rare, frequent = np.full(100, 0.9), np.linspace(0.1, 0.5, 100)  # a sample with as many rare rows as frequent ones
    proba = np.column_stack([1 - np.r_[rare, frequent], np.r_[rare, frequent]])
    weights = np.r_[np.ones(100), np.full(100, 99.0)]
    rule = Rule(positive=1, capacity=0.05)
    assert rule.decide(proba).sum() == 10
    alarms = rule.decide(proba, weights)
    assert alarms[:100].all() and alarms[100:].sum() == 4  # 100 + 4 * 99 of 10,000 rows; a fifth would be 595
