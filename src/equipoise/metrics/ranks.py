"""Scores of an order of rows: average precision and the area under the ROC curve."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score

from equipoise.containers import as_array
from equipoise.metrics.inputs import Labels, Weights, check_scores


def _one_against_rest(
    score: Callable[..., float], y_true: ArrayLike, y_score: ArrayLike, labels: Labels, sample_weight: Weights
) -> float:
    """Score the second of two classes, or average over all classes that some but not all rows have."""
    y_score = np.asarray(as_array(y_score))
    y_score = np.array(y_score.tolist()) if y_score.dtype.kind == "O" else y_score  # of nullable columns, too
    if y_score.dtype.kind != "f":
        raise TypeError(
            f"this metric ranks rows by scores of type float, got {y_score.dtype} values, which look like labels; "
            "pass predict_proba's output"
        )
    indices, scores, weights = check_scores(y_true, y_score, labels, sample_weight)
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
