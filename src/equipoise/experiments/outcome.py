"""What a decision yields on rows by a user's terms, in the one figure that recipes are ranked by."""

from dataclasses import dataclass

import numpy as np

from equipoise.metrics import Floats, Indices
from equipoise.rules import Rule, most_alarms

PER = 1000
"""Rows that outcomes are told for."""


def most_probable(scores: Floats, weights: Floats, share: float) -> Floats:
    """Return the alarms ``(n,)`` of the rows with the highest scores, as many as have this share of the weight.

    A part of a row counts in proportion.
    """
    order = np.argsort(-scores, kind="stable")
    alarm, own = np.zeros(len(order)), weights[order]
    alarm[order] = np.clip((share * own.sum() - np.cumsum(own)) / own + 1, 0, 1)
    return alarm


@dataclass(frozen=True, eq=False)
class Outcome:
    """The figure of a rule's decisions that recipes are ranked by."""

    goal: str  # "cost", "false" (alarms) or "recall", see `equipoise.experiments.by_terms.goal_of`
    rule: Rule
    costs: Floats  # (K, K)
    positive: int  # class of the alarms
    batch: int  # rows of which a capacity is a part

    @property
    def greater_is_better(self) -> bool:
        """Whether more of it is better."""
        return self.goal == "recall"

    def of(self, codes: Indices, proba: Floats, weights: Floats | None) -> float:
        """Return it for rows with natural probabilities ``(n, K)``."""
        weights = np.ones(len(codes)) if weights is None else weights
        is_positive = codes == self.positive
        alarm, others = self._decided(proba, weights)
        if self.goal == "cost":
            costs = alarm * self.costs[codes, self.positive] + (1 - alarm) * self.costs[codes, others]
            return PER * _mean(costs, weights)
        if self.goal == "recall":
            return _mean(alarm[is_positive], weights[is_positive])
        return PER * _mean(alarm * ~is_positive, weights)

    def _decided(self, proba: Floats, weights: Floats) -> tuple[Floats, Indices]:
        """Return the alarms ``(n,)``, parts of one at the end of a capacity, and the classes without them."""
        if self.rule.capacity is None:
            decided = self.rule.decide(proba)
            return (decided == self.positive).astype(np.float64), decided
        urgency, share = self.rule.urgency(proba), most_alarms(self.rule.capacity, self.batch) / self.batch
        alarm = (urgency > -np.inf) * most_probable(urgency, weights, share)
        return alarm, self.rule.without_alarms(proba)


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights)) if len(values) else np.nan
