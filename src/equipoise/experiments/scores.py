"""The metrics of a comparison: what they are called, which way is better, how they come from a result."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise import metrics
from equipoise.registry import Registry

Codes = NDArray[np.int64]
Probabilities = NDArray[np.floating[Any]]
Weights = NDArray[np.float64] | None
Score = Callable[..., float]


@dataclass(frozen=True)
class Metric:
    """One column of the leaderboard.

    Attributes
    ----------
    name, title : str
        As options and columns name it, and as a reader does.
    greater_is_better : bool
    at_threshold : bool
        Whether it scores decisions, which moving a threshold changes.
    score : callable
        ``(codes, probabilities, rare) -> float``; codes 0 to K - 1 index the columns, ``rare`` is the
        code of the rarest class. Decisions are scored as probabilities of 0 and 1. A fourth parameter takes the weights
        of the rows, (n,) or None; without one, the metric is unknown where rows have weights.
    priors : {"equal", "observed"} or None
        Class priors that probabilities should stand for to score well; None where only their order counts.
    definition : str
        A line for readers who meet it first in a report.
    tuned_for : {"g_mean", "macro_f1"} or None
        Metric for which thresholds are tuned when this one chooses the winner; None where thresholds change nothing,
        or where no tuning is known.
    bounds : tuple of float
        Lowest and highest value; intervals stay between them.
    """

    name: str
    title: str
    greater_is_better: bool
    at_threshold: bool
    score: Score
    priors: Literal["equal", "observed"] | None = None
    definition: str = ""
    tuned_for: Literal["g_mean", "macro_f1"] | None = None
    bounds: tuple[float, float] = (-np.inf, np.inf)

    @property
    def sign(self) -> int:
        """1 where greater is better, else -1: a difference times it is a gain."""
        return 1 if self.greater_is_better else -1

    @property
    def tuned_metric(self) -> str | None:
        """Metric that thresholds are tuned for to score well: itself where that can be."""
        return self.name if self.at_threshold and self.name in metrics.MARGIN_METRICS else self.tuned_for

    @property
    def takes_weights(self) -> bool:
        """Whether the score can weigh rows."""
        return len(signature(self.score).parameters) > 3

    def of(self, codes: Codes, proba: Probabilities, rare: int, weights: Weights = None) -> float:
        """Score rows, of which some may weigh more than others; NaN where the score does not take weights."""
        if weights is None:
            return self.score(codes, proba, rare)
        return self.score(codes, proba, rare, weights) if self.takes_weights else float("nan")

    @property
    def decision(self) -> Literal["balanced", "macro_f1", "natural"]:
        """Decision of `AutoClassifier` that scores well, by name."""
        if self.priors != "observed":
            return "balanced"
        return "macro_f1" if self.at_threshold else "natural"


def _of_decisions(
    name: str,
    title: str,
    score: Callable[..., float],
    priors: Literal["equal", "observed"],
    tuned_for: Literal["g_mean", "macro_f1"],
    lowest: float = 0.0,
) -> Metric:
    def of(codes: Codes, proba: Probabilities, rare: int, weights: Weights = None) -> float:
        return score(codes, proba.argmax(axis=1), labels=np.arange(proba.shape[1]), sample_weight=weights)

    return Metric(name, title, True, True, of, priors, _DEFINITIONS[name], tuned_for, (lowest, 1.0))


def _of_ranks(name: str, title: str, score: Callable[..., float]) -> Metric:
    """Two classes: how the rare one is ranked; more: the mean over classes, each against the rest."""

    def of(codes: Codes, proba: Probabilities, rare: int, weights: Weights = None) -> float:
        if proba.shape[1] > 2:
            return score(codes, proba, labels=np.arange(proba.shape[1]), sample_weight=weights)
        rows = (codes == rare).astype(int), proba[:, rare].astype(float)
        return score(*rows, labels=[0, 1], sample_weight=weights)

    return Metric(name, title, True, False, of, None, _DEFINITIONS[name], bounds=(0.0, 1.0))


def _of_probabilities(
    name: str, title: str, score: Callable[..., float], priors: Literal["equal", "observed"], highest: float = 1.0
) -> Metric:
    def of(codes: Codes, proba: Probabilities, rare: int, weights: Weights = None) -> float:
        return score(codes, proba, labels=np.arange(proba.shape[1]), sample_weight=weights)

    return Metric(name, title, False, False, of, priors, _DEFINITIONS[name], bounds=(0.0, highest))


_DEFINITIONS = {
    "g_mean": "geometric mean of the classes' recalls; 0 when a class is never found",
    "macro_f1": "mean of the classes' F1, each 2 TP / (2 TP + FP + FN)",
    "balanced_accuracy": "mean of the classes' recalls",
    "matthews_corrcoef": "correlation of true and predicted class, from −1 to 1; 0 is guessing",
    "average_precision": "area under the precision–recall curve, of the rare class for two classes, else the mean over "
    "classes; guessing scores the share of the class",
    "roc_auc": "probability that a row of the class ranks above a row of another; for more than two classes, the mean",
    "balanced_brier": "mean over classes of the squared error of the probabilities on that class's rows, halved",
    "brier": "mean over rows of the squared error of the probabilities, halved",
    "log_loss": "mean over rows of −log of the probability of the true class, in nats",
    "calibration_error": "mean gap between confidence and accuracy, over 15 bins of confidence",
}
METRICS: Registry[Metric] = Registry(
    "metric",
    [
        _of_decisions("g_mean", "G-mean", metrics.g_mean, "equal", "g_mean"),
        _of_decisions("macro_f1", "macro F1", metrics.macro_f1_score, "observed", "macro_f1"),
        _of_decisions("balanced_accuracy", "balanced accuracy", metrics.balanced_accuracy, "equal", "g_mean"),
        _of_decisions(
            "matthews_corrcoef", "Matthews correlation", metrics.matthews_corrcoef, "observed", "macro_f1", -1.0
        ),
        _of_ranks("average_precision", "average precision", metrics.average_precision),
        _of_ranks("roc_auc", "ROC AUC", metrics.roc_auc),
        _of_probabilities("balanced_brier", "balanced Brier", metrics.balanced_brier_score, "equal"),
        _of_probabilities("brier", "Brier", metrics.brier_score, "observed"),
        _of_probabilities("log_loss", "log loss", metrics.log_loss, "observed", np.inf),
        _of_probabilities("calibration_error", "calibration error", metrics.expected_calibration_error, "observed"),
    ],
    "equipoise.metrics",
)
"""Metrics by name, in the order of the leaderboard's columns; `register` adds one of your own."""
