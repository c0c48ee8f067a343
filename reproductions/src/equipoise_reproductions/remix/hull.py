"""Convex hulls of rows in any dimension, also where they are flat or there are fewer rows than columns."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

ON_HULL = 1e-6
"""What a distance of zero may come to by rounding."""

_HEAVY = 1e3


def in_hull(points: Floats, of: Floats) -> NDArray[np.bool_]:
    """Say which points are a convex combination of given rows, to 1e-6 of the rows' deviations, in any dimension."""
    return hull_distance(points, of) <= ON_HULL


def hull_distance(points: Floats, of: Floats) -> Floats:
    """Distance (n,) of points from the convex hull of rows ``of``, in the rows' deviations, column by column.

    The nearest convex combination is a least squares problem with weights that are not negative; that they sum
    to one is a further equation, heavy enough to hold.
    """
    centre, spread = of.mean(axis=0), of.std(axis=0)
    scale = np.where(spread > 0, spread, 1)
    rows = np.vstack([((of - centre) / scale).T, np.full(len(of), _HEAVY)])
    targets = np.column_stack([(points - centre) / scale, np.full(len(points), _HEAVY)])
    return np.array([nnls(rows, target)[1] for target in targets])
