"""`CapacityClassifier`: as many alarms as can be reviewed, for the rows where they are most probably right."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.out_of_fold import OutOfFoldClassifier
from equipoise.decisions.wrapper import Weights
from equipoise.describing import Description, Rule
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
    scores: Floats = proba[:, rule.positive]
    if rule.threshold is not None:
        return scores > rule.threshold
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[: rule.capacity]] = True
    return chosen


def decide_by_alarms(proba: Floats, rule: Rule) -> Indices:
    """Class indices ``(n,)``: the positive class where there is an alarm, else the most probable of the others."""
    others = proba.copy()
    others[:, rule.positive] = -1
    decided: Indices = others.argmax(axis=1)
    return np.where(alarms(proba, rule), np.intp(rule.positive or 0), decided)


class CapacityClassifier(OutOfFoldClassifier):
    """Raises as many alarms as can be reviewed, for the rows where they are most probably right.

    A capacity in rows is that of a batch: `predict` raises the alarm for the ``capacity`` rows of its argument in which
    the positive class is most probable, so a decision depends on the other rows. A share is one threshold, which this
    share of the training rows exceeds, each predicted by a classifier that was fitted without it.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    capacity : int or float
        Rows of a batch, 1 or more; or a share of rows within (0, 1).
    positive : label, default=None
        Class to raise an alarm for; None is the class with the fewest rows.
    cv : int, cross-validation splitter or iterable, default=None
        For a share, as scikit-learn has it; None is five stratified folds.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    positive_ : label
    threshold_ : float or None
        Of a share: the alarm is raised where the probability is greater.
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
    """

    fit_only: ClassVar = ("cv", "positive")
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "capacity": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")],
        "positive": "no_validation",
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        capacity: int | float,
        positive: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.capacity = capacity
        self.positive = positive
        self.cv = cv
        self.n_jobs = n_jobs

    def _prepare(self, y: NDArray[Any]) -> None:
        labels = np.asarray(self.classes_).tolist()
        if self.positive is not None and self.positive not in labels:
            raise ValueError(f"positive must be one of the classes {labels!r}, got {self.positive!r}.")
        counts = np.bincount(self._codes(y), minlength=len(labels))
        self.positive_ = labels[int(counts.argmin())] if self.positive is None else self.positive
        self.threshold_: float | None = None

    def _learns(self) -> bool:
        return self.capacity < 1

    def _learn(self, rows: HeldOutRows, proba: Floats, sample_weight: Weights) -> None:
        self.threshold_ = alarm_threshold(proba[:, self._positive()], self.capacity, sample_weight)

    def _positive(self) -> int:
        return np.asarray(self.classes_).tolist().index(self.positive_)

    def decision_rule(self) -> Rule:
        """Return the positive class with its threshold, or with the rows of a batch that can be reviewed."""
        if self.threshold_ is None:
            return Rule(positive=self._positive(), capacity=int(self.capacity))
        return Rule(positive=self._positive(), threshold=self.threshold_)

    def describe(self) -> Description:
        """Give the capacity, and the threshold of a share once it is tuned."""
        if not hasattr(self, "positive_"):
            return Description()
        label = str(self.positive_)
        if self.threshold_ is None:
            return Description(decision={"alarms_in_a_batch": {label: int(self.capacity)}})
        return Description(decision={"share_of_alarms": {label: self.capacity}, "threshold": {label: self.threshold_}})

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        if self.threshold_ is None and len(proba) <= self.capacity:
            warnings.warn(
                f"Every row gets an alarm: the batch of {len(proba)} is within the capacity of {self.capacity}.",
                UserWarning,
                stacklevel=4,
            )
        return decide_by_alarms(proba, self.decision_rule())
