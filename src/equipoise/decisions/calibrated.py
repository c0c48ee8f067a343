"""`CalibratedClassifier`: probabilities calibrated on out-of-fold answers, by one exponent and class intercepts."""

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from equipoise.decisions.calibration import Calibration, fit_calibration
from equipoise.decisions.held_out import HeldOutAnswers, HeldOutRows
from equipoise.decisions.out_of_fold import OutOfFoldClassifier
from equipoise.decisions.wrapper import Weights
from equipoise.describing import Description, by_label
from equipoise.rules import Rule
from equipoise.sklearn_private import HasMethods, StrOptions


class CalibratedClassifier(OutOfFoldClassifier):
    """Calibrates a classifier: p'_k is proportional to p_k^a exp(c_k).

    Exponent a and intercepts c_k have the lowest log loss on the training rows, each predicted by a classifier that was
    fitted without it; then the classifier is fitted on all rows. Two classes keep their order of rows.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. One that is fitted already is wrapped in scikit-learn's ``FrozenEstimator``;
        `fit` then takes rows that it was not fitted to.
    cv : int, cross-validation splitter or iterable, default=None
        As scikit-learn has it; None is five stratified folds. Given ``groups``, a number of folds holds them together.
    n_jobs : int, default=None
        Fits of the cross-validation that run at once.
    decision : {"natural", "balanced", "macro_f1"}, default="natural"
        Decision rule of `predict`. ``"natural"``: the class with the largest p'_k. ``"balanced"``: the most probable
        class under equal class priors, best for balanced accuracy and G-mean. ``"macro_f1"``: offsets that maximise
        macro F1 on the rows that were held out.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (K,)
    exponent_ : float
        Below 1 the classifier is too sure of itself.
    intercepts_ : ndarray of shape (K,)
        In units of log probability; the first is 0.
    offsets_ : ndarray of shape (K,)
        Added to log probabilities by the decision.
    held_out_ : HeldOutAnswers
        Calibrated probabilities of the training rows, from which a decision around this classifier learns without
        further fits. A saved model is without them.
    n_features_in_, feature_names_in_
        If the classifier has them.

    Notes
    -----
    ``sample_weight`` weighs the rows in each fit and in the log loss. ``groups`` goes to the splitter, and to the
    classifier if its `fit` takes it; other metadata to the classifier, unless scikit-learn's metadata routing is on.
    A class without training rows in some fold keeps an intercept of the mean of the others, with a `UserWarning`.

    References
    ----------
    Alexandari, Kundaje and Shrikumar 2020, Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label
    Shift Adaptation, ICML.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from equipoise import CalibratedClassifier, metrics
    >>> X, y = make_classification(2000, n_redundant=10, weights=[0.9], random_state=0)
    >>> plain, calibrated = GaussianNB().fit(X, y), CalibratedClassifier(GaussianNB()).fit(X, y)
    >>> metrics.log_loss(y, calibrated.predict_proba(X)) < 0.7 * metrics.log_loss(y, plain.predict_proba(X))
    True
    """

    fit_only: ClassVar = ("cv",)
    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "cv": ["cv_object"],
        "n_jobs": [None, Integral],
        "decision": [StrOptions({"natural", "balanced", "macro_f1"})],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        cv: Any = None,
        n_jobs: int | None = None,
        decision: Literal["natural", "balanced", "macro_f1"] = "natural",
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs
        self.decision = decision

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "held_out_"}

    def _learn(self, rows: HeldOutRows, proba: NDArray[np.float64], sample_weight: Weights) -> None:
        kept, classes = rows.comparable()
        intercepts, self.exponent_ = np.zeros(len(classes)), 1.0
        if classes.sum() > 1:
            codes = np.searchsorted(np.flatnonzero(classes), rows.codes[kept])
            weights = None if sample_weight is None else sample_weight[kept]
            self.exponent_, found = fit_calibration(codes, proba[kept][:, classes], sample_weight=weights)
            intercepts[:] = found.mean()
            intercepts[classes] = found
        self.intercepts_ = intercepts - intercepts[0]
        self.held_out_ = HeldOutAnswers(rows, self._corrected(proba), sample_weight)
        self.offsets_ = self._offsets(self.held_out_)

    def _offsets(self, answers: HeldOutAnswers) -> NDArray[np.float64]:
        if self.decision == "macro_f1":
            return answers.macro_f1_offsets
        counts = np.bincount(answers.rows.codes, answers.weights, minlength=len(self.classes_))
        return np.log(counts.sum() / counts) if self.decision == "balanced" else np.zeros(len(counts))

    def decision_rule(self) -> Rule:
        """Return the offsets to log probabilities that decide."""
        return Rule(offsets=self.offsets_)

    def _corrected(self, proba: NDArray[np.float64]) -> NDArray[np.float64]:
        return Calibration(self.exponent_, self.intercepts_).apply(proba)

    def describe(self) -> Description:
        """Give the exponent, the intercepts and the decision, once they are fitted."""
        if not hasattr(self, "exponent_"):
            return Description()
        intercepts = by_label(self.classes_, self.intercepts_)
        decision = {"decision": self.decision, "offsets": by_label(self.classes_, self.offsets_)}
        return Description(
            decision=None if self.decision == "natural" else decision,
            correction={"exponent": {"all": self.exponent_}, "intercepts": intercepts},
        )
