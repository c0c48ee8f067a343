"""`AutoClassifier`: networks that need no choices, with honest probabilities and a decision by name.

Put together from what earlier work found: members that are trained together (Lakshminarayanan, Pritzel and Blundell,
NeurIPS 2017), MixUp (Zhang et al., ICLR 2018), piecewise-linear codes of numbers (Gorishniy, Rubachev and Babenko,
NeurIPS 2022), features scaled by what extremely randomised trees find in them (Geurts, Ernst and Wehenkel, 2006),
models pooled by their answers on held-out rows (Genest and Zidek, 1986), prior correction (Saerens, Latinne and
Decaestecker, 2002). `benchmarks/auto_search.py` is the search by which its constants were found.
"""

import time
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from equipoise.batches import MixUp
from equipoise.classifiers.auto_members import FoldInputs, Kind
from equipoise.classifiers.neural import CLIP, LEAST_STEPS
from equipoise.decisions import decide, tune_offsets
from equipoise.decisions.pool import fit_pool, pool
from equipoise.tables.outliers import within_reach
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit

DECISIONS = ("balanced", "macro_f1", "natural")

_FOLDS, _FOLDS_OF_MANY = 8, 4
_MANY_ROWS = 5000  # from which on there are fewer folds
_EPOCHS, _MOST_STEPS = 40, 2000  # of the longest kind
_TREES_SHARE = 0.25  # of the time that the search for relevance may take
_ROWS_AT_ONCE = 1 << 13  # of a prediction: codes are many columns


