"""`AutoClassifier`: a pool of unlike models without tuning, with calibrated probabilities and a decision by name.

It combines extremely randomised trees (Geurts, Ernst and Wehenkel, 2006), histogram gradient boosting (Ke et al.,
NeurIPS 2017), piecewise-linear codes of numbers (Gorishniy, Rubachev and Babenko, NeurIPS 2022) under logistic
regression and networks with MixUp (Zhang et al., ICLR 2018), log-opinion pools (Genest and Zidek, 1986) and prior
correction (Saerens, Latinne and Decaestecker, 2002). `benchmarks/auto_search.py` is the search for its constants.
"""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from equipoise.classifiers.auto_job import AutoJob
from equipoise.classifiers.auto_members import Kind, Member, answers
from equipoise.classifiers.jobs import JobClassifier
from equipoise.datasets.opened import OpenTable
from equipoise.decisions import decide
from equipoise.decisions.costs import Costs, cost_matrix, described_costs
from equipoise.decisions.held_out import HeldOutAnswers
from equipoise.decisions.pool import LogPool
from equipoise.describing import Description, by_label
from equipoise.rules import Rule
from equipoise.sklearn_private import Interval, StrOptions
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.text import count, counted
from equipoise.training import FittedEnsemble
from equipoise.training.scaling import Standardizer

DECISIONS = ("balanced", "macro_f1", "natural")


