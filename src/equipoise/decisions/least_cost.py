"""Offsets tuned inside the decision of the least expected cost: argmin over d of sum over k of p_k e^{b_k} C[k, d].

With probabilities that are right, no offset is needed (Elkan 2001, The Foundations of Cost-Sensitive Learning, IJCAI).
With those of a model, offsets b_k weigh the classes anew. It is coordinate ascent from no offsets: one at a time, over
every value at which a decision changes, until a pass over the classes improves nothing. While the weight t of class k
rises, the expected costs of a row are lines in t, of slope p_k C[k, d]. A decision follows their lower envelope, which
turns at most K - 1 times, always to a class of a lower slope. So turns of all rows, sorted, give the cost at every t.

What is best on some rows may be so by chance, so offsets leave zero only for a saving beyond noise: its mean over these
rows is above twice its standard error, paired. On three made tables (800 to 2,500 rows, 12 seeds) it cost 19% less than
no offsets with boosting, whose probabilities are too sure, and 0.1% less with logistic regression, whose probabilities
are right; with a bound of 1.5 standard errors, 20% less and 0.4% more; without a bound, 20% less and 1.9% more.
"""

from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from scipy.special import expit, logit

from equipoise.decisions.costs import weighted_costs
from equipoise.decisions.objective import Objective
from equipoise.metrics import Floats, Indices, tally

_SAME = 1e-12  # weights of a class and values nearer than this are one: rounding must not decide
_MAX_PASSES = 20
_NOISE = 2.0  # standard errors of the mean saving


@dataclass(frozen=True, eq=False)
class CostlyRows:
    """Rows to decide on: probabilities (n, K), true classes and weights (n,), and an objective with costs."""

    proba: Floats
    indices: Indices
    weights: Floats
    objective: Objective

    def best_offsets(self) -> tuple[Floats, float]:
        """Return offsets whose value is a local optimum, or zeros where it saves no more than noise; and the value."""
        n_classes = self.proba.shape[1]
        offsets, unmoved = np.zeros(n_classes), 0
        best = without = self.value(offsets)
        swept = range(n_classes) if n_classes > 2 else range(1, n_classes)  # of two, one is enough
        for k in islice(cycle(swept), _MAX_PASSES * len(swept)):
            tried = offsets.copy()
            tried[k] = self.best_offset(k, offsets)[0]
            value, unmoved = self.value(tried), unmoved + 1
            if value > best + _SAME:
                offsets, best, unmoved = tried, value, 1
            if unmoved == len(swept):
                break
        if without >= -2 and not self._saves(offsets):  # the floors hold without offsets
            return np.zeros(n_classes), without
        return offsets - offsets[0], best

    def _saves(self, offsets: Floats) -> bool:
        """Whether these offsets save more than noise against none: row by row, equal rows counted by their weights."""
        before, after = (self._costs[self.indices, self._decided(b)] for b in (np.zeros_like(offsets), offsets))
        saved, weights = before - after, self.weights / self.weights.sum()
        mean = weights @ saved
        return bool(mean > _NOISE * np.sqrt(weights**2 @ (saved - mean) ** 2))

    def _decided(self, offsets: Floats) -> Indices:
        return (self.proba @ weighted_costs(self._costs, offsets)).argmin(axis=1)

    def value(self, offsets: Floats) -> float:
        """Return the value of the decisions that these offsets lead to."""
        decided = self._decided(offsets)
        counts = tally(self.weights, self._costs.shape, self.indices, decided)
        cost = float((counts * self._costs).sum())
        return float(self.objective.value(np.diagonal(counts), counts.sum(1), counts.sum(0), cost))

    def best_offset(self, k: int, offsets: Floats) -> tuple[float, float]:
        """Return the best offset of class k, given those of the others, and the value there.

        It is in the middle, on the scale of e^b / (1 + e^b), of the best interval, of several of the nearest one.
        """
        rows, weights, before, after, first = self._turns(k, offsets)
        order = weights.argsort()
        edges = np.concatenate([[0.0], weights[order], [1.0]])
        values = self._values(rows[order], before[order], after[order], first)
        apart = np.flatnonzero(np.diff(edges) > _SAME)
        cuts, values = (edges[apart] + edges[apart + 1]) / 2, values[apart]
        best = cuts[values >= values.max() - _SAME]
        cut = best[np.abs(best - expit(offsets[k])).argmin()]
        return float(logit(cut)), float(values.max())

    @property
    def _costs(self) -> Floats:
        costs = self.objective.costs
        assert costs is not None
        return costs

    def _turns(self, k: int, offsets: Floats) -> tuple[Indices, Floats, Indices, Indices, Indices]:
        """Return where decisions change as the weight t of class k rises from 0, and the classes ``(n,)`` at 0.

        A turn is a row, t / (1 + t), and the classes before and after it.
        """
        own, slopes = self.proba[:, k], self._costs[k]
        others = weighted_costs(self._costs, offsets)
        others[k] = 0
        starts = self.proba @ others
        by_slope = slopes.argsort(kind="stable")
        first = now = by_slope[starts[:, by_slope].argmin(axis=1)]
        rows, found = np.arange(len(now)), []
        scale = np.exp(offsets.max())  # of the weighted costs
        while len(rows):
            rises = starts[rows] - starts[rows, now][:, None]
            falls = slopes[now][:, None] - slopes
            with np.errstate(divide="ignore", invalid="ignore"):
                at = np.where(falls > 0, np.maximum(rises, 0) / falls, np.inf)[:, by_slope]
            turn, row_wise = at.argmin(axis=1), np.arange(len(rows))
            reached = (at[row_wise, turn] < np.inf) & (own[rows] > 0)
            rows, turn, at = rows[reached], turn[reached], at[row_wise, turn][reached]
            after = by_slope[turn]
            weight = scale * at
            found.append((rows, weight / (weight + own[rows]), now[reached], after))
            now = after
        columns = [np.concatenate(column) for column in zip(*found)] if found else [np.empty(0)] * 4
        which, weights, before, after = columns
        return which.astype(np.intp), weights, before.astype(np.intp), after.astype(np.intp), first

    def _values(self, rows: Indices, before: Indices, after: Indices, first: Indices) -> Floats:
        """Values before the first turn and after each."""
        own, true = self.weights[rows], self.indices[rows]
        start = float((self.weights * self._costs[self.indices, first]).sum())
        cost = _followed(start, own * (self._costs[true, after] - self._costs[true, before]))
        total, lacking = self.weights.sum(), np.zeros(len(cost))
        sizes = tally(self.weights, self.proba.shape[1:], self.indices)
        for c in self.objective.floored:
            moved = own * ((after == c) * 1.0 - (before == c))
            hit = (first == c) & (self.indices == c)
            hits = _followed(self.weights[hit].sum(), moved * (true == c))
            predicted = _followed(self.weights[first == c].sum(), moved)
            hits, predicted = (np.where(part < _SAME * total, 0, part) for part in (hits, predicted))
            lacking += self.objective.lacking(hits, np.full(len(hits), sizes[c]), predicted, np.full(len(hits), c))
        return self.objective.combine([lacking], cost, total)


def _followed(start: float, changes: Floats) -> Floats:
    """Return a sum before the first change and after each."""
    return start + np.concatenate([[0.0], np.cumsum(changes)])
