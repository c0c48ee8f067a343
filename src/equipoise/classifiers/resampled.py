"""`ResampledClassifier`: any sampler with any classifier, and weights that survive the resampling."""

from dataclasses import replace
from inspect import signature
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from equipoise.containers import readable
from equipoise.decisions.wrapper import ClassifierWrapper, Weights, has_method
from equipoise.describing import Description, name_of
from equipoise.samplers.resample import Resampled, resample
from equipoise.sklearn_private import HasMethods, check_method_params, safe_indexing


def _has_decisions(self: "ResampledClassifier") -> bool:
    """Whether scores of the classifier are there, and need no correction."""
    return has_method("decision_function")(self) and getattr(self, "inclusion_", None) is None


class ResampledClassifier(ClassifierWrapper):
    """Resamples the training rows with a sampler, and fits a classifier to the resampled rows, weights included.

    imbalanced-learn's pipeline hands the weights of the given rows to the classifier of the resampled ones;
    here they are carried along. Rows that are predicted are never resampled.

    Parameters
    ----------
    sampler : imbalanced-learn sampler
        Where a class has too few rows for its number of neighbours, fewer are used, with a warning.
    classifier : classifier

    Attributes
    ----------
    classifier_ : classifier
        The fitted one.
    classes_ : ndarray of shape (K,)
    sample_indices_ : ndarray of int, of shape (n_new,)
        For each training row after resampling, its position among the rows given to `fit`; -1 for a synthetic row.
    sample_weight_ : ndarray of shape (n_new,) or None
        Weights of the training rows after resampling; None if `fit` was given none and the sampler has none.
    inclusion_ : callable or None
        Probabilities (n, K) with which the sampler draws rows, if they correct the classifier's; see Notes.
    sampler_diagnostics_ : list of dict
        Diagnostics of the synthetic rows, from the sampler's `diagnostics_`; empty if it has none.
    n_features_in_, feature_names_in_
        If the classifier has them.

    Notes
    -----
    Rows of weight 0 are left out of resampling. The weight of a synthetic row is that of the sampler's
    `sample_weight_`, if its `fit_resample` takes ``sample_weight``; else that of the row that it started from, where
    that is known; else the mean of its class. Samplers count rows: weighted rows are not resampled as repeated ones.

    Probabilities are those under the class priors of the resampled rows; `PriorCorrectedClassifier` corrects them to
    the priors of the given rows. A sampler that knows with what probability it draws a row, as
    ``MUBO(selector="score")``, needs no more: the classifier learns from the rows drawn as they are, and its odds are
    divided by those of being drawn (`inclusion_proba`), which leaves less to chance than weights do (Wang, Zhang and
    Wang, "Nonuniform Negative Sampling and Log Odds Correction with Rare Events Data", NeurIPS 2021).
    A classifier without ``predict_proba`` learns with the sampler's weights.

    Other metadata given to `fit` go to the classifier, unless scikit-learn's metadata routing is on and sends them
    elsewhere; an array with one value a row is resampled with the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from equipoise import ResampledClassifier
    >>> X, y = make_classification(1000, weights=[0.9], random_state=0)
    >>> weight = np.random.default_rng(0).uniform(size=1000)
    >>> clf = ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression()).fit(X, y, weight)
    >>> bool((clf.sample_weight_ == weight[clf.sample_indices_]).all())
    True
    """

    fit_only: ClassVar = ("sampler",)
    _keeps_rows = False
    _wrapped = "classifier"
    _parameter_constraints = {"sampler": [HasMethods(["fit_resample"])], "classifier": [HasMethods(["fit", "predict"])]}

    def __init__(self, sampler: BaseEstimator, classifier: BaseEstimator) -> None:
        self.sampler = sampler
        self.classifier = classifier

    def _fit(self, X: Any, y: NDArray[Any], sample_weight: Weights, routed: Bunch) -> None:
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        rows = np.flatnonzero(weights > 0)
        given = y[rows]
        to_sampler = check_method_params(X, routed.sampler.fit_resample, indices=rows)
        drawn = resample(self.sampler, safe_indexing(X, rows), given, **to_sampler)
        self.sample_indices_ = np.where(drawn.synthetic, -1, rows[drawn.sources])
        corrects = hasattr(self.classifier, "predict_proba")
        self.inclusion_ = getattr(drawn.sampler, "inclusion_", None) if corrects else None
        if self.inclusion_ is not None:
            drawn = replace(drawn, sample_weight=None)
        weighted = sample_weight is not None or drawn.sample_weight is not None
        self.sample_weight_ = drawn.weights(weights[rows], given) if weighted else None
        self.sampler_diagnostics_ = drawn.diagnostics
        fit_params = self._of_drawn(routed.classifier.fit, drawn, X)
        if sample_weight is None and self.sample_weight_ is not None:
            fit_params["sample_weight"] = self.sample_weight_
        self.classifier_ = clone(self.classifier).fit(drawn.X, drawn.y, **fit_params)
        self._codes(drawn.y)  # refuses a frozen classifier of other classes

    def _read(self, X: Any) -> Any:
        rows = readable(X)
        if issparse(rows):
            return rows.tocsr()  # samplers index rows
        return rows if hasattr(rows, "shape") else np.asarray(rows)

    def _of_drawn(self, params: dict[str, Any], drawn: Resampled, X: Any) -> dict[str, Any]:
        """Metadata of the given rows, for those that train."""
        carried = {"sample_weight": self.sample_weight_} if "sample_weight" in params else {}
        others = {name: value for name, value in params.items() if name != "sample_weight"}
        chosen = check_method_params(X, others, indices=self.sample_indices_)
        by_row = [name for name in others if chosen[name] is not others[name]]
        if by_row and drawn.synthetic.any():
            raise ValueError(
                f"{by_row[0]} has one value a row, but {self.sampler!r} added {drawn.synthetic.sum()} synthetic rows, "
                f"which have none. Use a sampler that selects rows."
            )
        return {**chosen, **carried}

    def _routed(self, sample_weight: Weights, params: Any) -> Bunch:
        routed = super()._routed(sample_weight, params)
        if not get_config()["enable_metadata_routing"]:
            takes = sample_weight is not None and "sample_weight" in signature(self.sampler.fit_resample).parameters
            routed.sampler = Bunch(fit_resample={"sample_weight": sample_weight} if takes else {})
        return routed

    def get_metadata_routing(self) -> MetadataRouter:
        """Routes of the metadata given to `fit`."""
        to_sampler = MethodMapping().add(caller="fit", callee="fit_resample")
        return super().get_metadata_routing().add(sampler=self.sampler, method_mapping=to_sampler)

    @available_if(has_method("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, K) of rows (n, n_features), in the order of `classes_`; see the Notes of the class."""
        proba = super().predict_proba(X)
        if self.inclusion_ is None:
            return proba
        proba = proba / self.inclusion_(self._read(X))
        return proba / proba.sum(axis=1, keepdims=True)

    def _labels(self, X: Any) -> NDArray[Any]:
        if self.inclusion_ is not None:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return np.ravel(self.classifier_.predict(self._read(X)))  # CatBoost gives a column for several classes

    @available_if(_has_decisions)
    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Scores of the classifier.

        Parameters
        ----------
        X : array-like of shape (n, ...)

        Returns
        -------
        ndarray of shape (n,) or (n, K)
        """
        check_is_fitted(self)
        return self.classifier_.decision_function(self._read(X))

    def describe(self) -> Description:
        """Name the sampler, which leaves the classes more even than they are, unless the odds are corrected."""
        corrected = getattr(self, "inclusion_", None) is not None
        return Description(balancing=() if corrected else (name_of(self.sampler),))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        theirs, ours = get_tags(self.sampler).input_tags, tags.input_tags
        tags.input_tags = replace(
            ours, sparse=ours.sparse and theirs.sparse, allow_nan=ours.allow_nan and theirs.allow_nan
        )
        return tags
