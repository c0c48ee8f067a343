"""`Rule`: how probabilities become a class, for every classifier, report and exported graph alike."""

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from equipoise.text import counted

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def most_alarms(capacity: int | float, n_rows: int) -> int:
    """Return how many rows of a batch may have an alarm; a capacity below 1 is a share of them, rounded down.

    >>> most_alarms(20, 300), most_alarms(20, 8), most_alarms(0.05, 300), most_alarms(0.05, 8)
    (20, 8, 15, 0)
    """
    return min(n_rows, int(capacity) if capacity >= 1 else floor(capacity * n_rows + 1e-9))


def capacity_in_words(capacity: int | float) -> str:
    """Return a capacity as sentences have it, before "of a batch".

    >>> capacity_in_words(200), capacity_in_words(0.125)
    ('200 rows', '12.5% of the rows')
    """
    return counted(int(capacity), "row") if capacity >= 1 else f"{100 * capacity:.6g}% of the rows"


@dataclass(frozen=True, eq=False)
class Rule:
    """How a classifier decides: by offsets, by costs, by alarms within a capacity, or for the most probable class.

    >>> proba = np.array([[0.8, 0.2, 0.0], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    >>> Rule(costs=np.array([[0, 1, 2], [9, 0, 1], [9, 1, 0]])).decide(proba)
    array([1, 1, 2])
    >>> Rule(positive=0, capacity=1).decide(proba)
    array([0, 1, 2])
    """

    offsets: Floats | None = None  # (K,): added to log probabilities; the largest sum decides
    # (K, K): a row a true class, a column a decided class; the lowest expected cost decides
    costs: Floats | None = None
    # position of the class to raise an alarm for, in at most `capacity` rows of a batch; the others have the best
    # of the other classes
    positive: int | None = None
    capacity: int | float | None = None  # rows of a batch, or within (0, 1) their share

    def decide(self, proba: Floats, weights: Floats | None = None) -> NDArray[np.intp]:
        """Class indices ``(n,)`` of the rows of a batch, with probabilities ``(n, K)``; the first class at a tie.

        Where a row of a sample stands for several of its table, ``weights`` ``(n,)`` are their numbers: a capacity is
        the same part of the table as it is of a batch of ``n`` rows.
        """
        if self.positive is None:
            return self._merits(proba).argmax(axis=1)
        return np.where(self.alarms(proba, weights), np.intp(self.positive), self.without_alarms(proba))

    def strange_batch(self, n_rows: int) -> str:
        """Say so where every row of a batch, or none, has an alarm because of its size; else empty."""
        if self.capacity is None or not n_rows:
            return ""
        if most_alarms(self.capacity, n_rows) == 0:
            return (
                f"No row gets an alarm: of a batch of {counted(n_rows, 'row')}, {100 * self.capacity:.6g}% is less "
                "than one row. Give more rows at once, or a capacity in rows."
            )
        if self.costs is None and n_rows <= self.capacity:
            rows, most = counted(n_rows, "row"), capacity_in_words(self.capacity)
            return f"Every row gets an alarm: the batch, of {rows}, is no longer than the capacity of {most}."
        return ""

    def alarms(self, proba: Floats, weights: Floats | None = None) -> Flags:
        """Rows ``(n,)`` of a batch that have an alarm: the most urgent ones; equally urgent ones in their order."""
        if self.positive is None or self.capacity is None:
            raise ValueError("A rule without a capacity has no alarms.")
        urgency = self.urgency(proba)
        n = len(urgency)
        most, order = most_alarms(self.capacity, n), np.argsort(-urgency, kind="stable")
        if weights is not None:
            reached = np.cumsum(weights[order])
            most = int(np.searchsorted(reached, reached[-1] * most / n * (1 + 1e-9), side="right")) if n else 0
        chosen = np.zeros(n, dtype=bool)
        chosen[order[:most]] = True
        return chosen & (urgency > -np.inf)

    def urgency(self, proba: Floats) -> Floats:
        """Order ``(n,)`` in which rows have an alarm: by probability, or by what it saves of costs; -inf for never."""
        assert self.positive is not None
        merits = self._merits(proba)
        if self.costs is None:
            return merits[:, self.positive]
        saved = merits[:, self.positive] - np.delete(merits, self.positive, axis=1).max(axis=1)
        return np.where(merits.argmax(axis=1) == self.positive, saved, -np.inf)

    def without_alarms(self, proba: Floats) -> NDArray[np.intp]:
        """Class indices ``(n,)``: the best of the classes that are not the positive one."""
        assert self.positive is not None
        others: NDArray[np.intp] = np.delete(np.arange(proba.shape[1]), self.positive)
        return others[self._merits(proba)[:, others].argmax(axis=1)]

    def cut(self, positive: int) -> float | None:
        """Return the probability above which a class may be decided for; None where no single one says it."""
        if self.costs is not None and len(self.costs) == 2:
            other = 1 - positive
            gain, loss = self.costs[positive, other] - self.costs[positive, positive], self.costs[other, positive]
            loss -= self.costs[other, other]
            return float(loss / (gain + loss)) if gain > 0 and loss > 0 else None
        if self.offsets is not None and len(self.offsets) == 2:
            return float(1 / (1 + np.exp(self.offsets[positive] - self.offsets[1 - positive])))
        return None

    def _merits(self, proba: Floats) -> Floats:
        """Numbers ``(n, K)`` of which the largest of a row tells its class."""
        if self.costs is not None:
            return -(proba @ self.costs)
        if self.offsets is None:
            return proba
        with np.errstate(divide="ignore"):  # -inf is right: no finite offset makes an impossible class the choice
            return np.log(proba) + self.offsets
