"""`TunedThresholdsClassifier`: a classifier whose thresholds are tuned by cross-validation on its training rows."""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from equipoise.decisions.costs import Costs, cost_matrix, described_costs, weighted_costs
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.objective import Floors
from equipoise.decisions.out_of_fold import OutOfFoldClassifier
from equipoise.decisions.wrapper import Weights
from equipoise.describing import Description, by_label
from equipoise.metrics import MARGIN_METRICS
from equipoise.rules import Rule
from equipoise.sklearn_private import HasMethods, StrOptions


class TunedThresholdsClassifier(OutOfFoldClassifier):
    """Tunes where a classifier draws the line between two or more classes; its probabilities stay as they are.

    The decision is argmax of log p_k + b_k or, with costs C, that of the least expected cost, argmin over d of the sum
    of p_k e^b_k C[k, d]. The offsets b_k are those that are best on the training rows, each predicted by a classifier
    that was fitted without it; then the classifier is fitted on all rows. With costs they are 0 where none saves more
    than noise.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    metric : str, array-like of shape (K, K), DataFrame, dict of dict or None, default="macro_f1"
        Score to maximise: ``"accuracy"``, ``"balanced_accuracy"``, ``"g_mean"``, ``"macro_f1"`` or
        ``"matthews_corrcoef"``. Or costs to minimise, rows = true class, columns = decided class: an array in the
        order of `classes_` (sorted labels), a data frame with labels as index and columns, or
        ``{true: {decided: cost}}``. None is for floors alone: of recall with the fewest errors on rows of other
        classes, of precision with the fewest among rows decided for other classes.
    min_recall, min_precision : dict of label to float, default=None
        Floors in [0, 1], such as ``{"fraud": 0.9}``. The metric counts among thresholds that meet them all.
    cv : int, cross-validation splitter or iterable, default=None
        As scikit-learn has it; None is five stratified folds. Given ``groups``, a number of folds holds them together.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    offsets_ : ndarray of shape (K,)
        In units of log probability; the first is 0.
    costs_ : ndarray of shape (K, K) or None
        In the order of `classes_`.
    threshold_ : float
        For two classes: the second is decided where its probability is greater.
    n_features_in_, feature_names_in_
        If the classifier has them.

    Notes
    -----
    ``sample_weight`` weighs the rows in each fit and in the metric. ``groups`` goes to the splitter, other
    metadata to the classifier, unless scikit-learn's metadata routing is on and sends them elsewhere.

    A `UserWarning` names the folds that train without a class: these rows, or the class, are left out of tuning.
    Another `UserWarning` names floors that no thresholds reach.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : The same for two classes and any scorer.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from equipoise import TunedThresholdsClassifier, metrics
    >>> X, y = make_classification(2000, n_informative=4, n_classes=3, weights=[0.9, 0.06], random_state=2)
    >>> plain = LogisticRegression().fit(X, y)
    >>> tuned = TunedThresholdsClassifier(LogisticRegression(), metric="macro_f1").fit(X, y)
    >>> metrics.macro_f1_score(y, tuned.predict(X)) > metrics.macro_f1_score(y, plain.predict(X)) + 0.05
    True
    """

    fit_only: ClassVar = ("cv", "metric")
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "metric": [StrOptions(set(MARGIN_METRICS)), "array-like", dict, None],
        "min_recall": [None, dict],
        "min_precision": [None, dict],
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        metric: str | Costs | None = "macro_f1",
        min_recall: Floors = None,
        min_precision: Floors = None,
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.metric = metric
        self.min_recall = min_recall
        self.min_precision = min_precision
        self.cv = cv
        self.n_jobs = n_jobs

    def _prepare(self, y: NDArray[Any]) -> None:
        metric = self.metric
        self.costs_: NDArray[np.float64] | None = None
        if metric is not None and not isinstance(metric, str):
            self.costs_ = cost_matrix(metric, np.asarray(self.classes_))

    def _learn(self, rows: HeldOutRows, proba: NDArray[np.float64], sample_weight: Weights) -> None:
        self.offsets_ = rows.tune(
            proba,
            self.classes_,
            metric=self.metric,
            min_recall=self.min_recall,
            min_precision=self.min_precision,
            sample_weight=sample_weight,
        )

    @property
    def threshold_(self) -> float:
        """Of two classes, the second is decided where its probability is greater than this."""
        check_is_fitted(self)
        if len(self.offsets_) != 2:
            raise AttributeError(f"threshold_ needs two classes, but there are {len(self.offsets_)}. Use offsets_.")
        cut = self.decision_rule().cut(1)
        if cut is None:
            raise AttributeError("There is no threshold_: by the costs, one class is never worse to decide for.")
        return cut

    def decision_rule(self) -> Rule:
        """Return the offsets to log probabilities that decide, or the costs that they weigh."""
        if self.costs_ is None:
            return Rule(offsets=self.offsets_)
        return Rule(costs=weighted_costs(self.costs_, self.offsets_))

    def describe(self) -> Description:
        """Give the thresholds, once they are tuned."""
        if not hasattr(self, "offsets_"):
            return Description()
        cut = self.decision_rule().cut(1)
        if len(self.offsets_) == 2 and cut is not None:
            thresholds = by_label(self.classes_, self.offsets_)
            return Description(
                decision={"thresholds": thresholds, "probability_from_which_on": {str(self.classes_[1]): cut}}
            )
        if self.costs_ is not None:
            return Description(decision=described_costs(self.costs_, self.classes_, self.offsets_))
        return Description(decision={"thresholds": by_label(self.classes_, self.offsets_)})
