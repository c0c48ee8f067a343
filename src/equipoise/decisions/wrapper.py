"""What scikit-learn classifiers around another classifier have in common."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Bunch, Tags, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from equipoise.containers import check_one_kind, readable
from equipoise.metrics import comparable


class ClassifierWrapper(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier around another, which is fitted on the same features.

    It looks like the other one where that matters: classes, features, and the tables that it reads. Subclasses
    fit a clone and give `predict_proba`.
    """

    _wrapped = "estimator"  # name of the parameter; with an underscore, of its fitted clone

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

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label of each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        return self.classes_[self._decide(self.predict_proba(X))]

    def _decide(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        return proba.argmax(axis=1)

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
        """Tell scikit-learn where metadata given to `fit` go.

        Returns
        -------
        MetadataRouter
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        wrapped = {self._wrapped: getattr(self, self._wrapped)}
        return MetadataRouter(owner=self).add_self_request(self).add(**wrapped, method_mapping=to_fit)

    def _routed(self, sample_weight: ArrayLike | None, params: Mapping[str, Any]) -> Bunch:
        """Parameters of each part's methods: as metadata routing says, or all to the wrapped `fit`."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", sample_weight=sample_weight, **params)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return Bunch(**{self._wrapped: Bunch(fit={**params, **weights})})

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        wrapped = get_tags(getattr(self, self._wrapped))
        tags.input_tags, tags.classifier_tags = wrapped.input_tags, wrapped.classifier_tags
        return tags


def checked_labels(y: ArrayLike) -> NDArray[Any]:
    """Return class labels as one column."""
    labels = column_or_1d(readable(y), warn=True)
    if labels.dtype.kind == "O":
        labels = pd.Series(labels).infer_objects().to_numpy()
    check_one_kind(labels)
    check_classification_targets(labels)
    return labels
