"""Intervals by hand, against SciPy, and of bad input."""

import numpy as np
import pytest
from scipy import stats

from equipoise.experiments.statistics import corrected_interval


def test_corrected_interval_by_hand():
    values = [0.80, 0.84, 0.82, 0.86, 0.78]  # mean .82, variance .001; t of 4 degrees at .975 is 2.776445
    mean, low, high = corrected_interval(values, test_share=0.2)
    half = 2.776445 * np.sqrt((1 / 5 + 1 / 4) * 0.001)
    assert (mean, low, high) == pytest.approx((0.82, 0.82 - half, 0.82 + half), abs=1e-7)


def test_without_overlap_it_is_the_t_interval():
    values = np.random.default_rng(5).normal(size=12)
    result = corrected_interval(values, test_share=1e-12, confidence=0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (result.low, result.high) == pytest.approx(tuple(expected))


def test_repeats_do_not_make_the_corrected_interval_vanish():
    values = np.random.default_rng(6).normal(size=4000)
    few, many = (corrected_interval(values[:n], test_share=0.2) for n in (10, 4000))
    assert many.high - many.low < few.high - few.low
    assert many.high - many.low > 2 * 1.9 * np.sqrt(0.25)  # test share over train share stays


def test_constant_values_have_a_point_interval():
    assert corrected_interval([0.5, 0.5, 0.5], test_share=0.2) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corrected_interval([0.5], test_share=0.2), "two or more finite numbers"),
        (lambda: corrected_interval([0.5, np.nan], test_share=0.2), "two or more finite numbers"),
        (lambda: corrected_interval([0.5, 0.6], test_share=5), r"within \(0, 1\), got 5"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
