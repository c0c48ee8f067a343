"""Dates as numbers that go round: sine and cosine of the place in the year, in the week and in the day."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}  # in days


def periods(days: NDArray[np.float64]) -> list[str]:
    """Name the periods that dates go through, and tell rows apart by."""
    known = days[~np.isnan(days)]
    span = known.max() - known.min()
    return [
        name
        for name, length in PERIODS.items()
        if span >= 2 * min(length, 183) and np.unique((known if length == 1 else np.floor(known)) % length).size > 1
    ]


def turns(days: NDArray[np.float64], periods: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """Return sine and cosine of dates in their periods, given as (column, length)."""
    columns, lengths = zip(*periods)
    angles = 2 * np.pi * (days[:, columns] / np.array(lengths) % 1)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(days), -1)
