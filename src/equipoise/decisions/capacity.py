"""`CapacityClassifier`: as many alarms as can be reviewed, for the rows where they are most probably right.

With costs, fewer: only those that the costs ask for, where they save the most.
"""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from equipoise.decisions.costs import Costs, cost_matrix, described_costs, weighted_costs
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.out_of_fold import OutOfFoldClassifier
from equipoise.decisions.wrapper import Weights
from equipoise.describing import Description
from equipoise.metrics import Floats
from equipoise.rules import Rule
from equipoise.sklearn_private import HasMethods, Interval


class CapacityClassifier(OutOfFoldClassifier):
    """Raises as many alarms as can be reviewed, for the rows where they are most probably right.

    A capacity is that of a batch: `predict` raises the alarm for the ``capacity`` rows of its argument in which the
    positive class is most probable, or for this share of its rows, rounded down. A decision depends on the other rows.

    With costs, there are at most so many alarms: those rows alone may have one for which the positive class has the
    least expected cost, as `TunedThresholdsClassifier` decides, first those where it saves the most; of two classes,
    these are the most probable ones. The other rows are of the best class among the others.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    capacity : int or float
        Rows of a batch, 1 or more; or their share within (0, 1).
    positive : label, default=None
        Class to raise an alarm for; None is the class with the fewest rows.
    costs : array-like of shape (K, K), DataFrame or dict of dict, default=None
        As of `TunedThresholdsClassifier`: an alarm is raised only where it lowers them.
    cv : int, cross-validation splitter or iterable, default=None
        For costs, as scikit-learn has it; None is five stratified folds.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    positive_ : label
    costs_ : ndarray of shape (K, K) or None
        In the order of `classes_`.
    offsets_ : ndarray of shape (K,) or None
        With costs, in units of log probability.
    threshold_ : float or None
        Of costs and two classes: no alarm is raised where the probability is not greater.
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
    >>> share = CapacityClassifier(LogisticRegression(), capacity=0.05).fit(X, y)
    >>> int(share.predict(X).sum()), int(share.predict(X[:300]).sum())
    (100, 15)
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
        self.costs_ = None if self.costs is None else cost_matrix(self.costs, np.asarray(self.classes_))
        self.offsets_: Floats | None = None

    def _learns(self) -> bool:
        return self.costs_ is not None

    def _learn(self, rows: HeldOutRows, proba: Floats, sample_weight: Weights) -> None:
        self.offsets_ = rows.tune(proba, np.asarray(self.classes_), metric=self.costs_, sample_weight=sample_weight)

    @property
    def threshold_(self) -> float | None:
        """Of costs and two classes, no alarm is raised where the probability is not greater than this."""
        check_is_fitted(self)
        return self.decision_rule().cut(self._positive())

    def _positive(self) -> int:
        return np.asarray(self.classes_).tolist().index(self.positive_)

    def decision_rule(self) -> Rule:
        """Return the positive class with its capacity, and the costs as offsets weigh them."""
        costs = None if self.costs_ is None or self.offsets_ is None else weighted_costs(self.costs_, self.offsets_)
        return Rule(costs=costs, positive=self._positive(), capacity=self.capacity)

    def describe(self) -> Description:
        """Give the capacity, and what is tuned for costs."""
        if not hasattr(self, "positive_"):
            return Description()
        label = str(self.positive_)
        decision: dict[str, Any] = {"alarms_in_a_batch": {label: self.capacity}}
        if self.threshold_ is not None:
            decision["threshold"] = {label: self.threshold_}
        elif self.costs_ is not None:
            decision |= described_costs(self.costs_, np.asarray(self.classes_), self.offsets_)
        return Description(decision=decision)

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        rule = self.decision_rule()
        if said := rule.strange_batch(len(proba)):
            warnings.warn(said, UserWarning, stacklevel=4)
        return rule.decide(proba)