class AutoClassifier(JobClassifier):
    """Pool of unlike models without tuning, with calibrated probabilities and a decision by name.

    Extremely randomised trees, a small gradient boosting, a logistic regression on piecewise-linear codes, and
    small networks on codes and on features alone are each fitted without each of three stratified folds of the rows.
    A log-opinion pool combines and calibrates them, with weights and class intercepts of the lowest log loss on the
    out-of-fold predictions. The fitted model holds the members that have weight: trees, boosting and regression
    fitted once more on all rows, and the networks of two folds. Of more than 40,000 rows a sample is trained on, with
    all rows of small classes; probabilities are then corrected to the class priors of all rows.

    Parameters
    ----------
    decision : {"balanced", "macro_f1", "natural"}, array-like of shape (K, K), DataFrame or dict, default="balanced"
        Decision rule of `predict`. ``"balanced"``: the most probable class under equal class priors, best for balanced
        accuracy and G-mean. ``"macro_f1"``: offsets that maximise macro F1 on out-of-fold predictions. ``"natural"``:
        the most probable class. Costs (rows = true class, columns = decided class): the class of the lowest expected
        cost. An array has the order of `classes_`; a data frame or ``{true: {decided: cost}}`` has labels. The decision
        does not change probabilities, and may be set after `fit`.
    standardize : bool, default=True
        Standardise each feature by the training rows and clip it to +-5.
    max_steps : int, default=None
        Gradient steps of the networks; by default from the number of rows.
    max_time : float, default=None
        Approximate time limit of `fit` in seconds. If needed, networks make fewer steps or are left out, then there are
        fewer folds and rows, with a warning. Results under a limit depend on the machine's speed.
    class_priors : array-like of shape (K,), default=None
        Class priors of the rows to be predicted, in the order of `classes_`, for a sample by class; by default those of
        the rows given.
    device : str, default="auto"
        Torch device; ``"auto"`` uses CUDA if available, else the CPU.
    random_state : int, RandomState or None, default=None
        Random seed.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    priors_ : ndarray of shape (K,)
        `class_priors`, or the weighted class priors of the training rows.
    members_ : dict of str to fitted model
        Members of the pool that have weight: ``"trees"``, ``"boosting"``, ``"line"`` (an ensemble of networks without
        hidden layers), ``"networks"`` and ``"networks on features"``.
    pool_ : LogPool
        Weight of each member, in the order of `members_`, and intercept of each class.
    scaler_ : Standardizer or None
        Means and scales of the features, if ``standardize``.
    encoder_ : PiecewiseLinearEncoder or None
        Codes of the standardised features; None if no member reads them.
    n_rows_ : int
        Number of rows that were trained on.
    offsets_ : dict of str to ndarray of shape (K,)
        Offsets to log probabilities of each named decision; those of macro F1 are tuned at first use.
    feature_importances_ : ndarray of shape (n_features,)
        Importances of the splits of the randomised trees, scaled to mean 1.
    n_steps_ : list of int
        Gradient steps of each network; empty without networks.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If `X` has column names.

    See Also
    --------
    NeuralClassifier : Networks with interchangeable treatments of the imbalance.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import AutoClassifier
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> clf = AutoClassifier(max_steps=50, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (300, 2)
    >>> clf.set_params(decision=[[0, 1], [20, 0]]).predict(X).mean() > y.mean()  # a miss costs 20 false alarms
    np.True_
    """

    priors_: NDArray[np.float64]
    members_: dict[str, Member]
    pool_: LogPool
    scaler_: Standardizer | None
    encoder_: PiecewiseLinearEncoder | None
    feature_importances_: NDArray[np.float32]
    n_rows_: int
    n_steps_: list[int]
    held_out_: HeldOutAnswers

    _job_class = AutoJob
    _parameter_constraints = {
        "decision": [StrOptions(set(DECISIONS)), "array-like", dict],
        "standardize": ["boolean"],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "class_priors": [None, "array-like"],
        "device": [str],
        "random_state": ["random_state"],
    }

    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind("networks", codes=True, sharpness=1.0, dropout=0.3),
        Kind("networks on features", codes=False, sharpness=0.0, dropout=0.25),
    )

    def __init__(
        self,
        *,
        decision: str | Costs = "balanced",
        standardize: bool = True,
        max_steps: int | None = None,
        max_time: float | None = None,
        class_priors: ArrayLike | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.decision = decision
        self.standardize = standardize
        self.max_steps = max_steps
        self.max_time = max_time
        self.class_priors = class_priors
        self.device = device
        self.random_state = random_state

    @property
    def offsets_(self) -> dict[str, NDArray[np.float64]]:
        """Offsets to log probabilities of each named decision; those of macro F1 are tuned at first use."""
        return {name: self._offsets(name) for name in DECISIONS}

    def _offsets(self, decision: str) -> NDArray[np.float64]:
        if decision == "macro_f1":
            return self.held_out_.macro_f1_offsets
        return -np.log(self.priors_) if decision == "balanced" else np.zeros(len(self.classes_))

    def scaled(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return validated rows standardised."""
        return (X if self.scaler_ is None else self.scaler_.transform(X)).astype(np.float32)

    def coded(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return standardised rows with their codes beside them."""
        return scaled if self.encoder_ is None else self.encoder_.encode(scaled)

    def member_probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return probabilities (n_members, n, n_classes) of validated rows by each member."""
        coded, n_classes = self.coded(self.scaled(rows)), len(self.classes_)
        return np.stack([answers(member, coded, rows.shape[1], n_classes) for member in self.members_.values()])

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        return self.pool_.proba(self.member_probabilities(rows))

    def predict(self, X: ArrayLike | OpenTable) -> NDArray[Any]:
        """Predict labels by the rule of `decision`.

        Parameters
        ----------
        X : array-like of shape (n, n_features), or OpenTable

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.predict_from_proba(self.predict_proba(X))

    def predict_from_proba(self, y_proba: ArrayLike, decision: str | Costs | None = None) -> NDArray[Any]:
        """Predict labels from probabilities.

        Parameters
        ----------
        y_proba : array-like of shape (n, K)
            Of `predict_proba`.
        decision : str, array-like of shape (K, K), DataFrame or dict, optional
            In place of the parameter `decision`.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        ValueError
            If the decision is unknown, or costs do not fit the classes.
        """
        check_is_fitted(self)
        decision = self.decision if decision is None else decision
        costs = self.costs(decision)
        if costs is not None:
            return self.classes_[(np.asarray(y_proba) @ costs).argmin(axis=1)]
        return self.classes_[decide(y_proba, self._offsets(str(decision)))]

    def costs(self, decision: str | Costs | None = None) -> NDArray[np.float64] | None:
        """Return validated costs (K, K), or None for a named decision."""
        decision = self.decision if decision is None else decision
        if isinstance(decision, str):
            if decision not in DECISIONS:
                raise ValueError(f"decision must be one of {DECISIONS} or a matrix of costs, got {decision!r}.")
            return None
        return cost_matrix(decision, self.classes_)

    def decision_rule(self) -> Rule:
        """Return the costs or offsets of `decision`."""
        costs = self.costs()
        return Rule(offsets=self._offsets(str(self.decision))) if costs is None else Rule(costs=costs)

    def describe(self) -> Description:
        """Describe the fitted pool, its decision and its class priors."""
        if not hasattr(self, "pool_"):
            return Description()
        decision: dict[str, Any]
        costs = self.costs()
        if costs is None:
            offsets = by_label(self.classes_, self._offsets(str(self.decision)))
            decision = {"decision": str(self.decision), "offsets": offsets}
        else:
            decision = described_costs(costs, self.classes_)
        return Description(self._pool_in_words(), (), decision, priors=by_label(self.classes_, self.priors_))

    def _pool_in_words(self) -> tuple[str, ...]:
        pool = (
            f"AutoClassifier of {len(self.members_)} kinds of models, fitted on {count(self.n_rows_)} rows. "
            "The pool is a product of powers of their probabilities, with an intercept for each class, fitted on "
            "held-out predictions."
        )
        powers = zip(self.members_.items(), self.pool_.weights, strict=True)
        return pool, *(f"Power {power:.4g}: {name}, {_in_words(member)}." for (name, member), power in powers)


def _in_words(member: Member) -> str:
    if isinstance(member, FittedEnsemble):
        n_inputs = member.weights_["weights.0"].shape[1]
        return f"{counted(member.n_members, 'network')} of {count(n_inputs)} inputs"
    return type(member).__name__
