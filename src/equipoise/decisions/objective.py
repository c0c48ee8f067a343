"""Objective of tuned thresholds: a metric or costs, with floors of recall and precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.decisions.costs import Costs, cost_matrix
from equipoise.metrics import MARGIN_METRICS, Floats, Indices, MarginMetric

Floors = Mapping[Any, float] | None

_SAME = 1e-12  # gaps below this are none


@dataclass(frozen=True, eq=False)
class Objective:
    """A value to be made as large as possible, in [-1, 1] where the floors are met and below -2 where not."""

    metric: MarginMetric | None  # None where costs decide
    costs: Floats | None  # (K, K): rows = true class, columns = decided class; scaled to at most 1
    min_recall: Floats  # (K,): floors, 0 where there is none
    min_precision: Floats

    @classmethod
    def of(cls, metric: str | Costs, labels: NDArray[Any], min_recall: Floors, min_precision: Floors) -> "Objective":
        """Check the objective of `tune_offsets`; ``labels`` are the classes in the order of the columns."""
        floors = [
            _floors(given, labels, name)
            for given, name in [(min_recall, "min_recall"), (min_precision, "min_precision")]
        ]
        if not isinstance(metric, str):
            costs = cost_matrix(metric, labels)
            return cls(None, costs / np.abs(costs).max(), *floors)
        if metric not in MARGIN_METRICS:
            raise ValueError(f"metric must be one of {sorted(MARGIN_METRICS)} or costs, got {metric!r}")
        return cls(MARGIN_METRICS[metric], None, *floors)

    def value(self, hits: Floats, true: Floats, predicted: Floats, cost: Floats | float) -> Floats:
        """Score decisions by the margins ``(..., K)`` of their confusion matrix and their summed cost ``(...)``."""
        terms = self.terms(hits, true, predicted, true.sum(), np.arange(len(true)))
        return self.combine(terms.sum(-1), cost, true.sum())

    def terms(self, hits: Floats, true: Floats, predicted: Floats, total: float, classes: Indices) -> Floats:
        """Terms ``(P, ...)`` of these classes, whose sums over the classes `combine` takes."""
        terms = () if self.metric is None else self.metric.terms(hits, true, predicted, np.asarray(total))
        return np.stack([*terms, self._lacking(hits, true, predicted, classes)])

    def combine(self, sums: Floats, cost: Floats | float, total: float) -> Floats:
        """Return the values, from the sums of the terms and from the summed costs."""
        *terms, lacking = sums
        score = -np.asarray(cost) / total if self.metric is None else self.metric.combine(*terms)
        return np.where(lacking > _SAME, -2 - lacking, score)

    def _lacking(self, hits: Floats, true: Floats, predicted: Floats, classes: Indices) -> Floats:
        """By how much recalls and precisions miss their floors; a precision of 0/0 is 0."""
        recall_gap = self.min_recall[classes] * (true > 0) - hits / np.maximum(true, _SAME)
        precision_gap = self.min_precision[classes] - hits / np.maximum(predicted, _SAME)
        return np.maximum(recall_gap, 0) + np.maximum(precision_gap, 0)


def _floors(given: Floors, labels: NDArray[Any], name: str) -> Floats:
    floors = np.zeros(len(labels))
    for label, floor in (given or {}).items():
        place = np.flatnonzero(labels == label)
        if len(place) != 1 or not 0 <= floor <= 1:
            raise ValueError(
                f"{name} must map labels to floors in [0, 1], such as {{{labels.tolist()[-1]!r}: 0.9}}, got {given!r} "
                f"for the classes {labels.tolist()!r}"
            )
        floors[place] = floor
    return floors
