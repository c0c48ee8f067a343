"""The numbers behind the curves: out-of-fold labels and probabilities of the rare class to points."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve

from equipoise.experiments.sample_size import wilson
from equipoise.metrics import counts_summary

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

THRESHOLDS = expit(np.linspace(logit(0.001), logit(0.999), 201))
"""Thresholds of `threshold_sweep`; dense at both ends, where rare classes need them."""


class Bins(NamedTuple):
    """Bins of predicted probability that have rows: their mean, the rare rows' share with its interval, rows."""

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    rows: NDArray[np.int64]


def precision_recall(
    rare: Mask, proba: Floats, weights: Floats | None = None, *, n_points: int = 301
) -> tuple[Floats, Floats]:
    """Recall, falling from 1 to 0, and precision, at no more than ``n_points`` of the thresholds there are."""
    precision, recall, _ = precision_recall_curve(rare, proba, sample_weight=weights)
    # The last point of each recall has its best precision, which is the one that average precision counts.
    last = np.searchsorted(-recall, -np.linspace(1, 0, n_points), side="right") - 1
    kept = np.unique(last)
    return recall[kept], precision[kept]


def threshold_sweep(rare: Mask, proba: Floats, weights: Floats | None = None) -> dict[str, Floats]:
    """G-mean, macro F1, recall and precision of two classes when rows from a threshold on are called rare.

    Each is an array over `THRESHOLDS`.
    """
    weights = np.ones(len(rare)) if weights is None else weights
    below = np.nextafter(THRESHOLDS, 0)  # a row at a threshold is called rare
    called = [weight_above(proba[own], weights[own], below) for own in (~rare, rare)]
    sizes = [weights[own].sum() for own in (~rare, rare)]
    confusions = np.array([[sizes[k] - called[k], called[k]] for k in (0, 1)]).transpose(2, 0, 1)
    confusions = np.maximum(confusions, 0)  # sums of weights are not exact
    summary: dict[str, Any] = counts_summary(confusions)
    of_rare = {name: summary[name][:, 1] for name in ("recall", "precision")}
    return {"g_mean": summary["g_mean"], "macro_f1": summary["macro_f1"], **of_rare}


def reliability(rare: Mask, proba: Floats, weights: Floats | None = None, *, n_bins: int = 10) -> Bins:
    """How often rows were of the rare class, by predicted probability, with Wilson's 95% intervals.

    Bins have equal width, and those without rows are left out. With weights, intervals are those of as many equal rows
    as tell as much (Kish).
    """
    numbers = np.minimum((proba * n_bins).astype(int), n_bins - 1)
    weights = np.ones(len(rare)) if weights is None else weights
    rows = np.bincount(numbers, minlength=n_bins)
    filled = rows > 0
    mass, squares, hits, sums = (
        np.bincount(numbers, values, minlength=n_bins)[filled]
        for values in (weights, weights**2, weights * rare, weights * proba)
    )
    observed = hits / mass
    low, high = np.array([wilson(share, n) for share, n in zip(observed, mass**2 / squares)]).T
    return Bins(sums / mass, observed, low, high, rows[filled])


def weight_above(scores: Floats, weights: Floats, cuts: Floats) -> Floats:
    """Sum of the weights of rows whose score is greater than each of some cuts.

    >>> weight_above(np.array([0.2, 0.5, 0.9]), np.ones(3), np.array([0.1, 0.5]))
    array([3., 1.])
    """
    order = np.argsort(scores)
    summed = np.append(0.0, np.cumsum(weights[order]))
    below: Floats = summed[np.searchsorted(scores[order], cuts, side="right")]
    return summed[-1] - below
