"""Objective of tuned decisions: a metric, costs, or floors of recall and precision alone."""

from collections.abc import Mapping, Sequence
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

    metric: MarginMetric | None  # None where costs count, or errors beside the floors
    costs: Floats | None  # (K, K): rows = true class, columns = decided class; scaled to at most 1
    min_recall: Floats  # (K,): floors, 0 where there is none
    min_precision: Floats

    @classmethod
    def of(
        cls, metric: str | Costs | None, labels: NDArray[Any], min_recall: Floors, min_precision: Floors
    ) -> "Objective":
        """Check the objective of `tune_offsets`; ``labels`` are the classes in the order of the columns."""
        floors = [
            _floors(given, labels, name)
            for given, name in [(min_recall, "min_recall"), (min_precision, "min_precision")]
        ]
        if metric is None:
            if not np.any(floors):
                raise ValueError("Without a metric or costs, give a floor: min_recall or min_precision.")
            return cls(None, None, *floors)
        if not isinstance(metric, str):
            costs = cost_matrix(metric, labels)
            return cls(None, costs / np.abs(costs).max(), *floors)
        if metric not in MARGIN_METRICS:
            raise ValueError(f"metric must be one of {sorted(MARGIN_METRICS)} or costs, got {metric!r}")
        return cls(MARGIN_METRICS[metric], None, *floors)

    @property
    def floored(self) -> Indices:
        """Classes that have a floor."""
        return np.flatnonzero((self.min_recall > 0) | (self.min_precision > 0))

    def value(self, hits: Floats, true: Floats, predicted: Floats, cost: Floats | float = 0.0) -> Floats:
        """Score decisions by the margins ``(..., K)`` of their confusion matrix, and summed costs ``(...)`` if any."""
        terms = self.terms(hits, true, predicted, true.sum(), np.arange(len(true)))
        return self.combine(terms.sum(-1), cost, true.sum())

    def terms(self, hits: Floats, true: Floats, predicted: Floats, total: float, classes: Indices) -> Floats:
        """Terms ``(P, ...)`` of these classes, whose sums over the classes `combine` takes."""
        lacking = self.lacking(hits, true, predicted, classes)
        if self.metric is not None:
            return np.stack([*self.metric.terms(hits, true, predicted, np.asarray(total)), lacking])
        return np.stack(
            [lacking] if self.costs is not None else [self._errors(hits, true, predicted, classes), lacking]
        )

    def combine(self, sums: Sequence[Floats] | Floats, cost: Floats | float, total: float) -> Floats:
        """Return the values, from the sums of the terms and, with costs, from the summed ones."""
        *terms, lacking = sums
        if self.metric is not None:
            score = self.metric.combine(*terms)
        else:
            score = -np.asarray(cost if self.costs is not None else terms[0]) / total
        return np.where(lacking > _SAME, -2 - lacking, score)

    def _errors(self, hits: Floats, true: Floats, predicted: Floats, classes: Indices) -> Floats:
        """Errors to be few by floors alone.

        They are those on rows of classes without a floor of recall, if any has one; else those among rows decided for
        classes without a floor of precision.
        """
        if self.min_recall.any():
            return np.where(self.min_recall[classes] > 0, 0.0, true - hits)
        return np.where(self.min_precision[classes] > 0, 0.0, predicted - hits)

    def lacking(self, hits: Floats, true: Floats, predicted: Floats, classes: Indices) -> Floats:
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
