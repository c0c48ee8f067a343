"""What thresholds are tuned for: a metric, or costs to keep low, above floors of recall and precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise.metrics import MARGIN_METRICS, Floats, MarginMetric

Floors = Mapping[Any, float] | None

_SAME = 1e-12  # priors nearer than this are one share


@dataclass(frozen=True, eq=False)
class Objective:
    """A value to be made as large as possible, in [-1, 1] where the floors are met and below -2 where not.

    Attributes
    ----------
    metric : callable or None
        Of `MARGIN_METRICS`; None where costs decide.
    costs : ndarray of shape (K, K) or None
        Rows = true class, columns = decided class; scaled to at most 1.
    min_recall, min_precision : ndarray of shape (K,)
        Floors, 0 where there is none.
    """

    metric: MarginMetric | None
    costs: Floats | None
    min_recall: Floats
    min_precision: Floats

    @classmethod
    def of(
        cls, metric: str | ArrayLike, labels: NDArray[Any], min_recall: Floors, min_precision: Floors
    ) -> "Objective":
        """Check what `tune_offsets` was given; ``labels`` are the classes in the order of the columns."""
        floors = [
            _floors(given, labels, name)
            for given, name in [(min_recall, "min_recall"), (min_precision, "min_precision")]
        ]
        if not isinstance(metric, str):
            return cls(None, _costs(metric, labels), *floors)
        if metric not in MARGIN_METRICS:
            raise ValueError(f"metric must be one of {sorted(MARGIN_METRICS)} or a matrix of costs, got {metric!r}")
        return cls(MARGIN_METRICS[metric], None, *floors)

    def value(self, hits: Floats, true: Floats, predicted: Floats, cost: Floats | float) -> Floats:
        """Score decisions by the margins ``(..., K)`` of their confusion matrix and their summed cost ``(...)``."""
        score = self.metric(hits, true, predicted) if self.metric else -cost / true.sum(-1)
        if not (self.min_recall.any() or self.min_precision.any()):
            return score
        lacking = self.lacking(hits, true, predicted)
        return np.where(lacking > _SAME, -2 - lacking, score)

    def lacking(self, hits: Floats, true: Floats, predicted: Floats) -> Floats:
        """Sum by how much recalls and precisions miss their floors; a precision of 0/0 is 0."""
        recall_gap = self.min_recall * (true > 0) - hits / np.maximum(true, _SAME)
        precision_gap = self.min_precision - hits / np.maximum(predicted, _SAME)
        return np.maximum(recall_gap, 0).sum(-1) + np.maximum(precision_gap, 0).sum(-1)


def _costs(costs: ArrayLike, labels: NDArray[Any]) -> Floats:
    matrix = np.asarray(costs, dtype=np.float64)
    if matrix.shape != (len(labels),) * 2 or not np.isfinite(matrix).all() or not matrix.any():
        raise ValueError(
            f"costs must be finite and not all 0, of shape {(len(labels),) * 2} for the classes {labels.tolist()!r}: "
            f"rows = true class, columns = decided class; got {costs!r}"
        )
    return matrix / np.abs(matrix).max()


def _floors(given: Floors, labels: NDArray[Any], name: str) -> Floats:
    floors = np.zeros(len(labels))
    for label, floor in (given or {}).items():
        place = np.flatnonzero(labels == label)
        if len(place) != 1 or not 0 <= floor <= 1:
            raise ValueError(
                f"{name} must map labels to priors in [0, 1], such as {{{labels.tolist()[-1]!r}: 0.9}}, got {given!r} "
                f"for the classes {labels.tolist()!r}"
            )
        floors[place] = floor
    return floors
