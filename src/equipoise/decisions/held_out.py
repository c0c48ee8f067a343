"""Rows predicted by models that were fitted without them: those that thresholds can be tuned on.

A model whose training rows lack a class gives it a meaningless probability. With sorted labels, groups or very
small classes that happens in cross-validation, so such classes and rows are left out, with a warning.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.decisions.costs import Costs, cost_matrix
from equipoise.decisions.objective import Floors, Objective
from equipoise.decisions.thresholds import tune_offsets
from equipoise.metrics import Floats, Indices

Flags = NDArray[np.bool_]

_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Rows of the folds of a cross-validation, one fold after the other or in any order.

    >>> trained = np.array([[True, True, True], [True, True, False]])  # the second fold trains without class 2
    >>> rows = HeldOutRows(np.array([0, 1, 2, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1]), trained)
    >>> rows.comparable()
    (array([ True,  True,  True, False, False, False]), array([ True,  True,  True]))
    """

    codes: Indices  # (n,): class of each row, 0 to K - 1
    folds: Indices  # (n,): fold that each row is held out in
    trained: Flags  # (n_folds, K): classes among the training rows of each fold

    def comparable(self) -> tuple[Flags, Flags]:
        """Rows ``(n,)`` and classes ``(K,)`` whose probabilities can be compared.

        A class stays if a fold that trains with it holds some of its rows out; a row stays if its class does and its
        fold trains with all classes that stay.
        """
        known = self.trained[self.folds, self.codes]
        classes = np.bincount(self.codes[known], minlength=self.trained.shape[1]) > 0
        while True:
            whole: Flags = np.all(self.trained[:, classes], axis=1)
            rows = classes[self.codes] & whole[self.folds]
            left = np.bincount(self.codes[rows], minlength=len(classes)) > 0
            if left[classes].all():
                return rows, classes
            classes &= left

    def tune(
        self,
        proba: Floats,
        labels: NDArray[Any],
        *,
        metric: str | Costs | None,
        min_recall: Floors = None,
        min_precision: Floors = None,
        sample_weight: Floats | None = None,
    ) -> Floats:
        """Offsets for `decide` that are best on the rows that can be compared.

        Parameters are those of `tune_offsets`. A class that was left out gets the mean offset of the others; all
        offsets are 0 where fewer than two classes are left.
        """
        Objective.of(metric, labels, min_recall, min_precision)  # raises for invalid ones
        rows, classes = self.comparable()
        kept, left_out = labels[classes], labels[~classes].tolist()
        costs = (
            None if metric is None or isinstance(metric, str) else cost_matrix(metric, labels)[np.ix_(classes, classes)]
        )
        if len(kept) < 2 or (costs is not None and not costs.any()):
            return np.zeros(len(labels))
        floors = [
            None if given is None else {label: floor for label, floor in given.items() if label not in left_out}
            for given in (min_recall, min_precision)
        ]
        if metric is None and not any(floors):
            return np.zeros(len(labels))
        offsets = tune_offsets(
            labels[self.codes[rows]],
            _restricted(proba[rows], classes),
            metric=metric if costs is None else costs,
            min_recall=floors[0],
            min_precision=floors[1],
            labels=kept,
            sample_weight=None if sample_weight is None else sample_weight[rows],
        )
        everywhere = np.full(len(labels), offsets.mean())
        everywhere[classes] = offsets
        return everywhere - everywhere[0]

    def warn(self, labels: Sequence[Any], *, stacklevel: int = 2) -> None:
        """Warn of the classes that folds train without, and of the rows or classes left out of tuning."""
        lacking = [f"fold {fold + 1} without class {labels[k]!r}" for fold, k in np.argwhere(~self.trained)]
        if not lacking:
            return
        _, classes = self.comparable()
        left_out = [repr(label) for label, stays in zip(labels, classes, strict=True) if not stays]
        if classes.sum() < 2:
            consequence = "No thresholds were tuned: the most probable class is decided."
        elif left_out:
            names = ", ".join(left_out)
            consequence = f"Thresholds were not tuned for {names}: the mean offset of the other classes was taken."
        else:
            consequence = "The rows of these folds were left out of tuning."
        more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
        warnings.warn(
            f"Some folds have no training rows of a class: {', '.join(lacking[:_MOST_NAMED])}{more}. {consequence} "
            "Stratified or fewer folds, or more rows of these classes, avoid this.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _restricted(proba: Floats, classes: Flags) -> Floats:
    """Probabilities ``(n, K)`` among some of the classes; equal ones where a row has none for them."""
    if classes.all():
        return proba
    chosen = proba[:, classes]
    sums = chosen.sum(axis=1, keepdims=True)
    return np.where(sums > 0, chosen / np.where(sums > 0, sums, 1), 1 / chosen.shape[1])


@dataclass(eq=False, repr=False)
class HeldOutAnswers:
    """Probabilities of training rows by models that were fitted without them.

    A copy or a saved one holds the tuned offsets only, without the rows.
    """

    rows: HeldOutRows  # classes and folds of the rows
    proba: Floats  # (n, K)
    weights: Floats | None  # (n,)

    @cached_property
    def macro_f1_offsets(self) -> Floats:
        """Offsets to log probabilities that maximise macro F1."""
        labels = np.arange(self.proba.shape[1])
        return self.rows.tune(self.proba, labels, metric="macro_f1", sample_weight=self.weights)

    def __getstate__(self) -> dict[str, Any]:
        return {"macro_f1_offsets": self.macro_f1_offsets}
