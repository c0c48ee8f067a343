"""Thresholds for any number of classes: one offset b_k a class, decision = argmax of log p_k + b_k.

For two classes an offset is a cut on the probability, and `tune_offsets` looks at every cut there is. For
more it is coordinate ascent: one offset at a time, over every cut that changes a decision, until a pass over
the classes improves nothing. It starts from no offsets, and again from those that make all classes equally
probable on average, since while two classes are never chosen no single offset lifts a G-mean of 0. Raising
b_k only moves rows from their best other class to class k. Each row so moved changes the terms of two classes in
the metric (`MarginMetric`), so the values at all cuts are cumulative sums, whatever the number of classes.
With costs, offsets are within the decision of the least expected cost, see `equipoise.decisions.least_cost`.

The optimum of macro F1 or G-mean depends on the rows at hand: tune on rows that the model was not fitted to.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.utils.multiclass import unique_labels

from equipoise.decisions.costs import Costs, cost_matrix, weighted_costs
from equipoise.decisions.least_cost import CostlyRows
from equipoise.decisions.objective import Floors, Objective
from equipoise.metrics import Floats, Indices, as_columns, check_probabilities, tally
from equipoise.text import listed

_SAME = 1e-12  # scores, probabilities and weights nearer than this are one value: rounding must not decide
_MAX_PASSES = 20  # over the classes; two to six suffice in practice


def decide(y_proba: ArrayLike, offsets: ArrayLike, costs: ArrayLike | None = None) -> NDArray[np.intp]:
    """Class indices: argmax of log p_k + b_k, or with costs argmin of their expectation; the first class at a tie.

    Parameters
    ----------
    y_proba : array-like of shape (..., K), or (n,) for the probability of the second of two classes
    offsets : array-like of shape (K,)
        Finite numbers, in units of log probability; zeros decide for the most probable class, or for the one of the
        least expected cost.
    costs : array-like of shape (K, K), optional
        Rows = true class, columns = decided class. Each p_k counts e^b_k times in the expectation.

    Returns
    -------
    ndarray of int, of shape (...) or (n,)

    Raises
    ------
    ValueError
        If there is not one finite offset a class.

    Examples
    --------
    >>> decide([[0.9, 0.1], [0.7, 0.3]], [0.0, 1.0])
    array([0, 1])
    >>> decide([[0.9, 0.1], [0.7, 0.3]], [0.0, 0.0], costs=[[0, 1], [5, 0]])
    array([0, 1])
    """
    proba, b = as_columns(y_proba), np.asarray(offsets, dtype=np.float64)
    n_classes = proba.shape[-1]
    if b.shape != (n_classes,) or not np.isfinite(b).all():
        raise ValueError(f"offsets must be a finite number for each of {n_classes} classes, got {offsets!r}")
    if costs is None:
        return (_log(proba) + b).argmax(axis=-1)
    return (proba @ weighted_costs(cost_matrix(costs, np.arange(n_classes)), b)).argmin(axis=-1)


def tune_offsets(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    metric: str | Costs | None,
    min_recall: Floors = None,
    min_precision: Floors = None,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Floats:
    """Offsets for `decide` that are best on these rows.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    y_proba : array-like of shape (n, K), or (n,) for the probability of the second label
    metric : str, array-like of shape (K, K), DataFrame, dict of dict or None
        A name in ``equipoise.metrics.MARGIN_METRICS``, such as ``"macro_f1"`` or ``"g_mean"``, to be as large
        as possible; or costs, whose sum is to be small: rows = true class, columns = decided class. An array has
        the order of ``labels``; a data frame or ``{true: {decided: cost}}`` names the classes itself. None is for
        floors alone: of recall, with the fewest errors on rows of other classes; of precision, with the fewest
        among rows decided for other classes.
    min_recall, min_precision : dict of label to float, default=None
        Floors in [0, 1]. Only where all are met does the metric count.
    labels : array-like of shape (K,), default=None
        The class of each column; by default the sorted classes of ``y_true``.
    sample_weight : array-like of shape (n,), default=None

    Returns
    -------
    ndarray of shape (K,)
        The first is 0. Each cut lies in the middle, on the scale of p_k against its best rival, of the
        interval that gives the best value; of several such intervals, in the one that moves it least.
        The value is the best there is for two classes; for more it is a local optimum, never below the value
        of no offsets. With costs, the offsets are those of ``decide(y_proba, offsets, costs)``, and 0 where none
        lowers the costs beyond noise: by a mean above twice its standard error.

    Warns
    -----
    UserWarning
        If no offsets meet the floors; the nearest ones are returned.

    Raises
    ------
    ValueError
        If metric, costs or floors do not fit the classes, or for input that `equipoise.metrics` refuses.

    Notes
    -----
    A pass over the K classes takes O(n K log n) time, with costs up to K times that and O(n K^3).

    Examples
    --------
    >>> offsets = tune_offsets([0, 0, 0, 1], [0.05, 0.1, 0.2, 0.4], metric="g_mean")
    >>> round(float(1 / (1 + np.exp(offsets[1]))), 3)  # as a cut on the probability
    0.3
    >>> decide([0.25, 0.35], offsets)
    array([0, 1])
    """
    order = unique_labels(y_true) if labels is None else np.asarray(labels)
    objective = Objective.of(metric, order, min_recall, min_precision)
    indices, proba, weights = check_probabilities(y_true, y_proba, order, sample_weight)
    if objective.costs is None:
        offsets, value = _best_offsets(_Rows(_log(proba), indices, weights, objective))
    else:
        offsets, value = CostlyRows(proba, indices, weights, objective).best_offsets()
    if value < -2:
        warnings.warn(
            f"No thresholds reach {listed(_floors(min_recall, min_precision))} on these rows: the nearest were taken.",
            UserWarning,
            stacklevel=2,
        )
    return offsets


def _floors(min_recall: Floors, min_precision: Floors) -> Iterator[str]:
    """Yield each floor in words; the class is named where there are floors of several."""
    several = len({*(min_recall or ()), *(min_precision or ())}) > 1
    for name, floors in (("recall", min_recall), ("precision", min_precision)):
        for label, floor in (floors or {}).items():
            yield f"a {name} of {100 * floor:.6g}%{f' for {label!r}' if several else ''}"


def _best_offsets(rows: "_Rows") -> tuple[Floats, float]:
    """Return the better offsets of two starts, and their value."""
    common = np.log(np.maximum(np.average(np.exp(rows.log_proba), axis=0, weights=rows.weights), _SAME))
    (offsets, value), other = (_ascend(rows, start) for start in (np.zeros(len(common)), common[0] - common))
    return other if other[1] > value + _SAME else (offsets, value)


def _log(proba: Floats) -> Floats:
    with np.errstate(divide="ignore"):  # -inf is right: no finite offset makes an impossible class the choice
        return np.log(proba)


class _Leaders:
    """The two best classes of each row, kept up to date while offsets change."""

    def __init__(self, log_proba: Floats, offsets: Floats) -> None:
        self.log_proba, self.offsets = log_proba, offsets
        self._rows = np.arange(len(log_proba))
        self._first, self._second = np.empty((2, len(log_proba)), dtype=np.intp)
        self._rank(self._rows)

    def _rank(self, rows: Indices) -> None:
        scores = self.log_proba[rows] + self.offsets
        first = self._first[rows] = scores.argmax(axis=1)
        scores[np.arange(len(rows)), first] = -np.inf
        self._second[rows] = scores.argmax(axis=1)

    def rivals(self, k: int) -> Indices:
        """Return the best class of each row but k."""
        return np.where(self._first == k, self._second, self._first)

    def move(self, k: int, offset: float) -> None:
        """Change the offset of class k."""
        self.offsets[k] = offset
        seconds = self.log_proba[self._rows, self._second] + self.offsets[self._second]
        touched = (self.log_proba[:, k] + offset >= seconds) | (self._first == k) | (self._second == k)
        self._rank(np.flatnonzero(touched))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows to decide on: log probabilities (n, K), true classes and weights (n,), and the objective."""

    log_proba: Floats
    indices: Indices
    weights: Floats
    objective: Objective

    def value(self, offsets: Floats) -> float:
        """Return the value of the decisions that these offsets lead to."""
        decided = (self.log_proba + offsets).argmax(axis=1)
        counts = tally(self.weights, (len(offsets),) * 2, self.indices, decided)
        return float(self.objective.value(np.diagonal(counts), counts.sum(1), counts.sum(0)))

    def best_cut(self, k: int, leaders: _Leaders) -> tuple[float, float]:
        """Return the best offset of class k, given those of the others, and the value there."""
        rival = leaders.rivals(k)
        scores = self.log_proba[np.arange(len(rival)), rival] + leaders.offsets[rival]
        share = expit(self.log_proba[:, k] - scores)  # of k against its best rival
        order = share.argsort()
        edges = np.concatenate([[0.0], share[order], [1.0]])
        apart = np.flatnonzero(np.diff(edges) > _SAME)
        cuts = (edges[apart] + edges[apart + 1]) / 2
        values = self._values(k, self.indices[order], rival[order], self.weights[order])[apart]
        best = cuts[values >= values.max() - _SAME]
        cut = best[np.abs(best - expit(-leaders.offsets[k])).argmin()]
        return float(-logit(cut)), float(values.max())

    def _values(self, k: int, true: Indices, rival: Indices, weights: Floats) -> Floats:
        """Values at the n + 1 cuts in rising order: the first gives all rows to k, each hands one to its rival."""
        sizes, total, classes = self.sizes, self.weights.sum(), np.arange(self.log_proba.shape[1])
        none = np.zeros(len(classes))
        others = self.objective.terms(none, sizes, none, total, classes)
        others[:, k] = 0
        handed = np.stack([weights * (true == k), weights])
        kept = np.array([[sizes[k]], [total]]) - np.cumsum(np.pad(handed, ((0, 0), (1, 0))), axis=1)
        hits, predicted = np.where(kept < _SAME * total, 0, kept)  # sums of float weights do not cancel to 0
        of_k = self.objective.terms(hits, np.full(len(hits), sizes[k]), predicted, total, np.full(len(hits), k))
        gained = np.pad(self._gains(true, rival, weights, total), ((0, 0), (1, 0)))
        sums = others.sum(axis=1, keepdims=True) + np.cumsum(gained, axis=1) + of_k
        return self.objective.combine(sums, 0.0, total)

    def _gains(self, true: Indices, rival: Indices, weights: Floats, total: float) -> Floats:
        """By how much each row in turn changes the terms ``(P, n)`` of the class that it is handed to."""
        by_class = rival.argsort(kind="stable")
        classes, added = rival[by_class], weights[by_class]
        margins = np.stack([added * (true[by_class] == classes), added])
        first = np.flatnonzero(np.diff(classes, prepend=-1))  # row of each class
        after = np.cumsum(margins, axis=1)
        before = after - margins
        start = np.repeat(before[:, first], np.diff(first, append=len(classes)), axis=1)
        pairs = [np.where(m - start < _SAME * total, 0, m - start) for m in (before, after)]
        old, new = (
            self.objective.terms(hits, self.sizes[classes], predicted, total, classes) for hits, predicted in pairs
        )
        gains = np.empty_like(new)
        gains[:, by_class] = new - old
        return gains

    @cached_property
    def sizes(self) -> Floats:
        """Rows of each class."""
        return tally(self.weights, self.log_proba.shape[1:], self.indices)


def _ascend(rows: _Rows, offsets: Floats) -> tuple[Floats, float]:
    """Sweep one class after the other until none of them improves; of two, one is enough."""
    swept = range(len(offsets)) if len(offsets) > 2 else range(1, len(offsets))
    best, unmoved, leaders = rows.value(offsets), 0, _Leaders(rows.log_proba, offsets)
    for k in islice(cycle(swept), _MAX_PASSES * len(swept)):
        offset, value = rows.best_cut(k, leaders)
        unmoved = 1 if value > best + _SAME else unmoved + 1
        if value >= best - _SAME:  # an equal value still moves the cut off the edge of its interval
            leaders.move(k, offset)
            best = value
        if unmoved == len(swept):
            break
    return offsets - offsets[0], rows.value(offsets)
