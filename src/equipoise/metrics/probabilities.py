"""Scores of probabilities: Brier, log loss, calibration."""

import numpy as np
from numpy.typing import ArrayLike

from equipoise.metrics.inputs import Floats, Indices, Labels, Weights, check_probabilities, ratio, tally


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
    return ratio(sums, tally(weights, classes, indices), np.nan)


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
    y_true: ArrayLike, y_proba: ArrayLike, *, n_bins: int = 15, labels: Labels = None, sample_weight: Weights = None
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
