"""Scores of labels and of probabilities: per class, and balanced over the classes.

Everything at a threshold is derived from one confusion matrix (rows = true class, columns = predicted
class, as in scikit-learn): a stored matrix gives every such score back (`counts_summary`), and a stack of
matrices ``(..., K, K)`` is scored at once.

Common to all functions:

- ``y_true``, ``y_pred``: labels of shape ``(n,)``, of any type that can be sorted.
- ``y_proba``: shape ``(n, K)``, a column a class, rows summing to 1; or ``(n,)``, the probability of the
  second label.
- ``labels``: the classes in the order of the columns, each once. Default: the sorted classes that occur.
- ``sample_weight``: shape ``(n,)``, not negative; an integer weight means that the row is there so often.

A 0/0 in a precision, F1 or Matthews correlation counts as 0. A class without true rows has no recall and no
Brier score: both are NaN for it, and the means over classes leave it out.
Bad input raises ``ValueError``, hard labels passed as scores ``TypeError``.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels

from equipoise.containers import as_array, readable

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Labels = ArrayLike | None
Weights = ArrayLike | None

_LEAST = np.finfo(np.float64).tiny  # in place of a divisor that is 0, under a numerator that is 0 too


# Input: label order, rows of weight 0 dropped, classes as indices


def _aligned(sample_weight: Weights, *arrays: Any) -> list[Any]:
    """Return the arrays and the weights, all of one length, without the rows of weight 0."""
    check_consistent_length(*arrays, sample_weight)
    n = len(arrays[0])
    weights = np.ones(n) if sample_weight is None else np.asarray(as_array(sample_weight), dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must hold one finite, not negative number a row, and not only zeros; "
            f"got shape {weights.shape} for {n} rows, with values {np.unique(weights)[:3]} and up"
        )
    return [array[weights > 0] for array in (*arrays, weights)]


def _column(y: ArrayLike, name: str) -> NDArray[Any]:
    column = np.asarray(column_or_1d(readable(y)))
    if pd.isna(column).any():
        raise ValueError(f"{name} must not have missing values, got {pd.isna(column).sum()}; drop those rows")
    return pd.Series(column).infer_objects().to_numpy() if column.dtype.kind == "O" else column


def comparable(*columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Labels that can be compared: truth values are 0 and 1 beside numbers."""
    numbers = any(column.dtype.kind in "iuf" for column in columns)
    return [column.astype(np.int64) if numbers and column.dtype.kind == "b" else column for column in columns]


def _class_order(labels: Labels, *seen: NDArray[Any]) -> pd.Index:
    if labels is None and len({column.dtype.kind in "biuf" for column in seen}) > 1:
        examples = " and ".join(repr(column[:1].tolist()[0]) for column in seen)
        raise ValueError(f"true and predicted labels must be of one kind, got numbers and text, such as {examples}")
    order = pd.Index(unique_labels(*comparable(*seen)) if labels is None else _column(labels, "labels"))
    if not order.is_unique:
        raise ValueError(f"labels must name each class once, got {order.tolist()!r}")
    return order


def _class_indices(y: NDArray[Any], order: pd.Index, name: str) -> Indices:
    classes, column = comparable(order.to_numpy(), y)
    indices = pd.Index(classes).get_indexer(pd.Index(column))
    if (indices < 0).any():
        raise ValueError(
            f"every value of {name} must be one of labels={order.tolist()!r}, "
            f"got {y[indices < 0].tolist()[0]!r}; add it to labels"
        )
    return indices


def as_columns(y_proba: ArrayLike) -> Floats:
    """Return probabilities or scores as ``(..., K)``, a column a class; ``(n,)`` is the second of two."""
    columns = np.asarray(as_array(y_proba), dtype=np.float64)
    columns = np.stack([1 - columns, columns], axis=-1) if columns.ndim == 1 else columns
    if columns.ndim == 0 or not np.isfinite(columns).all():
        bad = np.count_nonzero(~np.isfinite(columns))
        raise ValueError(
            "y_proba must have the shape (n,) or (n, K) and hold finite numbers, "
            f"got shape {np.shape(y_proba)} with {bad} values that are NaN or infinite"
        )
    return columns


def _check_scores(
    y_true: ArrayLike, y_score: ArrayLike, labels: Labels, sample_weight: Weights
) -> tuple[Indices, Floats, Floats]:
    true, scores, weights = _aligned(sample_weight, _column(y_true, "y_true"), as_columns(y_score))
    order = _class_order(labels, true)
    if scores.shape[1:] != (len(order),):
        raise ValueError(
            f"y_proba must have a column for each of the {len(order)} classes {order.tolist()!r}, "
            f"got shape {scores.shape}; pass labels, the class of each column"
        )
    return _class_indices(true, order, "y_true"), scores, weights


