"""`TunedThresholdsClassifier`: a classifier whose thresholds are tuned by cross-validation on its training rows."""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, _safe_indexing, indexable
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import _check_method_params, _check_sample_weight, check_is_fitted

from equipoise.decisions.objective import Floors
from equipoise.decisions.thresholds import decide, tune_offsets
from equipoise.decisions.wrapper import ClassifierWrapper, checked_labels
from equipoise.metrics import MARGIN_METRICS


class TunedThresholdsClassifier(ClassifierWrapper):
    """Tunes where a classifier draws the line between two or more classes; its probabilities stay as they are.

    The decision is argmax of log p_k + b_k. The offsets b_k are those that are best on the training rows, each
    predicted by a classifier that was fitted without it; then the classifier is fitted on all rows.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    metric : str or array-like of shape (K, K), default="macro_f1"
        What is to be large: ``"accuracy"``, ``"balanced_accuracy"``, ``"g_mean"``, ``"macro_f1"`` or
        ``"matthews_corrcoef"``. Or costs that are to be small, rows = true class, columns = decided class, in
        the order of `classes_`.
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
    metadata to the classifier, unless scikit-learn's metadata routing is on and says otherwise.

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

    fit_only: ClassVar = ("cv",)
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "metric": [StrOptions(set(MARGIN_METRICS)), "array-like"],
        "min_recall": [None, dict],
        "min_precision": [None, dict],
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        metric: str | ArrayLike = "macro_f1",
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

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> "TunedThresholdsClassifier":
        """Fit the classifier, and tune the thresholds.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None
        **params : dict
            ``groups`` for the splitter; all others are passed on to the classifier.

        Returns
        -------
        TunedThresholdsClassifier
            Itself.

        Raises
        ------
        ValueError
            If metric or floors do not fit the classes, or splitter or classifier refuse the rows.
        """
        labels = checked_labels(y)
        X, labels = indexable(X, labels)
        routed = self._routed(sample_weight, params)
        self.estimator_ = clone(self.estimator).fit(X, labels, **routed.estimator.fit)
        splits = list(check_cv(self.cv, labels, classifier=True).split(X, labels, **routed.splitter.split))
        held_out = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out)(clone(self.estimator), X, labels, split, routed.estimator.fit, self.classes_)
            for split in splits
        )
        rows = np.concatenate([test for _, test in splits])
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)[rows]
        self.offsets_ = tune_offsets(
            labels[rows],
            np.concatenate(held_out),
            metric=self.metric,
            min_recall=self.min_recall,
            min_precision=self.min_precision,
            labels=self.classes_,
            sample_weight=weights,
        )
        return self

    def _routed(self, sample_weight: ArrayLike | None, params: Any) -> Bunch:
        if get_config()["enable_metadata_routing"]:
            return super()._routed(sample_weight, params)
        groups = {"groups": params["groups"]} if "groups" in params else {}
        others = {name: value for name, value in params.items() if name != "groups"}
        return Bunch(splitter=Bunch(split=groups), **super()._routed(sample_weight, others))

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn where metadata given to `fit` go.

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
            raise AttributeError(f"threshold_ is for two classes; offsets_ says it for these {len(self.offsets_)}.")
        return float(expit(-self.offsets_[1]))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, as the classifier gives them.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, K)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        return decide(proba, self.offsets_)


def _held_out(
    estimator: ClassifierMixin, X: Any, y: NDArray[Any], split: Any, fit_params: dict[str, Any], classes: NDArray[Any]
) -> NDArray[np.float64]:
    """Probabilities of the test rows; 0 for a class that the training rows lack."""
    train, test = split
    estimator.fit(_safe_indexing(X, train), y[train], **_check_method_params(X, fit_params, indices=train))
    proba = np.zeros((len(test), len(classes)))
    proba[:, np.searchsorted(classes, estimator.classes_)] = estimator.predict_proba(_safe_indexing(X, test))
    return proba
