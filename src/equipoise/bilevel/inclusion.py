"""Draws of known probability: each row has its own chance, so that what is estimated from a draw can be unbiased.

Horvitz and Thompson, "A Generalization of Sampling Without Replacement From a Finite Universe" (1952): a sum over rows
drawn, each divided by its probability, has the sum over all rows for its mean. Madow, "On the Theory of Systematic
Sampling, II" (1949): one uniform number draws a fixed number of rows with unequal probabilities.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.rows import Rows

_ROUNDS = 50
_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Inclusion:
    """Probability of a row as a function of its score alone: ``min(1, base + scale * score)``."""

    base: float  # least probability
    scale: float

    def of(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probability of rows by their scores, each above 0."""
        return np.minimum(1.0, self.base + self.scale * np.asarray(scores, dtype=np.float64))


def inclusion_for(scores: NDArray[np.floating], size: int, floor: float) -> Inclusion:
    """Return the probabilities of which the sum is a number of rows.

    Scores (n,) are positive. ``floor`` is the share of the size that is drawn uniformly, so that weights of rows are at
    most ``n / (floor * size)``.

    >>> inclusion_for(np.array([1.0, 1.0, 2.0, 40.0]), 2, floor=0.5).of([1.0, 1.0, 2.0, 40.0])
    array([0.3125, 0.3125, 0.375 , 1.    ])
    """
    n = len(scores)
    if size >= n:
        return Inclusion(1.0, 0.0)
    base, scale = floor * size / n, 0.0
    for _ in range(_ROUNDS):  # rows that are certain leave more for the others, of which some become certain
        certain, mass = _certain(Inclusion(base, scale), scores)
        following = (size - certain - base * (n - certain)) / mass if mass > 0 else scale
        if following <= scale * (1 + 1e-12):
            break
        scale = following
    return Inclusion(base, scale)


def _certain(inclusion: Inclusion, scores: NDArray[np.floating]) -> tuple[int, float]:
    """Count rows of probability 1, and sum the scores of all others."""
    count, mass = 0, 0.0
    for start in range(0, len(scores), _ROWS_AT_ONCE):
        block = scores[start : start + _ROWS_AT_ONCE].astype(np.float64)
        certain = inclusion.of(block) >= 1
        count, mass = count + int(certain.sum()), mass + float(block[~certain].sum())
    return count, mass


def systematic(inclusion: Inclusion, scores: NDArray[np.floating], rng: np.random.Generator) -> Rows:
    """Draw rows by Madow's systematic sampling, a block at a time: each with its probability, as many as their sum."""
    at, total, drawn = rng.uniform(), 0.0, []
    for start in range(0, len(scores), _ROWS_AT_ONCE):
        ends = total + np.cumsum(inclusion.of(scores[start : start + _ROWS_AT_ONCE]))
        places = np.arange(at, ends[-1])
        drawn.append(start + np.searchsorted(ends, places, side="right"))
        at, total = at + len(places), float(ends[-1])
    return np.unique(np.concatenate(drawn)).astype(np.int64)
