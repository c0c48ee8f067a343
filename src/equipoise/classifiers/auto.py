"""`AutoClassifier`: a pool of networks without tuning, with calibrated probabilities and a decision by name.

It combines deep ensembles (Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017), MixUp (Zhang et al., ICLR 2018),
piecewise-linear codes of numbers (Gorishniy, Rubachev and Babenko, NeurIPS 2022), feature scaling by the importances of
extremely randomised trees (Geurts, Ernst and Wehenkel, 2006), log-opinion pools (Genest and Zidek, 1986) and prior
correction (Saerens, Latinne and Decaestecker, 2002). `benchmarks/auto_search.py` is the search for its constants.
"""

from dataclasses import asdict
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from equipoise.classifiers.auto_job import AutoJob, HeldOutAnswers
from equipoise.classifiers.auto_members import FoldInputs, Kind
from equipoise.classifiers.jobs import JobClassifier
from equipoise.decisions import decide
from equipoise.decisions.costs import Costs, cost_matrix
from equipoise.decisions.pool import pool
from equipoise.describing import Description, Rule, by_label
from equipoise.sklearn_private import Interval, StrOptions
from equipoise.training import FittedEnsemble
from equipoise.training.scaling import Standardizer

DECISIONS = ("balanced", "macro_f1", "natural")


class AutoClassifier(JobClassifier):
    """Pool of networks without tuning, with calibrated probabilities and a decision by name.

    The rows are divided into eight stratified folds (four from 5,000 rows on). For each fold, networks of several
    kinds are trained on the other folds: on features with or without piecewise-linear codes, scaled by the importances
    of trees; some with more dropout and half the steps. The kinds are pooled, with weights that minimise the log loss
    of out-of-fold predictions. All networks train at once.

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
        Gradient steps of the networks that train longest; by default from the number of rows.
    max_time : float, default=None
        Approximate time limit of `fit` in seconds. If needed, it makes fewer steps (at least 100), then fewer folds and
        kinds of networks, with a warning. Results under a limit depend on the machine's speed.
    device : str, default="auto"
        Torch device; ``"auto"`` uses CUDA if available, else the CPU.
    random_state : int, RandomState or None, default=None
        Random seed.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    priors_ : ndarray of shape (K,)
        Weighted class priors of the training rows.
    kinds_ : tuple of Kind
        Kinds of networks in the pool.
    scaler_ : Standardizer or None
        Means and scales of the features, if ``standardize``.
    fold_inputs_ : list of FoldInputs
        Inputs of the networks of each fold.
    fold_ensembles_ : list of list of FittedEnsemble
        Networks of each fold, one a kind.
    pool_weights_ : ndarray of shape (n_kinds,)
        Exponent of each kind's probabilities in the pool.
    offsets_ : dict of str to ndarray of shape (K,)
        Offsets to log probabilities of each named decision; those of macro F1 are tuned at first use.
    feature_importances_ : ndarray of shape (n_features,)
        Importances of tree splits, scaled to mean 1; the mean over folds.
    n_steps_ : list of int
        Gradient steps of each network.
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
    kinds_: tuple[Kind, ...]
    scaler_: Standardizer | None
    fold_inputs_: list[FoldInputs]
    fold_ensembles_: list[list[FittedEnsemble]]
    pool_weights_: NDArray[np.float64]
    feature_importances_: NDArray[np.float64]
    n_steps_: list[int]
    held_out_: HeldOutAnswers

    _job_class = AutoJob
    _parameter_constraints = {
        "decision": [StrOptions(set(DECISIONS)), "array-like", dict],
        "standardize": ["boolean"],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "device": [str],
        "random_state": ["random_state"],
    }

    fold_inputs: ClassVar[type[FoldInputs]] = FoldInputs
    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind(codes=True, sharpness=0.5, dropout=0.25),
        Kind(codes=False, sharpness=0.5),
        Kind(codes=True, sharpness=1.0, dropout=0.5, share_of_steps=0.5),
        Kind(codes=False, sharpness=1.0, dropout=0.5),
    )

    def __init__(
        self,
        *,
        decision: str | Costs = "balanced",
        standardize: bool = True,
        max_steps: int | None = None,
        max_time: float | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.decision = decision
        self.standardize = standardize
        self.max_steps = max_steps
        self.max_time = max_time
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
        """Return validated rows standardised, as input of `fold_inputs_`."""
        return (X if self.scaler_ is None else self.scaler_.transform(X)).astype(np.float32)

    def fold_probabilities(self, fold: int, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities (n_kinds, n, n_classes) of scaled rows by the networks of a fold."""
        inputs, ensembles = self.fold_inputs_[fold], self.fold_ensembles_[fold]
        pairs = zip(self.kinds_, ensembles, strict=True)
        return np.stack([ensemble.predict_proba(inputs.view(rows, kind)) for kind, ensemble in pairs])

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        scaled, folds = self.scaled(rows), range(len(self.fold_inputs_))
        return pool(np.mean([self.fold_probabilities(fold, scaled) for fold in folds], axis=0), self.pool_weights_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict labels by the rule of `decision`.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

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
        """Describe the fitted pool, its decision and its class priors.

        Returns
        -------
        Description
        """
        if not hasattr(self, "pool_weights_"):
            return Description()
        decision: dict[str, Any]
        costs = self.costs()
        if costs is None:
            offsets = by_label(self.classes_, self._offsets(str(self.decision)))
            decision = {"decision": str(self.decision), "offsets": offsets}
        else:
            rows = [by_label(self.classes_, row) for row in costs]
            decision = {"decision": "costs", "costs": dict(zip(map(str, self.classes_.tolist()), rows, strict=True))}
        return Description(self._pool_in_words(), (), decision, priors=by_label(self.classes_, self.priors_))

    def _pool_in_words(self) -> tuple[str, ...]:
        n_kinds, n_folds = len(self.kinds_), len(self.fold_ensembles_)
        pool = (
            f"AutoClassifier of {n_kinds * n_folds} networks, of {n_kinds} kinds on each of {n_folds} folds. "
            "Networks of a fold were trained on the other folds; the pool is a product of powers of the kinds' "
            "probabilities, fitted on held-out predictions."
        )
        kinds = (
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(kind).items())
            for kind in self.kinds_
        )
        powers = enumerate(zip(kinds, self.pool_weights_, strict=True), 1)
        return pool, *(f"Kind {number}: power {power:.4g}, {kind}." for number, (kind, power) in powers)
