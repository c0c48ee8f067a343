"""Scores at a threshold: functions of the confusion matrix, most of its margins only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise.metrics.inputs import (
    Floats,
    Labels,
    Weights,
    aligned,
    class_indices,
    class_order,
    label_column,
    ratio,
    tally,
)

_LEAST = np.finfo(np.float64).tiny  # in place of a divisor that is 0, under a numerator that is 0 too


def _margins(counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, true rows and predicted rows of each class, ``(..., K)``."""
    return np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1), counts.sum(-2)


def _f1(hits: Floats, true: Floats, predicted: Floats) -> Floats:
    return 2 * hits / np.maximum(true + predicted, _LEAST)


def _recall(hits: Floats, true: Floats) -> Floats:
    return hits / np.maximum(true, _LEAST)


def _log_recall(hits: Floats, true: Floats) -> tuple[Floats, Floats]:
    """Logarithms of recalls, 0 where the recall is 0, and whether it is."""
    missed = (true > 0) & (hits == 0)
    found = (true > 0) & (hits > 0)
    return np.log(np.where(found, hits, 1) / np.where(found, true, 1)), missed


def _spread(sizes: Floats, total: Floats) -> Floats:
    """Summed over the classes: total squared less the sum of squares, exactly 0 where one class has everything."""
    return sizes * (total - sizes)


def _correlation(hits: Floats, true: Floats, both: Floats, spread: Floats, predicted_spread: Floats) -> Floats:
    return ratio(hits * true - both, np.sqrt(np.maximum(spread * predicted_spread, 0)), 0.0)


@dataclass(frozen=True)
class MarginMetric:
    """A score of the margins of a confusion matrix, computed from sums over the classes.

    Sums follow a row from one class to another at a cost that does not depend on the number of classes, so that
    thresholds for many classes can be tuned.

    Attributes
    ----------
    terms : callable
        ``(hits, true, predicted, total) -> tuple of arrays``, all of shape ``(..., K)`` but the total ``(..., 1)``.
    combine : callable
        From the sums of these terms over the classes to the score ``(...)``.

    Examples
    --------
    >>> recalls = MARGIN_METRICS["balanced_accuracy"]
    >>> float(recalls(np.array([8.0, 1]), np.array([10.0, 2]), np.array([9.0, 3])))
    0.65
    """

    terms: Callable[[Floats, Floats, Floats, Floats], tuple[NDArray[Any], ...]]
    combine: Callable[..., Floats]

    def __call__(self, hits: Floats, true: Floats, predicted: Floats) -> Floats:
        """Score margins ``(..., K)``."""
        total = true.sum(-1, keepdims=True)
        return self.combine(*(term.sum(-1) for term in self.terms(hits, true, predicted, total)))


MARGIN_METRICS: dict[str, MarginMetric] = {
    "accuracy": MarginMetric(lambda h, t, p, n: (h, t), lambda hits, true: hits / true),
    "balanced_accuracy": MarginMetric(lambda h, t, p, n: (_recall(h, t), t > 0), lambda recalls, k: recalls / k),
    "g_mean": MarginMetric(
        lambda h, t, p, n: (*_log_recall(h, t), t > 0),
        lambda logs, missed, k: np.where(missed > 0, 0.0, np.exp(logs / k)),
    ),
    "macro_f1": MarginMetric(lambda h, t, p, n: (_f1(h, t, p), np.ones_like(h)), lambda f1, k: f1 / k),
    "matthews_corrcoef": MarginMetric(lambda h, t, p, n: (h, t, t * p, _spread(t, n), _spread(p, n)), _correlation),
}
"""Scores by name: functions of hits, true and predicted rows of the classes ``(..., K)``."""


def _confusion(y_true: ArrayLike, y_pred: ArrayLike, labels: Labels, sample_weight: Weights) -> Floats:
    columns = label_column(y_true, "y_true"), label_column(y_pred, "y_pred")
    true, predicted, weights = aligned(sample_weight, *columns)
    order = class_order(labels, true, predicted)
    indices = class_indices(true, order, "y_true"), class_indices(predicted, order, "y_pred")
    return tally(weights, (len(order), len(order)), *indices)


def g_mean(y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None) -> float:
    """Geometric mean of the recalls of the classes present in ``y_true``, in [0, 1].

    imbalanced-learn's ``geometric_mean_score`` differs in one case: there a class that is predicted but has
    no true row makes the mean 0; here it only costs the recall of the class whose rows it took.

    Examples
    --------
    >>> round(g_mean([0] * 90 + [1] * 10, [0] * 80 + [1] * 18 + [0] * 2), 5)
    0.84327
    """
    return float(MARGIN_METRICS["g_mean"](*_margins(_confusion(y_true, y_pred, labels, sample_weight))))


