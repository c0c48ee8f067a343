"""Numbers that stand far from all others: sentinels such as 999999, and slips of a pen."""

import warnings

import numpy as np
from numpy.typing import NDArray

_APART = 10.0  # times as far from the median as the farthest number that belongs to the others
_SPREADS = 20.0  # of the others, that such a number is away at least
_SHARES = (0.25, 0.1, 0.05, 0.01)  # of the rows that the spread leaves out on either side, until it is not zero


def reach(X: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of the numbers of each column that belong together; infinite where none stands apart.

    Fewer than half of the numbers, beyond a gap, stand apart: the nearest of them is 10 times as far from the median
    as any other, and 20 times the spread of the column (between quartiles; between outer quantiles where those agree).

    X is (n, d), NaN where missing.

    >>> low, high = reach(np.array([[1.0, 2.0, 3.0, 4.0, 1e9], [1.0, 2.0, 4.0, 8.0, 16.0]]).T)
    >>> high.tolist()
    [5.0, inf]
    """
    low, high = np.full(X.shape[1], -np.inf), np.full(X.shape[1], np.inf)
    if len(X) < 3:
        return low, high
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without a number
        middle = np.nanmedian(X, axis=0)
        distances = np.sort(np.abs(X - middle), axis=0)  # NaN last
        inner, outer = distances[:-1], distances[1:]
        known = np.sum(~np.isnan(X), axis=0)
        gap = (inner > 0) & (outer > _APART * inner) & (np.arange(1, len(X))[:, None] >= known / 2)
        suspects = np.flatnonzero(gap.any(axis=0))
        for column in suspects:
            far = gap[:, column] & (outer[:, column] > _SPREADS * _spread(X[:, column]))
            if far.any():
                limit = inner[far.argmax(), column]
                low[column], high[column] = middle[column] - limit, middle[column] + limit
    return low, high


def _spread(column: NDArray[np.floating]) -> float:
    quantiles = np.nanquantile(column, [*_SHARES, *(1 - share for share in _SHARES)])
    spreads = quantiles[len(_SHARES) :] - quantiles[: len(_SHARES)]
    return next((float(spread) for spread in spreads if spread > 0), np.inf)


def within_reach(X: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the columns of `X`, numbers that stand apart moved to the nearest that does not."""
    low, high = reach(X)
    return np.clip(X, low, high).astype(X.dtype, copy=False) if np.isfinite(high).any() else X
