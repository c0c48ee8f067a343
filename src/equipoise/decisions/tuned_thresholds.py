"""`TunedThresholdsClassifier`: a classifier whose thresholds are tuned by cross-validation on its training rows."""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from equipoise.decisions.costs import Costs
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.objective import Floors
from equipoise.decisions.thresholds import decide
from equipoise.decisions.wrapper import ClassifierWrapper, Weights
from equipoise.describing import Description, Rule, by_label
from equipoise.metrics import MARGIN_METRICS
from equipoise.sklearn_private import HasMethods, StrOptions, check_method_params, safe_indexing


class TunedThresholdsClassifier(ClassifierWrapper):
    """Tunes where a classifier draws the line between two or more classes; its probabilities stay as they are.

    The decision is argmax of log p_k + b_k. The offsets b_k are those that are best on the training rows, each
    predicted by a classifier that was fitted without it; then the classifier is fitted on all rows.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    metric : str, array-like of shape (K, K), DataFrame or dict of dict, default="macro_f1"
        Score to maximise: ``"accuracy"``, ``"balanced_accuracy"``, ``"g_mean"``, ``"macro_f1"`` or
        ``"matthews_corrcoef"``. Or costs to minimise, rows = true class, columns = decided class: an array in the
        order of `classes_` (sorted labels), a data frame with labels as index and columns, or
        ``{true: {decided: cost}}``.
    min_recall, min_precision : dict of label to float, default=None
        Floors in [0, 1], such as ``{"fraud": 0.9}``. The metric counts among thresholds that meet them all.
    cv : int, cross-validation splitter or iterable, default=None
        As scikit-learn has it; None is five stratified folds.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    offsets_ : ndarray of shape (K,)
        In units of log probability; the first is 0.
    threshold_ : float
        For two classes: the second is decided where its probability is greater.
    n_features_in_ : int
        If the classifier has it.
    feature_names_in_ : ndarray of str
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
        "metric": [StrOptions(set(MARGIN_METRICS)), "array-like", dict],
        "min_recall": [None, dict],
        "min_precision": [None, dict],
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        metric: str | Costs = "macro_f1",
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

    def _fit(self, X: Any, y: NDArray[Any], sample_weight: Weights, routed: Bunch) -> None:
        X, y = indexable(X, y)
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        codes = self._codes(y)
        splits = list(check_cv(self.cv, y, classifier=True).split(X, y, **routed.splitter.split))
        held_out = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out)(self.estimator, X, y, split, routed.estimator.fit, self.classes_) for split in splits
        )
        rows = np.concatenate([test for _, test in splits])
        folds = np.repeat(np.arange(len(splits)), [len(test) for _, test in splits])
        probabilities, trained = zip(*held_out, strict=True)
        held_out_rows = HeldOutRows(codes[rows], folds, np.stack(trained))
        held_out_rows.warn(np.asarray(self.classes_).tolist(), stacklevel=4)
        self.offsets_ = held_out_rows.tune(
            np.concatenate(probabilities),
            self.classes_,
            metric=self.metric,
            min_recall=self.min_recall,
            min_precision=self.min_precision,
            sample_weight=None if sample_weight is None else sample_weight[rows],
        )

    def _routed(self, sample_weight: Weights, params: Any) -> Bunch:
        if get_config()["enable_metadata_routing"]:
            return super()._routed(sample_weight, params)
        groups = {"groups": params["groups"]} if "groups" in params else {}
        others = {name: value for name, value in params.items() if name != "groups"}
        return Bunch(splitter=Bunch(split=groups), **super()._routed(sample_weight, others))

    def get_metadata_routing(self) -> MetadataRouter:
        """Routes of the metadata given to `fit`.

        Returns
        -------
        MetadataRouter
        """
        to_split = MethodMapping().add(caller="fit", callee="split")
        return super().get_metadata_routing().add(splitter=self.cv, method_mapping=to_split)

    @property
    def threshold_(self) -> float:
        """Of two classes, the second is decided where its probability is greater than this."""
        check_is_fitted(self)
        if len(self.offsets_) != 2:
            raise AttributeError(f"threshold_ needs two classes, but there are {len(self.offsets_)}. Use offsets_.")
        return float(expit(-self.offsets_[1]))

    def decision_rule(self) -> Rule:
        """Return the offsets to log probabilities that decide."""
        return Rule(offsets=self.offsets_)

    def describe(self) -> Description:
        """Give the thresholds, once they are tuned.

        Returns
        -------
        Description
        """
        if not hasattr(self, "offsets_"):
            return Description()
        return Description(decision={"thresholds": by_label(self.classes_, self.offsets_)})

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        return decide(proba, self.offsets_)


def _held_out(
    estimator: ClassifierMixin, X: Any, y: NDArray[Any], split: Any, fit_params: dict[str, Any], classes: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities of the test rows, and which classes the classifier knows; 0 for the others."""
    train, test = split
    proba = np.zeros((len(test), len(classes)))
    known = np.unique(y[train])
    if len(known) > 1 or isinstance(estimator, FrozenEstimator):
        own = check_method_params(X, fit_params, indices=train)
        fitted = clone(estimator).fit(safe_indexing(X, train), y[train], **own)
        known = np.asarray(fitted.classes_)
        proba[:, np.searchsorted(classes, known)] = fitted.predict_proba(safe_indexing(X, test))
    else:  # of one class there is nothing to learn
        proba[:, np.searchsorted(classes, known)] = 1
    return proba, np.isin(classes, known)
