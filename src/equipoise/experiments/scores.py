"""The metrics of a comparison: what they are called, which way is better, how they come from a result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import metrics

Codes = NDArray[np.int64]
Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Metric:
    """One column of the leaderboard.

    Attributes
    ----------
    name, title : str
    greater_is_better : bool
    at_threshold : bool
        Whether it scores decisions, which moving a threshold changes.
    score : callable
        ``(codes, probabilities, rare) -> float``; codes 0 to K - 1 index the columns, ``rare`` is the
        code of the rarest class. Decisions are scored as probabilities of 0 and 1.
    priors : {"equal", "observed"} or None
        Class priors that probabilities should speak of to score well; None where only their order counts.
    """

    name: str
    title: str
    greater_is_better: bool
    at_threshold: bool
    score: Callable[[Codes, Probabilities, int], float]
    priors: str | None = None

    @property
    def decision(self) -> str:
        """The decision that a recipe with honest probabilities should take to score well, by name."""
        if self.priors != "observed":
            return "balanced"
        return "macro_f1" if self.at_threshold else "natural"


def _decided(score: Callable[..., float]) -> Callable[[Codes, Probabilities, int], float]:
    return lambda codes, proba, rare: score(codes, proba.argmax(axis=1), labels=np.arange(proba.shape[1]))


def _proper(score: Callable[..., float]) -> Callable[[Codes, Probabilities, int], float]:
    return lambda codes, proba, rare: score(codes, proba, labels=np.arange(proba.shape[1]))


def _ranking(score: Callable[..., float]) -> Callable[[Codes, Probabilities, int], float]:
    """Two classes: how the rare one is ranked; more: the mean over classes, each against the rest."""

    def of(codes: Codes, proba: Probabilities, rare: int) -> float:
        if proba.shape[1] > 2:
            return score(codes, proba, labels=np.arange(proba.shape[1]))
        return score((codes == rare).astype(int), proba[:, rare].astype(float), labels=[0, 1])

    return of


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        Metric("g_mean", "G-mean", True, True, _decided(metrics.g_mean), "equal"),
        Metric("macro_f1", "macro F1", True, True, _decided(metrics.macro_f1_score), "observed"),
        Metric("balanced_accuracy", "balanced accuracy", True, True, _decided(metrics.balanced_accuracy), "equal"),
        Metric(
            "matthews_corrcoef", "Matthews correlation", True, True, _decided(metrics.matthews_corrcoef), "observed"
        ),
        Metric("average_precision", "average precision", True, False, _ranking(metrics.average_precision)),
        Metric("roc_auc", "ROC AUC", True, False, _ranking(metrics.roc_auc)),
        Metric("balanced_brier", "balanced Brier", False, False, _proper(metrics.balanced_brier_score), "equal"),
        Metric("brier", "Brier", False, False, _proper(metrics.brier_score), "observed"),
        Metric("log_loss", "log loss", False, False, _proper(metrics.log_loss), "observed"),
        Metric(
            "calibration_error",
            "calibration error",
            False,
            False,
            _proper(metrics.expected_calibration_error),
            "observed",
        ),
    ]
}
"""Metrics by name, in the order of the leaderboard's columns."""
