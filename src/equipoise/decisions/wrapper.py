"""Base of the scikit-learn classifiers around another classifier."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Bunch, Tags, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, has_fit_parameter

from equipoise.containers import as_array, check_labelled, check_one_kind, readable
from equipoise.metrics import comparable
from equipoise.rules import Rule
from equipoise.sklearn_private import check_sample_weight, fit_context

Weights = NDArray[np.float64] | None


def has_method(name: str) -> Callable[["ClassifierWrapper"], bool]:
    """Return a condition for `available_if`: whether the wrapped classifier has a method."""
    return lambda self: hasattr(getattr(self, f"{self._wrapped}_", getattr(self, self._wrapped)), name)


class ClassifierWrapper(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier around another, which is fitted on the same features.

    Classes, features, tags and readable containers are those of the wrapped classifier. Subclasses define `_fit`.
    """

    decision_rule: Callable[[], Rule]
    _keeps_rows = True  # whether the classifier is fitted on the rows as they are given
    _wrapped = "estimator"  # name of the parameter; with an underscore, of its fitted clone

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> Self:
        """Fit a clone of the classifier.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)
            Training rows.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, not negative.
        **params : dict
            Other metadata, passed on as the Notes of the class describe.

        Returns
        -------
        object
            The fitted classifier itself.

        Raises
        ------
        ValueError
            If a parameter does not fit the classes, or the wrapped classifier refuses the rows.
        """
        labels, rows = checked_labels(y), self._read(X)
        check_consistent_length(rows, labels)
        weights = None
        if sample_weight is not None:
            weights = check_sample_weight(readable(sample_weight), rows, dtype=np.float64, ensure_non_negative=True)
        self._fit(rows, labels, weights, self._routed(weights, params))
        return self

    def _fit(self, X: Any, y: NDArray[Any], sample_weight: Weights, routed: Bunch) -> None:
        raise NotImplementedError

    def _read(self, X: Any) -> Any:
        """Return rows in a container that the wrapped classifier can read."""
        return as_array(X)

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels in the order of the columns of `predict_proba`."""
        return getattr(self, f"{self._wrapped}_").classes_

    @property
    def n_features_in_(self) -> int:
        """Number of features seen by `fit`."""
        return getattr(self, f"{self._wrapped}_").n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the features seen by `fit`."""
        return getattr(self, f"{self._wrapped}_").feature_names_in_

    @available_if(has_method("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, K)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._corrected(getattr(self, f"{self._wrapped}_").predict_proba(self._read(X)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n, n_features)
            In a container that `fit` takes.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        return self._labels(X)

    def _labels(self, X: Any) -> NDArray[Any]:
        return self.classes_[self._decide(self.predict_proba(X))]

    def _corrected(self, proba: NDArray[np.float64]) -> NDArray[np.float64]:
        return proba

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        return self.decision_rule().decide(proba)

    def _codes(self, labels: NDArray[Any]) -> NDArray[np.intp]:
        """Return the position of each label in `classes_`."""
        classes, given = comparable(np.asarray(self.classes_), labels)
        codes = pd.Index(classes).get_indexer(pd.Index(given))
        if (codes < 0).any():
            unknown = np.unique(labels[codes < 0]).tolist()
            raise ValueError(
                f"y has the classes {unknown!r}, but the fitted {self._wrapped} knows only "
                f"{np.asarray(self.classes_).tolist()!r}. Fit it on all classes, or leave those rows out."
            )
        return codes

    def get_metadata_routing(self) -> MetadataRouter:
        """Routes of the metadata given to `fit`."""
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        wrapped = {self._wrapped: getattr(self, self._wrapped)}
        return MetadataRouter(owner=self).add_self_request(self).add(**wrapped, method_mapping=to_fit)

    def _routed(self, sample_weight: Weights, params: Mapping[str, Any]) -> Bunch:
        """Parameters of each part's methods: by metadata routing, or all to the wrapped `fit`."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", sample_weight=sample_weight, **params)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return Bunch(**{self._wrapped: Bunch(fit={**params, **weights})})

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        wrapped = get_tags(getattr(self, self._wrapped))
        tags.input_tags, tags.classifier_tags = wrapped.input_tags, wrapped.classifier_tags
        return tags


def takes(classifier: Any, name: str) -> bool:
    """Whether a classifier, or one that it goes around, uses a parameter of `fit` such as ``sample_weight``."""
    while isinstance(classifier, ClassifierWrapper):
        if name == "dependence" and (has_fit_parameter(classifier, name) or not classifier._keeps_rows):
            return classifier._keeps_rows
        classifier = getattr(classifier, classifier._wrapped)
    return has_fit_parameter(classifier, name)


def checked_labels(y: ArrayLike) -> NDArray[Any]:
    """Return class labels as one column."""
    check_labelled(y)
    labels = column_or_1d(readable(y), warn=True)
    if labels.dtype.kind == "O":
        labels = pd.Series(labels).infer_objects().to_numpy()
    check_one_kind(labels)
    check_classification_targets(labels)
    return labels
