"""`CapacityClassifier`: as many alarms as can be reviewed, for the rows where they are most probably right.

With costs, fewer: only those that the costs ask for.
"""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from equipoise.decisions.costs import Costs, cost_matrix
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.out_of_fold import OutOfFoldClassifier
from equipoise.decisions.thresholds import decide
from equipoise.decisions.wrapper import Weights
from equipoise.describing import Description, Rule, by_label
from equipoise.metrics import Floats, Indices
from equipoise.sklearn_private import HasMethods, Interval


def alarm_threshold(proba: ArrayLike, share: float, sample_weight: ArrayLike | None = None) -> float:
    """Probability that at most a share of rows exceeds.

    The model was not fitted to these rows; the threshold is in the middle between two neighbouring probabilities.

    >>> alarm_threshold([0.1, 0.2, 0.4, 0.8], 0.25)
    0.6000000000000001
    """
    values, places = np.unique(np.asarray(proba, dtype=np.float64), return_inverse=True)
    weights = np.bincount(places, None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64))
    above = np.append(np.cumsum(weights[::-1])[::-1][1:], 0) / weights.sum()  # share of rows above each value
    first = int(np.argmax(above <= share + 1e-12))
    upper = values[first + 1] if first + 1 < len(values) else 1.0
    return float((values[first] + upper) / 2)


def alarms(proba: Floats, rule: Rule) -> NDArray[np.bool_]:
    """Rows ``(n,)`` to raise an alarm for, by a rule with a positive class; equal probabilities in their order."""
    scores, wanted = proba[:, rule.positive], wanted_alarms(proba, rule)
    if rule.threshold is not None:
        return wanted & (scores > rule.threshold)
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-np.where(wanted, scores, -1), kind="stable")[: rule.capacity]] = True
    return chosen & wanted


def wanted_alarms(proba: Floats, rule: Rule) -> NDArray[np.bool_]:
    """Rows ``(n,)`` that the offsets of a rule decide for the positive class, whatever the capacity."""
    if rule.offsets is None:
        return np.ones(len(proba), dtype=bool)
    return decide(proba, rule.offsets) == rule.positive


def decide_by_alarms(proba: Floats, rule: Rule) -> Indices:
    """Class indices ``(n,)``: the positive class where there is an alarm, else the best of the others."""
    return np.where(alarms(proba, rule), np.intp(rule.positive or 0), decide_without_alarms(proba, rule))


def decide_without_alarms(proba: Floats, rule: Rule) -> Indices:
    """Class indices ``(n,)``: the most probable of the other classes, or that of the largest sum with its offset."""
    others: Indices = np.delete(np.arange(proba.shape[1]), rule.positive or 0)
    return others[decide(proba[:, others], np.zeros(len(others)) if rule.offsets is None else rule.offsets[others])]