def check_probabilities(
    y_true: ArrayLike, y_proba: ArrayLike, labels: Labels, sample_weight: Weights
) -> tuple[Indices, Floats, Floats]:
    """Return class indices ``(n,)``, probabilities ``(n, K)`` that sum to 1, and weights ``(n,)``.

    Rows of weight 0 are dropped. Raises ``ValueError`` for a negative probability, and for a row whose sum
    is farther than 1e-3 (half-precision rounding) from 1.
    """
    indices, proba, weights = _check_scores(y_true, y_proba, labels, sample_weight)
    sums = proba.sum(axis=1, keepdims=True)
    if (proba < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"every row of y_proba must hold probabilities that sum to 1, got {proba.min():.4g} as the least "
            f"value and sums from {sums.min():.4g} to {sums.max():.4g}; pass the output of predict_proba"
        )
    return indices, proba / sums, weights


def tally(weights: Floats, shape: tuple[int, ...], *indices: Indices) -> Floats:
    """Sum the weights of the rows of each cell of ``shape``; with (true, predicted), a confusion matrix."""
    sums = np.bincount(np.ravel_multi_index(indices, shape), weights, minlength=math.prod(shape))
    return sums.astype(np.float64, copy=False).reshape(shape)


# At a threshold: functions of the confusion matrix, most of its margins only


def _ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
    return np.divide(top, bottom, out=np.full(np.shape(bottom), otherwise), where=bottom > 0)


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
    return _ratio(hits * true - both, np.sqrt(np.maximum(spread * predicted_spread, 0)), 0.0)


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
    columns = _column(y_true, "y_true"), _column(y_pred, "y_pred")
    true, predicted, weights = _aligned(sample_weight, *columns)
    order = _class_order(labels, true, predicted)
    indices = _class_indices(true, order, "y_true"), _class_indices(predicted, order, "y_pred")
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
        "precision": _ratio(hits, predicted, 0.0),
        "recall": _ratio(hits, true, np.nan),
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


# Probabilities


def _brier_rows(indices: Indices, proba: Floats) -> Floats:
    return ((np.eye(proba.shape[1])[indices] - proba) ** 2).sum(axis=1) / 2


