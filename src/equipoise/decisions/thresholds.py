"""Thresholds for any number of classes: one offset b_k a class, decision = argmax of log p_k + b_k.

For two classes an offset is a cut on the probability, and `tune_offsets` looks at every cut there is. For
more it is coordinate ascent with b_0 = 0: one offset at a time, over every cut that changes a decision, until
a pass over the classes improves nothing. It starts from no offsets, and again from those that make all
classes equally probable on average, since while two classes are never chosen no single offset lifts a G-mean
of 0. Raising b_k only moves rows from their best other class to class k, so the confusion matrices of all
cuts are cumulative sums, and one call scores them all.

The optimum of macro F1 or G-mean depends on the rows at hand: tune on rows that the model was not fitted to.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from equipoise.metrics import CONFUSION_METRICS, Floats, Indices, as_columns, check_probabilities, tally

ConfusionMetric = Callable[[Floats], Floats]

_SAME = 1e-12  # scores, and probabilities, nearer than this are one value: rounding must not decide
_MAX_COUNTS = 2**20  # confusion counts of one sweep; exact up to 262,144 binary cuts, beyond that thinned
_MAX_PASSES = 20  # over the classes; two to five suffice in practice


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
    metric: str | ConfusionMetric,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Floats:
    """Offsets for `decide` that maximise a metric on these rows.

    Parameters
    ----------
    y_true : array-like of shape (n,)
    y_proba : array-like of shape (n, K), or (n,) for the probability of the second label
    metric : str or callable
        A name in `equipoise.metrics.CONFUSION_METRICS`, such as ``"macro_f1"`` or ``"g_mean"``, or a function
        of confusion matrices (..., K, K), rows = true class, to finite values (...) to be maximised.
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

    Raises
    ------
    ValueError
        If the metric's name is unknown, or for input that `equipoise.metrics` refuses.

    Examples
    --------
    >>> offsets = tune_offsets([0, 0, 0, 1], [0.05, 0.1, 0.2, 0.4], metric="g_mean")
    >>> round(float(1 / (1 + np.exp(offsets[1]))), 3)  # as a cut on the probability
    0.3
    >>> decide([0.25, 0.35], offsets)
    array([0, 1])
    """
    if isinstance(metric, str) and metric not in CONFUSION_METRICS:
        raise ValueError(f"metric must be one of {sorted(CONFUSION_METRICS)} or a callable, got {metric!r}")
    score = CONFUSION_METRICS[metric] if isinstance(metric, str) else metric
    indices, proba, weights = check_probabilities(y_true, y_proba, labels, sample_weight)
    rows = _Rows(_log(proba), indices, weights, score)
    common = np.log(np.maximum(np.average(proba, axis=0, weights=weights), _SAME))
    starts = (np.zeros(proba.shape[1]), common[0] - common)
    return max((_ascend(rows, start) for start in starts), key=lambda found: found[1])[0]


def _log(proba: Floats) -> Floats:
    with np.errstate(divide="ignore"):  # -inf is right: no finite offset makes an impossible class the choice
        return np.log(proba)


@dataclass(frozen=True)
class _Rows:
    """Rows to decide on: log probabilities (n, K), true classes and weights (n,), and the metric."""

    log_proba: Floats
    indices: Indices
    weights: Floats
    metric: ConfusionMetric

    def value(self, offsets: Floats) -> float:
        decisions = (self.log_proba + offsets).argmax(axis=1)
        return float(self.metric(tally(self.weights, (len(offsets),) * 2, self.indices, decisions)))

    def best_cut(self, k: int, offsets: Floats) -> tuple[float, float]:
        """Return the best offset of class k, given those of the others, and the metric's value there."""
        rivals = self.log_proba + offsets
        rivals[:, k] = -np.inf
        rival = rivals.argmax(axis=1)
        share = expit(self.log_proba[:, k] - rivals.max(axis=1))  # of class k against its best rival
        cuts = _cuts(share, 1 + _MAX_COUNTS // len(offsets) ** 2)
        values = self.metric(self._confusions(k, rival, np.searchsorted(cuts, share), len(cuts)))
        best = cuts[values >= values.max() - _SAME]
        cut = best[np.abs(best - expit(-offsets[k])).argmin()]
        return float(-logit(cut)), float(values.max())

    def _confusions(self, k: int, rival: Indices, n_below: Indices, n_cuts: int) -> Floats:
        """Confusion matrices at the cuts in rising order; a row is given to k at the ``n_below`` first."""
        n_classes = self.log_proba.shape[1]
        taken = tally(self.weights, (n_cuts + 1, n_classes, n_classes), n_below, self.indices, rival)
        counts = taken[:n_cuts].cumsum(axis=0)
        sizes = tally(self.weights, (n_classes,), self.indices)
        counts[:, :, k] = np.maximum(sizes - counts.sum(axis=-1), 0)  # float weights may leave -1e-17
        return counts


def _cuts(share: Floats, at_most: int) -> Floats:
    """Middles of the intervals between the distinct values of ``share``, 0 and 1, in rising order."""
    edges = np.unique(np.concatenate([[0.0], share, [1.0]]))
    apart = np.diff(edges) > _SAME
    cuts = (edges[:-1][apart] + edges[1:][apart]) / 2
    return cuts[np.linspace(0, len(cuts) - 1, min(len(cuts), at_most)).astype(np.intp)]


def _ascend(rows: _Rows, offsets: Floats) -> tuple[Floats, float]:
    best = rows.value(offsets)
    for _ in range(_MAX_PASSES):
        before = best
        for k in range(1, len(offsets)):
            offset, value = rows.best_cut(k, offsets)
            if value >= best - _SAME:  # an equal value still moves the cut off the edge of its interval
                offsets[k], best = offset, value
        if best <= before + _SAME:
            break
    return offsets, best