def macro_f1_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Plain mean of the classes' F1 = 2 Tp / (2 Tp + Fp + Fn), in [0, 1].

    It is not the harmonic mean of macro precision and macro recall. The mean is over ``labels``, by default
    all classes that occur in ``y_true`` or ``y_pred``.

    Examples
    --------
    >>> round(macro_f1_score([0] * 90 + [1] * 10, [0] * 80 + [1] * 18 + [0] * 2), 5)
    0.75083
    """
    return float(MARGIN_METRICS["macro_f1"](*_margins(_confusion(y_true, y_pred, labels, sample_weight))))


def balanced_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Plain mean of the recalls of the classes present in ``y_true``, in [0, 1]; 1 - balanced error.

    Examples
    --------
    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    return float(MARGIN_METRICS["balanced_accuracy"](*_margins(_confusion(y_true, y_pred, labels, sample_weight))))


def matthews_corrcoef(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Matthews correlation coefficient of true and predicted class, in [-1, 1]; 0 where it is undefined.

    Examples
    --------
    >>> round(matthews_corrcoef([0] * 90 + [1] * 10, [0] * 80 + [1] * 18 + [0] * 2), 5)
    0.53793
    """
    return float(MARGIN_METRICS["matthews_corrcoef"](*_margins(_confusion(y_true, y_pred, labels, sample_weight))))


def counts_summary(confusion: ArrayLike) -> dict[str, NDArray[Any]]:
    """All scores at a threshold, from confusion matrices.

    Parameters
    ----------
    confusion : array-like of shape (..., K, K)
        Counts, or sums of weights, not negative; rows = true class, columns = predicted class.

    Returns
    -------
    dict
        Of shape ``(..., K)``: ``support`` (true rows), ``precision``, ``recall``, ``f1``. Of shape ``(...)``:
        the scores of `MARGIN_METRICS`, and ``undefined``, how many 0/0 were counted as 0 (precisions of
        classes never predicted, F1 of classes neither there nor predicted, the Matthews correlation when all
        rows or all predictions are of one class).

    Examples
    --------
    >>> summary = counts_summary([[80, 10], [2, 8]])
    >>> summary["f1"].round(5)
    array([0.93023, 0.57143])
    >>> int(counts_summary([[90, 0], [10, 0]])["undefined"])
    2
    """
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2] or counts.shape[-1] == 0:
        raise ValueError(f"confusion must have the shape (..., K, K), got {counts.shape}")
    if not ((counts >= 0) & (counts < np.inf)).all() or not counts.any((-2, -1)).all():
        raise ValueError(f"confusion must hold counts, not negative and not all 0, got {counts!r}")
    hits, true, predicted = _margins(counts)
    total = true.sum(-1, keepdims=True)
    no_correlation = _spread(true, total).sum(-1) * _spread(predicted, total).sum(-1) == 0
    return {
        "support": true,
        "precision": ratio(hits, predicted, 0.0),
        "recall": ratio(hits, true, np.nan),
        "f1": _f1(hits, true, predicted),
        **{name: metric(hits, true, predicted) for name, metric in MARGIN_METRICS.items()},
        "undefined": (predicted == 0).sum(-1) + (true + predicted == 0).sum(-1) + no_correlation,
    }


def at_prevalence(R_m: ArrayLike, R_M: ArrayLike, p: ArrayLike) -> dict[str, NDArray[Any]]:
    """Two-class scores at another prevalence: recalls stay; precision, F1 and their like change.

    Parameters
    ----------
    R_m, R_M : array-like
        Recall of the minority and of the majority class, in [0, 1].
    p : array-like
        Share of the minority class in [0, 1]. The three are broadcast against each other.

    Returns
    -------
    dict
        As `counts_summary`, for the classes (majority, minority) in this order.

    Examples
    --------
    >>> at_prevalence(0.89, 0.83, 0.201)["precision"].round(3)
    array([0.968, 0.568])
    """
    rare, common, share = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (R_m, R_M, p)))
    if not all(((v >= 0) & (v <= 1)).all() for v in (rare, common, share)):
        raise ValueError(f"R_m, R_M and p must be within [0, 1], got R_m={R_m!r}, R_M={R_M!r}, p={p!r}")
    rows = [[common, 1 - common], [1 - rare, rare]]
    counts = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    return counts_summary(counts * np.stack([1 - share, share], axis=-1)[..., None])
