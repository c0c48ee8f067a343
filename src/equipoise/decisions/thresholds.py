"""Thresholds for any number of classes: one offset b_k a class, decision = argmax of log p_k + b_k.

For two classes an offset is a cut on the probability, and `tune_offsets` looks at every cut there is. For
more it is coordinate ascent: one offset at a time, over every cut that changes a decision, until a pass over
the classes improves nothing. It starts from no offsets, and again from those that make all classes equally
probable on average, since while two classes are never chosen no single offset lifts a G-mean of 0. Raising
b_k only moves rows from their best other class to class k, so the margins of the confusion matrices of all
cuts are cumulative sums, and one call scores them all.

The optimum of macro F1 or G-mean depends on the rows at hand: tune on rows that the model was not fitted to.
"""

import warnings
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.utils.multiclass import unique_labels

from equipoise.decisions.objective import Floors, Objective
from equipoise.metrics import Floats, Indices, as_columns, check_probabilities, tally

_SAME = 1e-12  # scores, probabilities and shares nearer than this are one value: rounding must not decide
_MAX_PASSES = 20  # over the classes; two to six suffice in practice


def decide(y_proba: ArrayLike, offsets: ArrayLike) -> NDArray[np.intp]:
    """Class indices: argmax of log p_k + b_k, the first class at a tie.

    Parameters
    ----------
    y_proba : array-like of shape (..., K), or (n,) for the probability of the second of two classes
    offsets : array-like of shape (K,)
        Finite numbers, in units of log probability; zeros decide for the most probable class.

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
    """
    log_proba = _log(as_columns(y_proba))
    b = np.asarray(offsets, dtype=np.float64)
    if b.shape != log_proba.shape[-1:] or not np.isfinite(b).all():
        raise ValueError(f"offsets must be a finite number for each of {log_proba.shape[-1]} classes, got {offsets!r}")
    return (log_proba + b).argmax(axis=-1)


def tune_offsets(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    metric: str | ArrayLike,
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
    metric : str or array-like of shape (K, K)
        A name in `equipoise.metrics.MARGIN_METRICS`, such as ``"macro_f1"`` or ``"g_mean"``, to be as large
        as possible; or costs, rows = true class, columns = decided class, whose sum is to be small.
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
        of no offsets.

    Warns
    -----
    UserWarning
        If no offsets were found that meet the floors; those that miss them least are returned.

    Raises
    ------
    ValueError
        If metric or floors do not serve, or for input that `equipoise.metrics` refuses.

    Notes
    -----
    A sweep of one class takes O(n K) time and about 60 n K bytes.

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
    rows = _Rows(_log(proba), indices, weights, objective)
    common = np.log(np.maximum(np.average(proba, axis=0, weights=weights), _SAME))
    starts = (np.zeros(proba.shape[1]), common[0] - common)
    offsets, value = max((_ascend(rows, start) for start in starts), key=lambda found: found[1])
    if value < -2:
        warnings.warn(
            f"No thresholds were found that reach min_recall={min_recall!r} and min_precision={min_precision!r} on "
            f"these rows; those that miss them least, by {-2 - value:.3g} in sum, were taken.",
            UserWarning,
            stacklevel=2,
        )
    return offsets


def _log(proba: Floats) -> Floats:
    with np.errstate(divide="ignore"):  # -inf is right: no finite offset makes an impossible class the choice
        return np.log(proba)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows to decide on: log probabilities (n, K), true classes and weights (n,), and what is wanted of them."""

    log_proba: Floats
    indices: Indices
    weights: Floats
    objective: Objective

    def value(self, offsets: Floats) -> float:
        """Return the value of the decisions that these offsets lead to."""
        decided = (self.log_proba + offsets).argmax(axis=1)
        counts = tally(self.weights, (len(offsets),) * 2, self.indices, decided)
        cost = 0.0 if self.objective.costs is None else float((counts * self.objective.costs).sum())
        return float(self.objective.value(np.diagonal(counts), counts.sum(1), counts.sum(0), cost))

    def best_cut(self, k: int, offsets: Floats) -> tuple[float, float]:
        """Return the best offset of class k, given those of the others, and the value there."""
        rivals = self.log_proba + offsets
        rivals[:, k] = -np.inf
        rival = rivals.argmax(axis=1)
        share = expit(self.log_proba[:, k] - rivals[np.arange(len(rival)), rival])  # of k against its best rival
        order = share.argsort()
        edges = np.concatenate([[0.0], share[order], [1.0]])
        apart = np.flatnonzero(np.diff(edges) > _SAME)
        cuts = (edges[apart] + edges[apart + 1]) / 2
        values = self._values(k, self.indices[order], rival[order], self.weights[order])[apart]
        best = cuts[values >= values.max() - _SAME]
        cut = best[np.abs(best - expit(-offsets[k])).argmin()]
        return float(-logit(cut)), float(values.max())

    def _values(self, k: int, true: Indices, rival: Indices, weights: Floats) -> Floats:
        """Values at the n + 1 cuts in rising order: the first gives all rows to k, each hands one to its rival."""
        n_rows, n_classes = self.log_proba.shape
        sizes = tally(weights, (n_classes,), true)
        margins = np.zeros((2, n_classes, n_rows + 1))  # of classes first: they are summed along the rows
        hits, predicted = margins
        handed = rival, np.arange(1, n_rows + 1)
        hits[handed], predicted[handed] = weights * (true == rival), weights
        hits[k, 0], predicted[k, 0] = sizes[k], sizes.sum()
        hits[k, 1:], predicted[k, 1:] = -weights * (true == k), -weights
        np.cumsum(margins, axis=-1, out=margins)
        margins[margins < _SAME * sizes.sum()] = 0  # what is left of sums of float weights that cancel
        return self.objective.value(hits.T, sizes, predicted.T, self._cost(k, true, rival, weights))

    def _cost(self, k: int, true: Indices, rival: Indices, weights: Floats) -> Floats | float:
        costs = self.objective.costs
        if costs is None:
            return 0.0
        to_k = weights * costs[true, k]
        return np.cumsum(np.concatenate([[to_k.sum()], weights * costs[true, rival] - to_k]))


def _ascend(rows: _Rows, offsets: Floats) -> tuple[Floats, float]:
    """Sweep one class after the other until none of them improves; of two, one says it all."""
    swept = range(len(offsets)) if len(offsets) > 2 else range(1, len(offsets))
    best, unmoved = rows.value(offsets), 0
    for k in islice(cycle(swept), _MAX_PASSES * len(swept)):
        offset, value = rows.best_cut(k, offsets)
        unmoved = 1 if value > best + _SAME else unmoved + 1
        if value >= best - _SAME:  # an equal value still moves the cut off the edge of its interval
            offsets[k], best = offset, value
        if unmoved == len(swept):
            break
    return offsets - offsets[0], best
