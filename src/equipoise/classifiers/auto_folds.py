"""Folds of `AutoClassifier`: how many, and which rows are held out together."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise.classifiers.base import Codes
from equipoise.dependence import Dependence

FOLDS = 3
"""Number of folds, where rows and classes allow as many."""


def most_folds(codes: Codes, groups: NDArray[Any] | None) -> int:
    """Return the number of folds without a time limit; raises where there are no two."""
    n_folds = min(FOLDS, int(np.bincount(codes).max()))
    if groups is not None:
        names = np.unique(groups)
        if len(names) < 2:
            raise ValueError("groups needs two or more groups, but all rows are of one: leave it out.")
        n_folds = min(n_folds, len(names))
    if n_folds < 2:
        n_classes = len(np.unique(codes))
        raise ValueError(f"At least one class needs two rows, but each of the {n_classes} classes has one row only.")
    return n_folds


def dependence_of(groups: ArrayLike | None, dependence: Dependence | None) -> Dependence:
    """Return how rows depend on each other, given in one of two ways."""
    if groups is None:
        return dependence or Dependence()
    if dependence is not None:
        raise ValueError("Give groups or a dependence, not both: Dependence(groups=..., times=...) has both.")
    return Dependence(groups)


def split(codes: Codes, dependence: Dependence, seed: int, n_folds: int) -> list[tuple[Codes, Codes]]:
    """Return training and held-out rows of each fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may lack in a fold: the pool does not need it
        return dependence.folds(codes, n_folds, seed)
