"""`PriorCorrectedClassifier`: a classifier's probabilities under the class priors of where they are used."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from equipoise.containers import readable
from equipoise.decisions.prior import checked_priors, correct_prior, estimate_priors
from equipoise.decisions.wrapper import ClassifierWrapper, Weights
from equipoise.describing import Description, by_label, has_trait, name_of
from equipoise.rules import Rule
from equipoise.sklearn_private import HasMethods, StrOptions
from equipoise.text import listed

Priors = str | Mapping[Any, float] | ArrayLike


class PriorCorrectedClassifier(ClassifierWrapper):
    """Corrects the probabilities of a classifier from the class priors of training to those of use.

    p'_k is proportional to p_k q_k / pi_k, and the decision is for the class with the largest p'_k d_k / q_k (Saerens,
    Latinne and Decaestecker 2002, Neural Computation 14(1), equation 2.4).

    Two uses: towards uniform priors, so that decisions minimise the balanced error; and back to the natural
    priors, so that a model trained on balanced rows, batches or weights gives honest probabilities.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``.
    training_priors : "observed", "uniform", dict, Series or array-like, default="observed"
        Priors pi that the classifier learns under, sum 1. ``"observed"``: those of the rows given to `fit`, by weight.
        ``"uniform"``: for a classifier that balances the classes itself. A dict or Series maps labels to priors; an
        array has the order of `classes_`.
    target_priors : "uniform", "observed", dict, Series or array-like, default="uniform"
        Priors q of the rows to be predicted. `adapt` estimates them from unlabelled rows.
    decision_priors : "uniform", "observed", dict, Series or array-like, default=None
        Priors d that `predict` decides for, if others than those of the probabilities: with
        ``target_priors="observed"`` and ``decision_priors="uniform"``, probabilities are honest and decisions minimise
        the balanced error.

    Attributes
    ----------
    estimator_ : classifier
        The fitted one.
    classes_ : ndarray of shape (K,)
    priors_, target_priors_ : ndarray of shape (K,)
    decision_priors_ : ndarray of shape (K,) or None
    n_features_in_, feature_names_in_
        If the classifier has them.

    Warns
    -----
    UserWarning
        If ``training_priors="observed"``, although a part of the estimator balances the classes: its class weights, a
        sampler, a batch transform or a loss that corrects for priors.

    Notes
    -----
    The correction is right if the classifier's probabilities are, and if rows of a class look alike in
    training and in use. ``sample_weight`` is passed on to the classifier; other metadata too, unless
    scikit-learn's metadata routing is on and sends them elsewhere.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from equipoise import PriorCorrectedClassifier
    >>> X, y = make_classification(2000, weights=[0.95], random_state=0)
    >>> balanced = LogisticRegression(class_weight="balanced")
    >>> honest = PriorCorrectedClassifier(balanced, training_priors="uniform", target_priors="observed").fit(X, y)
    >>> bool(abs(honest.predict_proba(X)[:, 1].mean() - y.mean()) < 0.01)
    True
    """

    fit_only: ClassVar = ("training_priors", "target_priors", "decision_priors")
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "training_priors": [StrOptions({"observed", "uniform"}), dict, "array-like"],
        "target_priors": [StrOptions({"observed", "uniform"}), dict, "array-like"],
        "decision_priors": [None, StrOptions({"observed", "uniform"}), dict, "array-like"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        training_priors: Priors = "observed",
        target_priors: Priors = "uniform",
        decision_priors: Priors | None = None,
    ) -> None:
        self.estimator = estimator
        self.training_priors = training_priors
        self.target_priors = target_priors
        self.decision_priors = decision_priors

    def _fit(self, X: Any, y: NDArray[Any], sample_weight: Weights, routed: Bunch) -> None:
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        counts = np.bincount(self._codes(y), sample_weight, minlength=len(self.classes_))
        if str(self.training_priors) == "observed" and not counts.all():
            raise ValueError(
                f"y has no rows of the classes {self.classes_[counts == 0].tolist()!r} of the fitted estimator, so "
                "their priors cannot be observed. Add such rows, or give training_priors."
            )
        balancing = _balancing(self.estimator)
        if balancing and str(self.training_priors) == "observed":
            warnings.warn(
                f"The estimator balances the classes ({listed(balancing)}), so that its probabilities stand for "
                "uniform priors, but training_priors='observed' corrects them once more. Set training_priors='uniform' "
                "and the target_priors of the rows to be predicted, for example 'observed'.",
                UserWarning,
                stacklevel=4,
            )
        self.adopt(self.estimator_, counts / counts.sum())

    def adopt(self, estimator: BaseEstimator, observed: ArrayLike) -> Self:
        """Adopt a fitted classifier, without its rows.

        Parameters
        ----------
        estimator : fitted classifier
        observed : array-like of shape (K,)
            Class priors of the rows that it was fitted to, in the order of `classes_`.

        Returns
        -------
        PriorCorrectedClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError
            If a parameter does not fit the classes.
        """
        self.estimator_, observed = estimator, np.asarray(observed, dtype=np.float64)
        self.priors_ = self._priors("training_priors", observed, positive=True)
        self.target_priors_ = self._priors("target_priors", observed)
        self.decision_priors_ = None
        if self.decision_priors is not None:
            self.decision_priors_ = self._priors("decision_priors", observed)
        return self

    def _priors(self, name: str, observed: NDArray[np.float64], *, positive: bool = False) -> NDArray[np.float64]:
        given = getattr(self, name)
        if isinstance(given, str):
            given = observed if given == "observed" else np.full(len(observed), 1 / len(observed))
        if isinstance(given, (Mapping, pd.Series)):
            given = dict(given)
            if set(given) != set(self.classes_.tolist()):
                raise ValueError(f"{name} must give a prior to each of {self.classes_.tolist()!r}, got {given!r}")
            given = [given[label] for label in self.classes_.tolist()]
        return checked_priors(given, name, len(observed), positive=positive)

    def adapt(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> "PriorCorrectedClassifier":
        """Estimate the target priors from unlabelled rows of where the classifier is to be used.

        They are found by expectation maximisation (see `estimate_priors`), which needs calibrated
        probabilities and hundreds of rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        PriorCorrectedClassifier
            Itself, with new `target_priors_`.
        """
        check_is_fitted(self)
        proba = self.estimator_.predict_proba(self._read(X))
        weights = None if sample_weight is None else readable(sample_weight)
        self.target_priors_ = estimate_priors(proba, self.priors_, sample_weight=weights)
        return self

    def _corrected(self, proba: NDArray[np.float64]) -> NDArray[np.float64]:
        return correct_prior(proba, self.priors_, self.target_priors_)

    def decision_rule(self) -> Rule:
        """Return the offsets to log probabilities that decide; none without ``decision_priors``."""
        if self.decision_priors_ is None:
            return Rule()
        return Rule(offsets=np.log(self.decision_priors_ / self.target_priors_))

    def describe(self) -> Description:
        """Give the class priors that the probabilities are corrected from and to, and decided for, once fitted."""
        if not hasattr(self, "priors_"):
            return Description()
        priors = {"from_priors": self.priors_, "to_priors": self.target_priors_}
        decision: dict[str, Any] | None = None
        offsets = self.decision_rule().offsets
        if self.decision_priors_ is not None and offsets is not None:
            decision = {"decides_for_priors": by_label(self.classes_, self.decision_priors_)}
            if len(self.classes_) == 2:
                bar = expit(offsets[0] - offsets[1])
                decision["probability_from_which_on"] = {str(self.classes_[1]): float(bar)}
        correction = {name: by_label(self.classes_, values) for name, values in priors.items()}
        return Description(decision=decision, correction=correction)


def _balancing(estimator: BaseEstimator) -> list[str]:
    """Parameters by which an estimator, or the steps of a pipeline, balance the classes."""
    if isinstance(estimator, FrozenEstimator):
        return _balancing(estimator.estimator)
    if isinstance(estimator, Pipeline):
        samplers = [type(step).__name__ for _, step in estimator.steps if hasattr(step, "fit_resample")]
        return samplers + _balancing(estimator.steps[-1][1])
    found = []
    for name, value in estimator.get_params(deep=False).items():
        if hasattr(value, "inclusion_proba"):  # its draw is undone, by odds or by weights
            continue
        if name == "class_weight" and isinstance(value, str) and value == "balanced":
            found.append("class_weight='balanced'")
        elif hasattr(value, "fit_resample") or has_trait(value, "balances") or has_trait(value, "corrects_priors"):
            found.append(f"{name}={name_of(value)}")
    return found
