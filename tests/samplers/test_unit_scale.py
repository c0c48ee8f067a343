"""Columns to 0..1 and back to values that they can have."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from equipoise.samplers.unit_scale import UnitScale


@given(arrays(np.float64, (7, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_rows_of_the_fit_come_back(X):
    scale = UnitScale(X)
    unit = scale.to_unit(X)
    assert unit.min() >= 0 and unit.max() <= 1
    np.testing.assert_allclose(scale.from_unit(unit), X, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(scale.from_unit(unit).max(axis=0), X.max(axis=0))


def test_kinds_of_columns():
    """Integers, two values, a constant, real numbers."""
    X = np.array([[1, -0.5, 7.5, 0.1], [4, 2.5, 7.5, 0.4], [11, 2.5, 7.5, 0.9]])
    made = UnitScale(X).from_unit(np.array([[0.33, 0.6, 0.9, 0.5], [0.98, 0.4, 0.1, 0.25]]))
    np.testing.assert_allclose(made, [[4, 2.5, 7.5, 0.5], [11, -0.5, 7.5, 0.3]])


def test_one_hot_columns():
    """Two categories side by side, of three and two levels, scaled oddly; then two columns that are no category."""
    levels = np.eye(3)[[0, 1, 2, 0]], np.eye(2)[[0, 1, 1, 0]]
    X = np.hstack([5 * levels[0] - 2, levels[1], [[0, 1], [1, 0], [1, 1], [0, 0]]])
    scale = UnitScale(X)
    assert scale.categories == [slice(0, 3), slice(3, 5)]
    made = scale.from_unit(np.array([[0.2, 0.4, 0.3, 0.1, 0.05, 0.4, 0.7]]))
    np.testing.assert_array_equal(made, [[-2, 3, -2, 1, 0, 0, 1]])
