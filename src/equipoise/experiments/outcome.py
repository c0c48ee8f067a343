"""What a decision yields on rows by a user's terms, in the one figure that recipes are ranked by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.decisions import decide
from equipoise.decisions.capacity import decide_by_alarms
from equipoise.describing import Rule
from equipoise.metrics import Floats, Indices

PER = 1000
"""Rows that outcomes are told for."""


def apply(rule: Rule, proba: Floats) -> Indices:
    """Return class indices ``(n,)`` by a rule of an aim."""
    return decide(proba, rule.offsets) if rule.offsets is not None else decide_by_alarms(proba, rule)


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
    batch: int  # rows of which a capacity in rows is a part

    @property
    def greater_is_better(self) -> bool:
        """Whether more of it is better."""
        return self.goal == "recall"

    def of(self, codes: Indices, proba: Floats, weights: Floats | None) -> float:
        """Return it for rows with natural probabilities ``(n, K)``."""
        weights = np.ones(len(codes)) if weights is None else weights
        is_positive = codes == self.positive
        if self.rule.capacity is not None:
            share = min(1.0, self.rule.capacity / self.batch)
            return _mean(most_probable(proba[:, self.positive], weights, share)[is_positive], weights[is_positive])
        decided = apply(self.rule, proba)
        if self.goal == "cost":
            return PER * _mean(self.costs[codes, decided], weights)
        alarm = decided == self.positive
        if self.goal == "recall":
            return _mean(alarm[is_positive], weights[is_positive])
        return PER * _mean(alarm & ~is_positive, weights)


def _mean(values: NDArray[np.bool_] | Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights)) if len(values) else np.nan
