"""Columns brought to 0..1 and back, to values that the column can have."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


class UnitScale:
    """Scale columns by the range of some rows; on the way back, snap those that hold no real numbers.

    On the way back columns that held integers only are rounded, columns of two values take the nearer one, constant
    columns their value, and of neighbouring columns that encode one category (in each row one of them is at its
    upper value, the others at their lower) the largest wins.

    >>> scale = UnitScale(np.array([[1.0, 0, 1, 0.5], [4.0, 0, 1, 0.6], [9.0, 1, 0, 1.5]]))
    >>> scale.to_unit([[5, 1, 0, 1]])
    array([[0.5, 1. , 0. , 0.5]])
    >>> scale.from_unit([[0.49, 0.2, 0.3, 0.2]])
    array([[5. , 0. , 1. , 0.7]])
    """

    def __init__(self, X: Rows) -> None:
        X = np.asarray(X, dtype=np.float64)
        self.low, self.high = X.min(axis=0), X.max(axis=0)
        self.integral = (np.rint(X) == X).all(axis=0)
        unit = self.to_unit(X)
        self.binary = ((unit == 0) | (unit == 1)).all(axis=0)
        self.categories = _one_hot_columns(unit, self.binary & (self.high > self.low))

    def to_unit(self, X: Rows) -> Rows:
        """Scale rows (n, d) so that those of the fit lie within 0 and 1; constant columns become 0."""
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        return (np.asarray(X, dtype=np.float64) - self.low) / span

    def from_unit(self, unit: Rows) -> Rows:
        """Scale rows (n, d) back, and snap them."""
        unit = np.array(unit, dtype=np.float64)
        for columns in self.categories:
            unit[:, columns] = np.eye(columns.stop - columns.start)[unit[:, columns].argmax(axis=1)]
        unit[:, self.binary] = np.rint(unit[:, self.binary])
        X = (1 - unit) * self.low + unit * self.high  # exact at 0 and 1
        return np.where(self.integral, np.rint(X), X)


def _one_hot_columns(unit: Rows, binary: NDArray[np.bool_]) -> list[slice]:
    """Find neighbouring columns of which exactly one is 1 in each row."""
    found, start = [], 0
    while start < len(binary):
        stop = _end_of_category(unit, binary, start)
        if stop is not None:
            found.append(slice(start, stop))
        start = stop or start + 1
    return found


def _end_of_category(unit: Rows, binary: NDArray[np.bool_], start: int) -> int | None:
    ones = np.zeros(len(unit))
    for column in range(start, len(binary)):
        if not binary[column]:
            return None
        ones += unit[:, column]
        if ones.max() > 1:
            return None
        if ones.min() == 1:
            return column + 1
    return None
