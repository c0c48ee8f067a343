"""Health figures against values by hand, and the warning."""

import numpy as np
import pytest

from equipoise.samplers.gan_diagnostics import (
    caution,
    energy_distance,
    out_of_range,
    spread_ratio,
    two_sample_accuracy,
    unreachable,
)

HEALTHY = {"class": "rare", "two_sample_accuracy": 0.6, "spread_ratio": 0.9, "unreachable": 0.0}


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_two_sample_accuracy_by_hand():
    assert two_sample_accuracy(column(0, 1), column(7, 8)) == 1.0
    assert two_sample_accuracy(column(0, 5), column(0.1, 5.1)) == 0.0  # copies
    # 0 has neighbour 1 (real); 1 has 1.5 (made); 1.5 has 1 (real); 9 has 1.5 (made)
    assert two_sample_accuracy(column(0, 1), column(1.5, 9)) == 0.5


def test_equal_neighbours_count_in_parts():
    """Each of four equal rows has one other of its kind among three."""
    assert two_sample_accuracy(column(2, 2), column(2, 2)) == pytest.approx(1 / 3)


def test_as_many_of_each_kind_are_compared():
    """Two real rows against four made ones: the mean of the two halves."""
    halves = two_sample_accuracy(column(0, 1), column(7, 8)), two_sample_accuracy(column(0, 1), column(1.5, 9))
    assert two_sample_accuracy(column(0, 1), column(7, 8, 1.5, 9)) == np.mean(halves)
    assert two_sample_accuracy(column(7, 8, 1.5, 9), column(0, 1)) == np.mean(halves)


def test_rows_of_one_distribution_are_not_told_apart():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(2, 2000, 5))
    assert abs(two_sample_accuracy(real, made) - 0.5) < 5 * 0.5 / np.sqrt(3000)
    assert energy_distance(real, made) < 0.01 < energy_distance(real, made + 0.5)


def test_energy_distance_by_hand():
    assert energy_distance(column(0, 2), column(1, 1)) == pytest.approx(2 * 1 - 1 - 0)
    assert energy_distance(column(0, 3), column(0, 3)) == pytest.approx(0)


def test_spread_and_ranges_by_hand():
    real = np.array([[0.0, 10.0], [4.0, 10.0], [2.0, 16.0]])
    made = np.array([[1.0, 9.0], [3.0, 11.0]])
    assert spread_ratio(real, made) == pytest.approx(2 / (np.std([0, 4, 2]) + np.std([10, 10, 16])))
    assert out_of_range(real, made) == 0.25
    assert np.isnan(spread_ratio(real[:1], made))
    assert unreachable(np.array([[-0.1, 0.0], [1.0, 2.0]])) == 0.5


@pytest.mark.parametrize(
    "fault, said",
    [
        ({"spread_ratio": 0.3}, "collapsed: their spread is 0.30"),
        ({"two_sample_accuracy": 0.97}, "off the data: a nearest neighbour recognises 97%"),
        ({"unreachable": 0.4}, "40% of the real values are outside 0 to 1"),
    ],
)
def test_cautions(fault, said):
    assert caution(HEALTHY) is None
    assert caution({**HEALTHY, "spread_ratio": np.nan}) is None
    text = caution({**HEALTHY, **fault})
    assert said in text and "'rare'" in text