class CapacityClassifier(OutOfFoldClassifier):
    """Raises as many alarms as can be reviewed, for the rows where they are most probably right.

    A capacity in rows is that of a batch: `predict` raises the alarm for the ``capacity`` rows of its argument in which
    the positive class is most probable, so a decision depends on the other rows. A share is one threshold, which this
    share of the training rows exceeds, each predicted by a classifier that was fitted without it.

    With costs, there are at most so many alarms: those rows alone may have one that the costs decide for the positive
    class. The other rows are of the best class among the others.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    capacity : int or float
        Rows of a batch, 1 or more; or a share of rows within (0, 1).
    positive : label, default=None
        Class to raise an alarm for; None is the class with the fewest rows.
    costs : array-like of shape (K, K), DataFrame or dict of dict, default=None
        As of `TunedThresholdsClassifier`: an alarm is raised only where it lowers them.
    cv : int, cross-validation splitter or iterable, default=None
        For a share or costs, as scikit-learn has it; None is five stratified folds.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    positive_ : label
    offsets_ : ndarray of shape (K,) or None
        By the costs, in units of log probability.
    threshold_ : float or None
        Of a share, or of costs and two classes: no alarm is raised where the probability is not greater.
    n_features_in_, feature_names_in_
        If the classifier has them.

    See Also
    --------
    TunedThresholdsClassifier : Thresholds by a metric, by costs, or by floors of recall and precision.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from equipoise import CapacityClassifier
    >>> X, y = make_classification(2000, weights=[0.97], random_state=0)
    >>> clf = CapacityClassifier(LogisticRegression(), capacity=50).fit(X, y)
    >>> int(clf.predict(X).sum()), int(clf.predict(X[:300]).sum())
    (50, 50)
    >>> both = CapacityClassifier(LogisticRegression(), capacity=50, costs=[[0, 1], [4, 0]]).fit(X, y)
    >>> int(both.predict(X).sum()), bool(both.predict(X[:300]).sum() < 50)
    (50, True)
    """

    fit_only: ClassVar = ("cv", "positive", "costs")
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "capacity": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")],
        "positive": "no_validation",
        "costs": [None, "array-like", dict],
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        capacity: int | float,
        positive: Any = None,
        costs: Costs | None = None,
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.capacity = capacity
        self.positive = positive
        self.costs = costs
        self.cv = cv
        self.n_jobs = n_jobs

    def _prepare(self, y: NDArray[Any]) -> None:
        labels = np.asarray(self.classes_).tolist()
        if self.positive is not None and self.positive not in labels:
            raise ValueError(f"positive must be one of the classes {labels!r}, got {self.positive!r}.")
        counts = np.bincount(self._codes(y), minlength=len(labels))
        self.positive_ = labels[int(counts.argmin())] if self.positive is None else self.positive
        if self.costs is not None:
            cost_matrix(self.costs, np.asarray(self.classes_))  # raises for those that do not fit
        self.offsets_: Floats | None = None
        self.threshold_: float | None = None

    def _learns(self) -> bool:
        return self.capacity < 1 or self.costs is not None

    def _learn(self, rows: HeldOutRows, proba: Floats, sample_weight: Weights) -> None:
        positive, share = self._positive(), None
        if self.costs is not None:
            self.offsets_ = rows.tune(proba, np.asarray(self.classes_), metric=self.costs, sample_weight=sample_weight)
        if self.capacity < 1:
            share = alarm_threshold(proba[:, positive], self.capacity, sample_weight)
        self.threshold_ = Rule(offsets=self.offsets_, threshold=share).cut(positive)

    def _positive(self) -> int:
        return np.asarray(self.classes_).tolist().index(self.positive_)

    def decision_rule(self) -> Rule:
        """Return the positive class with its threshold, or with the rows of a batch that can be reviewed."""
        if self.capacity >= 1:
            return Rule(offsets=self.offsets_, positive=self._positive(), capacity=int(self.capacity))
        return Rule(offsets=self.offsets_, positive=self._positive(), threshold=self.threshold_)

    def describe(self) -> Description:
        """Give the capacity, and what is tuned for a share or for costs."""
        if not hasattr(self, "positive_"):
            return Description()
        label, kind = str(self.positive_), "alarms_in_a_batch" if self.capacity >= 1 else "share_of_alarms"
        decision: dict[str, Any] = {kind: {label: self.capacity}}
        if self.threshold_ is not None:
            decision["threshold"] = {label: self.threshold_}
        if self.offsets_ is not None and len(self.offsets_) > 2:
            decision["offsets"] = by_label(np.asarray(self.classes_), self.offsets_)
        return Description(decision=decision)

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        if self.costs is None and len(proba) <= self.capacity:
            warnings.warn(
                f"Every row gets an alarm: the batch of {len(proba)} is within the capacity of {self.capacity}.",
                UserWarning,
                stacklevel=4,
            )
        return decide_by_alarms(proba, self.decision_rule())
