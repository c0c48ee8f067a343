"""Base of the classifiers that learn a decision from out-of-fold answers of the classifier that they go around."""

from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import Bunch, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from equipoise.containers import readable
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.wrapper import ClassifierWrapper, Weights, checked_labels, takes
from equipoise.dependence import Dependence
from equipoise.sklearn_private import check_method_params, safe_indexing


class OutOfFoldClassifier(ClassifierWrapper):
    """A classifier around another, which is fitted on all rows, and answers for each of them without it before.

    Subclasses have parameters ``estimator``, ``cv`` and ``n_jobs``, and define `_learn`. A classifier that keeps such
    answers of its own (``held_out_``, as `AutoClassifier` and `CalibratedClassifier`) is not fitted again for them,
    unless ``cv`` is given.
    """

    cv: Any
    n_jobs: int | None

    def _learn(self, rows: HeldOutRows, proba: NDArray[np.float64], sample_weight: Weights) -> None:
        """Learn from rows and their probabilities (n, K) by classifiers that were fitted without them."""
        raise NotImplementedError

    def _prepare(self, y: NDArray[Any]) -> None:
        """Check parameters against the classes of the fitted classifier."""

    def _learns(self) -> bool:
        """Whether there is anything to learn."""
        return True

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        dependence: Dependence | None = None,
        tuning_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Fit a clone of the classifier on all rows, and learn from answers for rows that others were fitted without.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)
            Training rows.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, not negative.
        dependence : Dependence, default=None
            Groups and times of the rows: divides them where ``cv`` is a number, and goes to the classifier if its `fit`
            takes it.
        tuning_weight : array-like of shape (n,), default=None
            Weights of the rows in what is learned from out-of-fold answers alone, such as their inverse probabilities
            in a sample by class; `sample_weight` by default. A classifier that keeps such answers has weights of its
            own.
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
        own = {"dependence": dependence, "tuning_weight": tuning_weight}
        return super().fit(X, y, sample_weight, **{n: value for n, value in own.items() if value is not None}, **params)

    def _fit(self, X: Any, y: NDArray[Any], sample_weight: Weights, routed: Bunch) -> None:
        X, y = indexable(X, y)
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        self._prepare(y)
        if not self._learns():
            return
        kept: Any = getattr(self.estimator_, "held_out_", None)
        if self.cv is None and hasattr(kept, "proba"):
            self._learn(kept.rows, kept.proba, kept.weights)
            return
        codes = self._codes(y)
        splits = self._splits(X, y, codes, routed.splitter)
        answers = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out)(self.estimator, X, y, split, routed.estimator.fit, self.classes_) for split in splits
        )
        rows = np.concatenate([test for _, test in splits])
        folds = np.repeat(np.arange(len(splits)), [len(test) for _, test in splits])
        probabilities, trained = zip(*answers, strict=True)
        held_out = HeldOutRows(codes[rows], folds, np.stack(trained))
        held_out.warn(np.asarray(self.classes_).tolist(), stacklevel=4)
        weights = routed.tuning_weight
        self._learn(held_out, np.concatenate(probabilities), None if weights is None else weights[rows])

    def tune_on(
        self, estimator: ClassifierMixin, y: ArrayLike, proba: ArrayLike, sample_weight: Weights = None
    ) -> Self:
        """Adopt a fitted classifier, and learn from answers that exist already.

        Parameters
        ----------
        estimator : fitted classifier
        y : array-like of shape (n,)
            Labels of rows that were held out, such as those of a cross-validation.
        proba : array-like of shape (n, K)
            Their probabilities, by classifiers of the same kind that were fitted without them.
        sample_weight : ndarray of shape (n,), default=None

        Returns
        -------
        object
            The fitted classifier itself.
        """
        self.estimator_ = estimator
        labels = checked_labels(y)
        self._prepare(labels)
        if self._learns():
            codes = self._codes(labels)
            rows = HeldOutRows(codes, np.zeros_like(codes), np.ones((1, len(self.classes_)), dtype=bool))
            self._learn(rows, np.asarray(proba, dtype=np.float64), sample_weight)
        return self

    def _splits(self, X: Any, y: NDArray[Any], codes: NDArray[np.intp], given: Bunch) -> list[Any]:
        dependence = given.get("dependence")
        if dependence is not None and (self.cv is None or isinstance(self.cv, int)):
            dependence.check_length(y)
            return dependence.folds(codes, self.cv or 5)
        return list(self._splitter(y, given.split).split(X, y, **given.split))

    def _splitter(self, y: NDArray[Any], given: dict[str, Any]) -> Any:
        """Return the splitter; with groups, a number of folds holds them together."""
        if given.get("groups") is not None and (self.cv is None or isinstance(self.cv, int)):
            return StratifiedGroupKFold(self.cv or 5)
        return check_cv(self.cv, y, classifier=True)

    def _routed(self, sample_weight: Weights, params: Any) -> Bunch:
        others = {name: value for name, value in params.items() if name != "tuning_weight"}
        given = params.get("tuning_weight")
        weights = sample_weight if given is None else np.asarray(readable(given), dtype=np.float64)
        return Bunch(tuning_weight=weights, **self._by_part(sample_weight, others))

    def _by_part(self, sample_weight: Weights, params: Any) -> Bunch:
        if get_config()["enable_metadata_routing"]:
            return super()._routed(sample_weight, params)
        groups = {"groups": params["groups"]} if params.get("groups") is not None else {}
        taken = not groups or takes(self.estimator, "groups")
        others = {name: value for name, value in params.items() if name != "groups" or (taken and groups)}
        dependence = others.get("dependence")
        if dependence is not None and not takes(self.estimator, "dependence"):
            others.pop("dependence")
        splitter = Bunch(split=groups, dependence=dependence)
        return Bunch(splitter=splitter, **super()._routed(sample_weight, others))

    def get_metadata_routing(self) -> MetadataRouter:
        """Routes of the metadata given to `fit`."""
        to_split = MethodMapping().add(caller="fit", callee="split")
        return super().get_metadata_routing().add(splitter=self.cv, method_mapping=to_split)


def _held_out(
    estimator: ClassifierMixin, X: Any, y: NDArray[Any], split: Any, fit_params: dict[str, Any], classes: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities of the test rows, and which classes the classifier knows; 0 for the others."""
    train, test = split
    proba = np.zeros((len(test), len(classes)))
    known = np.unique(y[train])
    if len(known) > 1 or isinstance(estimator, FrozenEstimator):
        own = check_method_params(X, fit_params, indices=train)
        own |= {name: value.take(train) for name, value in own.items() if isinstance(value, Dependence)}
        fitted = clone(estimator).fit(safe_indexing(X, train), y[train], **own)
        known = np.asarray(fitted.classes_)
        proba[:, np.searchsorted(classes, known)] = fitted.predict_proba(safe_indexing(X, test))
    else:  # of one class there is nothing to learn
        proba[:, np.searchsorted(classes, known)] = 1
    return proba, np.isin(classes, known)
