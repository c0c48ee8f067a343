"""Scores for early stopping: functions of class codes and probabilities, greater is better."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import metrics

Labels = NDArray[Any]
Probabilities = NDArray[np.float64]


def _log_loss(labels: Labels, proba: Probabilities) -> float:
    return -metrics.log_loss(labels, proba, labels=_codes(proba))


def _balanced_log_loss(labels: Labels, proba: Probabilities) -> float:
    weights = 1.0 / np.bincount(labels)[labels]
    return -metrics.log_loss(labels, proba, labels=_codes(proba), sample_weight=weights)


def _balanced_brier(labels: Labels, proba: Probabilities) -> float:
    return -metrics.balanced_brier_score(labels, proba, labels=_codes(proba))


def _g_mean(labels: Labels, proba: Probabilities) -> float:
    return metrics.g_mean(labels, proba.argmax(axis=1), labels=_codes(proba))


def _macro_f1(labels: Labels, proba: Probabilities) -> float:
    return metrics.macro_f1_score(labels, proba.argmax(axis=1), labels=_codes(proba))


def _codes(proba: Probabilities) -> NDArray[Any]:
    return np.arange(proba.shape[1])


SCORES: dict[str, Callable[[Labels, Probabilities], float]] = {
    "log_loss": _log_loss,
    "balanced_log_loss": _balanced_log_loss,
    "balanced_brier": _balanced_brier,
    "g_mean": _g_mean,
    "macro_f1": _macro_f1,
}