def class_brier_scores(
    y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> Floats:
    """Brier score of the rows of each class, (1/2) sum_k (Y_k - p_k)^2 in [0, 1], shape ``(K,)``.

    For two classes that is (y - p)^2 over the rows of the class (Wallace and Dahabreh 2012). A class without
    rows has NaN.

    Examples
    --------
    >>> class_brier_scores([1, 1, 0, 0, 0], [0.9, 0.6, 0.1, 0.2, 0.4]).round(3)
    array([0.07 , 0.085])
    """
    indices, proba, weights = check_probabilities(y_true, y_proba, labels, sample_weight)
    classes = proba.shape[1:]
    sums = tally(weights * _brier_rows(indices, proba), classes, indices)
    return _ratio(sums, tally(weights, classes, indices), np.nan)


def balanced_brier_score(
    y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Plain mean of `class_brier_scores` over the classes present (ReMix, equation 3), in [0, 1].

    Lower is better; 1/2 (1 - 1/K) for uniform probabilities. It measures calibration under equal
    class priors: read it beside `brier_score`.

    Examples
    --------
    >>> round(balanced_brier_score([1, 1, 0, 0, 0], [0.9, 0.6, 0.1, 0.2, 0.4]), 4)
    0.0775
    """
    scores = class_brier_scores(y_true, y_proba, labels=labels, sample_weight=sample_weight)
    return float(np.nanmean(scores))


def brier_score(
    y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Mean over rows of (1/2) sum_k (Y_k - p_k)^2, in [0, 1]; (y - p)^2 for two classes. Lower is better.

    It equals scikit-learn's ``brier_score_loss`` with ``scale_by_half=True``.

    Examples
    --------
    >>> round(brier_score([1, 1, 0, 0, 0], [0.9, 0.6, 0.1, 0.2, 0.4]), 3)
    0.076
    """
    indices, proba, weights = check_probabilities(y_true, y_proba, labels, sample_weight)
    return float(np.average(_brier_rows(indices, proba), weights=weights))


def log_loss(y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None) -> float:
    """Mean over rows of -log of the true class's probability, in nats; 36.04 where that is 0.

    It equals scikit-learn's ``log_loss``, which is too slow for a score that is taken every epoch.

    Examples
    --------
    >>> round(log_loss(["no", "yes"], [0.5, 0.5]), 4)
    0.6931
    """
    indices, proba, weights = check_probabilities(y_true, y_proba, labels, sample_weight)
    of_truth = np.take_along_axis(proba, indices[:, None], axis=1)[:, 0]
    return float(-np.average(np.log(np.maximum(of_truth, np.finfo(np.float64).eps)), weights=weights))


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    labels: Labels = None,
    sample_weight: Weights = None,
) -> float:
    """Confidence calibration error: mean ``|accuracy - confidence|`` over bins of confidence, in [0, 1].

    A row's confidence is its largest probability, whatever the class and for two classes too; the bins
    ((b - 1) / n_bins, b / n_bins] are weighed by their rows (Guo et al. 2017, On Calibration of Modern Neural
    Networks, equation 3).

    Examples
    --------
    >>> round(expected_calibration_error([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.2], n_bins=5), 3)
    0.225
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins!r}")
    indices, proba, weights = check_probabilities(y_true, y_proba, labels, sample_weight)
    confidence = proba.max(axis=1)
    excess = (proba.argmax(axis=1) == indices) - confidence
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    return float(np.abs(tally(weights * excess, (n_bins,), bins)).sum() / weights.sum())


def _one_against_rest(
    score: Callable[..., float],
    y_true: ArrayLike,
    y_score: ArrayLike,
    labels: Labels,
    sample_weight: Weights,
) -> float:
    """Score the second of two classes, or average over all classes that some but not all rows have."""
    y_score = np.asarray(as_array(y_score))
    y_score = np.array(y_score.tolist()) if y_score.dtype.kind == "O" else y_score  # of nullable columns, too
    if y_score.dtype.kind != "f":
        raise TypeError(
            f"this metric ranks rows by scores of type float, got {y_score.dtype} values, which look like labels; "
            "pass predict_proba's output"
        )
    indices, scores, weights = _check_scores(y_true, y_score, labels, sample_weight)
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    values = [
        score(indices == k, scores[:, k], sample_weight=weights)
        for k in classes
        if 0 < (indices == k).sum() < len(indices)
    ]
    if not values:
        message = "all rows are of one class: scores that rank rows are undefined"
        warnings.warn(message, UndefinedMetricWarning, stacklevel=3)
    return float(np.mean(values)) if values else float("nan")


def average_precision(
    y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None
) -> float:
    """Average precision of scores, in [0, 1]: of the second of two classes, else macro one-against-rest.

    The macro mean is over the classes present. NaN, with a warning, when all rows are of one class.
    ``y_proba`` may hold any float scores, larger for likelier; integers and booleans are refused, since hard
    labels rank nothing.

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    return _one_against_rest(average_precision_score, y_true, y_proba, labels, sample_weight)


def roc_auc(y_true: ArrayLike, y_proba: ArrayLike, *, labels: Labels = None, sample_weight: Weights = None) -> float:
    """Area under the ROC curve, in [0, 1]: of the second of two classes, else macro one-against-rest.

    Takes and refuses what `average_precision` does.

    Examples
    --------
    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return _one_against_rest(roc_auc_score, y_true, y_proba, labels, sample_weight)


# Groups: errors of the cells (class, group)


def cell_errors(
    y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None
) -> pd.DataFrame:
    """Share of wrong rows in each cell: a row a class of ``y_true``, a column a group, NaN where empty.

    Examples
    --------
    >>> cell_errors([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"]).loc[0].to_dict()
    {'a': 0.0, 'b': 1.0}
    """
    columns = _column(y_true, "y_true"), _column(y_pred, "y_pred"), _column(groups, "groups")
    true, predicted, group, weights = _aligned(sample_weight, *columns)
    order = _class_order(None, true, predicted)
    wrong = _class_indices(true, order, "y_true") != _class_indices(predicted, order, "y_pred")
    rows = pd.DataFrame({"class": true, "group": group, "weight": weights, "error": weights * wrong})
    sums = rows.groupby(["class", "group"]).sum()
    return (sums["error"] / sums["weight"]).unstack()


def _deo(cells: pd.DataFrame) -> float:
    if (cells.notna().sum(axis=1) < 2).any():
        message = "a class has rows in fewer than two groups: their difference is undefined"
        warnings.warn(message, UndefinedMetricWarning, stacklevel=3)
        return float("nan")
    return float((cells.max(axis=1) - cells.min(axis=1)).sum())


def deo(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None) -> float:
    """Difference of equal opportunity: sum over classes of the largest less the smallest group's error.

    For two groups that is ``|E_{+,1} - E_{+,2}| + |E_{-,1} - E_{-,2}|``, as the AutoBalance paper has it; the
    form for more groups is ours. NaN, with a warning, when a class has rows in fewer than two groups.

    Examples
    --------
    >>> deo([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"])
    1.0
    """
    return _deo(cell_errors(y_true, y_pred, groups, sample_weight=sample_weight))


def group_errors(
    y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None
) -> dict[str, float]:
    """Errors over the cells that have rows: ``balanced`` (mean), ``worst``, ``deo``, and ``n_cells``.

    Examples
    --------
    >>> group_errors([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"])
    {'balanced': 0.25, 'worst': 1.0, 'deo': 1.0, 'n_cells': 4}
    """
    cells = cell_errors(y_true, y_pred, groups, sample_weight=sample_weight)
    errors = cells.to_numpy()[cells.notna().to_numpy()]
    return {
        "balanced": float(errors.mean()),
        "worst": float(errors.max()),
        "deo": _deo(cells),
        "n_cells": errors.size,
    }