class AutoClassifier(ClassifierMixin, BaseEstimator):
    """A model without choosing: pooled networks, honest probabilities, and a decision that is chosen by name.

    The rows are divided into eight stratified folds (four from 5,000 rows on). For each fold, networks of several
    kinds are trained on the other folds: on features and piecewise-linear codes of them, or on features alone, scaled
    by the relevance that trees find; some with much dropout and half of the steps. Their answers on the fold that they
    have not seen say how to put the kinds together, so that the log loss is low. All networks train at once.

    Parameters
    ----------
    decision : {"balanced", "macro_f1", "natural"} or array-like of shape (K, K), default="balanced"
        What `predict` decides for. ``"balanced"``: the class that is most probable if all were equally frequent, which
        is best for balanced accuracy and G-mean. ``"macro_f1"``: by offsets that are best for macro F1 on the held-out
        rows. ``"natural"``: the most probable class. Costs, rows = true class, columns = decided class: the class of
        the lowest expected cost. It changes no probability, and may be set after `fit`.
    standardize : bool, default=True
        Bring each feature to mean 0 and deviation 1 over the training rows and clip it to +-5.
    max_steps : int, default=None
        Gradient steps of a network of the longest kind, in place of those that follow from the number of rows.
    max_time : float, default=None
        Seconds that `fit` may take, about. A run cut short depends on the machine's speed.
    device : str, default="auto"
        As torch names it; ``"auto"`` is CUDA where there is one, else the CPU.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    priors_ : ndarray of shape (K,)
        Class priors of the training rows, by weight, under which the probabilities hold.
    kinds_ : tuple of Kind
        Kinds of networks that were trained.
    pool_weights_ : ndarray of shape (n_kinds,)
        Exponent of each kind's probabilities in the pool.
    offsets_ : dict of str to ndarray of shape (K,)
        What each named decision adds to log probabilities.
    feature_importances_ : ndarray of shape (n_features,)
        How much each feature tells of the classes, of mean 1; the mean over folds.
    n_steps_ : list of int
        Gradient steps of each network.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If `X` had them.

    See Also
    --------
    NeuralClassifier : Networks with the treatment of the imbalance as parts.

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

    _parameter_constraints = {
        "decision": [StrOptions(set(DECISIONS)), "array-like"],
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
        decision: str | ArrayLike = "balanced",
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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> "AutoClassifier":
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of two or more classes.
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            Rows of one group are held out together.

        Returns
        -------
        AutoClassifier
            Itself.

        Raises
        ------
        ValueError
            If rows or labels do not serve, or costs do not fit the classes.
        """
        started = time.monotonic()
        tasks = self.tasks(X, y, sample_weight, groups)
        left = None
        if self.max_time is not None:
            left = max(0.05 * self.max_time, self.max_time - (time.monotonic() - started))
        return self.adopt(fit(tasks, max_time=left))

    def tasks(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> list[Task]:
        """Return the first half of `fit`: the training tasks, for `equipoise.training.fit`.

        Parameters are those of `fit`. Tasks of many classifiers may train in one call; `adopt` takes the networks
        back.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Two classes are needed, but y holds one class only: {self.classes_.tolist()[0]!r}.")
        self._costs()  # so that it fails now
        weights, held_together = None, None if groups is None else column_or_1d(groups)
        check_consistent_length(X, held_together)
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            X, codes = X[weights > 0], codes[weights > 0]
            held_together = None if held_together is None else held_together[weights > 0]
            weights = weights[weights > 0] / weights[weights > 0].mean()
        counts = np.bincount(codes, weights=weights, minlength=len(self.classes_))
        if not (counts > 0).all():
            raise ValueError("Each class needs a row of positive weight, but all of one have weight zero.")
        self.priors_ = counts / counts.sum()
        self._scaler = StandardScaler().fit(within_reach(X), sample_weight=weights) if self.standardize else None
        rows = self._scaled(X)
        rng = check_random_state(self.random_state)
        folds = self._split(codes, held_together, rng.randint(1 << 31))
        self.kinds_ = self.kinds  # so that a model that is kept knows its own
        settings = [self._settings(kind, len(folds[0][0])) for kind in self.kinds_]
        seconds = None if self.max_time is None else _TREES_SHARE * self.max_time / len(folds)
        self._inputs, tasks = [], []
        for train, _ in folds:
            of_rows = None if weights is None else weights[train]
            inputs = self.fold_inputs.of(rows[train], codes[train], of_rows, rng.randint(1 << 31), seconds)
            self._inputs.append(inputs)
            for kind, how in zip(self.kinds_, settings, strict=True):
                table = Table(inputs.view(rows[train], kind), codes[train], len(self.classes_))
                tasks.append(Task(table, rng.randint(1 << 31), how, weights=of_rows))
        self._held_out = rows, codes, weights, [held_out for _, held_out in folds]
        return tasks

    def _split(
        self, codes: NDArray[np.int64], groups: NDArray[Any] | None, seed: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        n_folds = min(_FOLDS if len(codes) < _MANY_ROWS else _FOLDS_OF_MANY, int(np.bincount(codes).max()))
        if groups is not None:
            names = np.unique(groups)
            if len(names) < 2:
                raise ValueError(
                    f"Two groups are needed, but groups holds one only: {names.tolist()[0]!r}; leave it out."
                )
            n_folds = min(n_folds, len(names))
        if n_folds < 2:
            raise ValueError(f"A class of two rows is needed, but each of the {len(codes)} classes has one row only.")
        splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes that not every fold has: pooled, they need not
            folds = splitter(n_folds, shuffle=True, random_state=seed).split(codes, codes, groups)
            return [(train, held_out) for train, held_out in folds if len(held_out)]  # of few groups, some go without

    def _settings(self, kind: Kind, n_rows: int) -> Settings:
        batch_size = min(n_rows, 64 if n_rows < _MANY_ROWS else 128 if n_rows < 2 * _MANY_ROWS else 256)
        epoch_steps = -(-n_rows // batch_size)
        steps = self.max_steps or min(max(LEAST_STEPS, _EPOCHS * epoch_steps), _MOST_STEPS)
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        return Settings(
            batch_transform=MixUp(alpha=kind.alpha),
            batch_size=batch_size,
            max_steps=max(1, int(kind.share_of_steps * steps)),
            epoch_steps=epoch_steps,
            dropout=kind.dropout,
            device=device,
        )

    def adopt(self, networks: Sequence[TrainedNetwork]) -> "AutoClassifier":
        """Return the second half of `fit`: take the networks that `tasks` became, and learn to pool them.

        Parameters
        ----------
        networks : sequence of TrainedNetwork
            One a task, in the order of `tasks`.

        Returns
        -------
        AutoClassifier
            Itself, fitted.

        Raises
        ------
        ValueError
            If training diverged.
        """
        if not all(network.is_finite() for network in networks):
            raise ValueError("Training diverged: see that the features are finite and of like scale.")
        self.n_steps_ = [network.n_steps for network in networks]
        self.feature_importances_ = np.mean([inputs.feature_importances_ for inputs in self._inputs], axis=0)
        stacks = [FittedEnsemble([network], self.classes_) for network in networks]
        self._members = [stacks[i : i + len(self.kinds_)] for i in range(0, len(stacks), len(self.kinds_))]
        rows, codes, weights, held_out = self.__dict__.pop("_held_out")
        answers = np.empty((len(self.kinds_), len(rows), len(self.classes_)))
        for fold, unseen in enumerate(held_out):
            answers[:, unseen] = self._fold_probabilities(fold, rows[unseen])
        self.pool_weights_ = fit_pool(answers, codes, weights)
        pooled = pool(answers, self.pool_weights_)
        numbers = np.arange(len(self.classes_))
        macro_f1 = tune_offsets(codes, pooled, metric="macro_f1", labels=numbers, sample_weight=weights)
        self.offsets_ = {
            "balanced": -np.log(self.priors_),
            "macro_f1": macro_f1,
            "natural": np.zeros(len(numbers)),
        }
        return self

    def __sklearn_is_fitted__(self) -> bool:  # between the halves of `fit` it is not
        return hasattr(self, "pool_weights_") and not hasattr(self, "_held_out")

    def _scaled(self, X: NDArray[Any]) -> NDArray[np.float32]:
        if self._scaler is not None:
            X = self._scaler.transform(X).clip(-CLIP, CLIP)
        return X.astype(np.float32)

    def _fold_probabilities(self, fold: int, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n_kinds, n, K) of the networks of a fold."""
        pairs = zip(self.kinds_, self._members[fold], strict=True)
        return np.stack([stack.predict_proba(self._inputs[fold].view(rows, kind)) for kind, stack in pairs])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the classes, for the shares that they have in the training rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, K)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        checked: Any = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        rows, folds = self._scaled(checked), range(len(self._members))
        parts = np.array_split(rows, max(1, -(-len(rows) // _ROWS_AT_ONCE)))
        means = [np.mean([self._fold_probabilities(fold, part) for fold in folds], axis=0) for part in parts]
        return pool(np.concatenate(means, axis=1), self.pool_weights_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Label that is decided for, by `decision`.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.predict_from_proba(self.predict_proba(X))

    def predict_from_proba(self, y_proba: ArrayLike, decision: str | ArrayLike | None = None) -> NDArray[Any]:
        """Label that is decided for where the probabilities are known already.

        Parameters
        ----------
        y_proba : array-like of shape (n, K)
            As `predict_proba` gives them.
        decision : str or array-like of shape (K, K), optional
            The parameter's value by default.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        ValueError
            If there is no such decision, or costs do not fit the classes.
        """
        check_is_fitted(self)
        decision = self.decision if decision is None else decision
        costs = self._costs(decision)
        if costs is not None:
            return self.classes_[(np.asarray(y_proba) @ costs).argmin(axis=1)]
        return self.classes_[decide(y_proba, self.offsets_[str(decision)])]

    def _costs(self, decision: str | ArrayLike | None = None) -> NDArray[np.float64] | None:
        """Costs (K, K), if they decide."""
        decision = self.decision if decision is None else decision
        if isinstance(decision, str):
            if decision not in DECISIONS:
                raise ValueError(
                    f"decision must be one of {DECISIONS} or a matrix of costs, but decision={decision!r}."
                )
            return None
        costs, shape = np.asarray(decision, dtype=np.float64), (len(self.classes_),) * 2
        if costs.shape != shape or not np.isfinite(costs).all():
            raise ValueError(
                f"Costs must be finite, of shape {shape} for the classes {self.classes_.tolist()!r}, rows = true "
                f"class, columns = decided class; got {decision!r}."
            )
        return costs
