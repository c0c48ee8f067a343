"""What is done alike to every reference: class weights, and a small random search of equal budget."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, ParameterSampler, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.class_weight import compute_sample_weight

_FOLDS = 3


class Weighted(ClassifierMixin, BaseEstimator):
    """A classifier fitted to rows that weigh N / (K n_k), so that all classes weigh alike.

    Parameters
    ----------
    estimator : classifier
        Its `fit` takes ``sample_weight``.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:
        """Weigh the rows and fit."""
        self.estimator_ = clone(self.estimator).fit(X, y, sample_weight=compute_sample_weight("balanced", y))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:
        """Probabilities, for equal shares."""
        return self.estimator_.predict_proba(X)


class Searched(ClassifierMixin, BaseEstimator):
    """A classifier with the best of its defaults and some random draws, fitted to all rows.

    The best has the lowest log loss in three stratified folds of the training rows, groups kept together.

    Parameters
    ----------
    estimator : classifier
    space : dict
        Of `sklearn.model_selection.ParameterSampler`.
    n_draws : int
    random_state : int
    """

    def __init__(self, estimator: Any, space: dict[str, Any], n_draws: int, random_state: int) -> None:
        self.estimator = estimator
        self.space = space
        self.n_draws = n_draws
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: NDArray[Any], groups: NDArray[Any] | None = None) -> Self:
        """Search, and fit what was found."""
        splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
        folds = splitter(_FOLDS, shuffle=True, random_state=self.random_state)
        draws = ParameterSampler(self.space, self.n_draws, random_state=self.random_state)
        candidates = [{}, *({name: [value] for name, value in draw.items()} for draw in draws)]
        search = GridSearchCV(self.estimator, candidates, scoring="neg_log_loss", cv=folds, error_score="raise")
        self.search_ = search.fit(X, y, groups=groups)
        self.classes_ = search.classes_
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:
        """Probabilities, for the shares of the training rows."""
        return self.search_.predict_proba(X)
