"""`AutoJob`: folds and their training tasks; pool weights and offsets from the out-of-fold predictions."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from equipoise.batches import MixUp
from equipoise.classifiers.auto_members import FoldInputs, Kind
from equipoise.classifiers.auto_time import FEWEST_STEPS, Costs, Plan, plan_within, warn_of_little_time
from equipoise.classifiers.base import CLIP, LEAST_STEPS, Codes, training_device
from equipoise.classifiers.jobs import FitJob
from equipoise.containers import as_array
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.pool import fit_pool, pool
from equipoise.sklearn_private import check_sample_weight
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork
from equipoise.training.scaling import Standardizer

if TYPE_CHECKING:
    from equipoise.classifiers.auto import AutoClassifier

_FOLDS, _FOLDS_OF_MANY = 8, 4
_MANY_ROWS = 5000  # fewer folds from here on
_EPOCHS, _MOST_STEPS = 40, 2000  # of the longest kind
_TREES_SHARE = 0.25  # of the time limit, for feature importances

Weights = NDArray[np.float64]


@dataclass(eq=False, repr=False)
class HeldOutAnswers:
    """Pooled out-of-fold probabilities of the training rows.

    A copy or a saved one holds the tuned offsets only, without the rows.

    Attributes
    ----------
    rows : HeldOutRows
        Classes and folds of the rows.
    proba : ndarray of shape (n, n_classes)
    weights : ndarray of shape (n,) or None
    """

    rows: HeldOutRows
    proba: NDArray[np.float64]
    weights: Weights | None

    @cached_property
    def macro_f1_offsets(self) -> NDArray[np.float64]:
        """Offsets to log probabilities that maximise macro F1."""
        labels = np.arange(self.proba.shape[1])
        return self.rows.tune(self.proba, labels, metric="macro_f1", sample_weight=self.weights)

    def __getstate__(self) -> dict[str, Any]:
        return {"macro_f1_offsets": self.macro_f1_offsets}


class AutoJob(FitJob["AutoClassifier"]):
    """A prepared fit of an `AutoClassifier`; parameters as in its `fit`.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features)
        Standardised rows of positive weight.
    codes : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
    held_out : list of ndarray of int
        Held-out rows of each fold.
    """

    def __init__(
        self,
        classifier: "AutoClassifier",
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> None:
        started, draft = time.monotonic(), classifier._new_draft()
        super().__init__(classifier, draft, [])
        device = training_device(draft.device)
        rows, self.codes = draft._checked(X, y)
        draft.costs()  # refuses a bad decision before the work
        held_together = None if groups is None else column_or_1d(groups)
        check_consistent_length(rows, held_together)
        self.weights = None
        if sample_weight is not None:
            weights = check_sample_weight(as_array(sample_weight), rows, dtype=np.float64, ensure_non_negative=True)
            seen = weights > 0
            rows, self.codes, self.weights = rows[seen], self.codes[seen], weights[seen] / weights[seen].mean()
            held_together = None if held_together is None else held_together[seen]
        counts = np.bincount(self.codes, weights=self.weights, minlength=len(draft.classes_))
        if not (counts > 0).all():
            raise ValueError("Each class needs a row of positive weight, but all rows of a class have weight zero.")
        draft.priors_ = counts / counts.sum()
        draft.scaler_ = Standardizer.of(rows, self.weights, CLIP) if draft.standardize else None
        self.rows = draft.scaled(rows)
        rng = check_random_state(draft.random_state)
        plan = self._plan(held_together, started, device)
        folds = _split(self.codes, held_together, rng.randint(1 << 31), plan.n_folds)
        self.held_out = [held_out for _, held_out in folds]
        draft.kinds_ = plan.kinds  # kept with the model: the class attribute may change
        settings = [_settings(kind, len(folds[0][0]), plan.steps, device) for kind in draft.kinds_]
        seconds = None if draft.max_time is None else _TREES_SHARE * draft.max_time / len(folds)
        draft.fold_inputs_ = []
        for train, _ in folds:
            self._add_fold(train, settings, rng, seconds)

    def _plan(self, groups: NDArray[Any] | None, started: float, device: str) -> Plan:
        """Return folds, kinds and steps within the time limit."""
        draft, n_folds = self._draft, _most_folds(self.codes, groups)
        n_train = len(self.codes) - len(self.codes) // n_folds
        whole = Plan(n_folds, draft.kinds, draft.max_steps or _steps(n_train))
        if draft.max_time is None:
            return whole

        def inputs_of(rows: Codes) -> FoldInputs:
            return draft.fold_inputs.of(self.rows[rows], self.codes[rows], None, 0, 0.0)

        settings = {kind: _settings(kind, n_train, whole.steps, device) for kind in draft.kinds}
        costs = Costs.measured(inputs_of, self.rows, self.codes, settings)
        plan = plan_within(draft.max_time - (time.monotonic() - started), whole, costs)
        warn_of_little_time(draft.max_time, plan, whole)
        return plan

    def _add_fold(
        self, train: Codes, settings: Sequence[Settings], rng: np.random.RandomState, seconds: float | None
    ) -> None:
        draft, weights = self._draft, None if self.weights is None else self.weights[train]
        coded = any(kind.codes for kind in draft.kinds_)
        inputs = draft.fold_inputs.of(
            self.rows[train], self.codes[train], weights, rng.randint(1 << 31), seconds, coded=coded
        )
        draft.fold_inputs_.append(inputs)
        for kind, how in zip(draft.kinds_, settings, strict=True):
            table = Table(inputs.view(self.rows[train], kind), self.codes[train], len(draft.classes_))
            self.tasks.append(Task(table, rng.randint(1 << 31), how, weights=weights))

    def _take(self, networks: Sequence[TrainedNetwork]) -> None:
        draft = self._draft
        draft.n_steps_ = [network.n_steps for network in networks]
        draft.feature_importances_ = np.mean([inputs.feature_importances_ for inputs in draft.fold_inputs_], axis=0)
        ensembles, n = [FittedEnsemble([network], draft.classes_) for network in networks], len(draft.kinds_)
        draft.fold_ensembles_ = [ensembles[i : i + n] for i in range(0, len(ensembles), n)]
        answers = np.empty((n, len(self.rows), len(draft.classes_)))
        for fold, unseen in enumerate(self.held_out):
            answers[:, unseen] = draft.fold_probabilities(fold, self.rows[unseen])
        held_out = self._held_out_rows()
        held_out.warn(draft.classes_.tolist(), stacklevel=6)
        seen, _ = held_out.comparable()
        if not seen.any():
            seen[:] = True
        weights = None if self.weights is None else self.weights[seen]
        draft.pool_weights_ = fit_pool(answers[:, seen], self.codes[seen], weights)
        draft.held_out_ = HeldOutAnswers(held_out, pool(answers, draft.pool_weights_), self.weights)

    def _held_out_rows(self) -> HeldOutRows:
        folds, n_classes = np.empty(len(self.rows), dtype=np.intp), len(self._draft.classes_)
        trained = np.empty((len(self.held_out), n_classes), dtype=bool)
        everywhere = np.bincount(self.codes, minlength=n_classes)
        for fold, unseen in enumerate(self.held_out):
            folds[unseen] = fold
            trained[fold] = everywhere > np.bincount(self.codes[unseen], minlength=n_classes)
        return HeldOutRows(self.codes, folds, trained)

    def _diverged(self) -> str:
        return "Training diverged: scale the features, for example with standardize=True."


def _most_folds(codes: Codes, groups: NDArray[Any] | None) -> int:
    n_folds = min(_FOLDS if len(codes) < _MANY_ROWS else _FOLDS_OF_MANY, int(np.bincount(codes).max()))
    if groups is not None:
        names = np.unique(groups)
        if len(names) < 2:
            raise ValueError(f"groups needs two or more groups, but holds one only: {names.tolist()[0]!r}. Remove it.")
        n_folds = min(n_folds, len(names))
    if n_folds < 2:
        raise ValueError(f"At least one class needs two rows, but each of the {len(codes)} classes has one row only.")
    return n_folds


def _split(codes: Codes, groups: NDArray[Any] | None, seed: int, n_folds: int) -> list[tuple[Codes, Codes]]:
    """Return training and held-out rows of each fold."""
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class may lack in a fold: the pool does not need it
        folds = splitter(n_folds, shuffle=True, random_state=seed).split(codes, codes, groups)
        return [(train, held_out) for train, held_out in folds if len(held_out)]  # few groups leave some folds empty


def _batch_size(n_rows: int) -> int:
    return min(n_rows, 64 if n_rows < _MANY_ROWS else 128 if n_rows < 2 * _MANY_ROWS else 256)


def _steps(n_rows: int) -> int:
    """Return the gradient steps of the kind that trains longest."""
    return min(max(LEAST_STEPS, _EPOCHS * -(-n_rows // _batch_size(n_rows))), _MOST_STEPS)


def _settings(kind: Kind, n_rows: int, steps: int, device: str) -> Settings:
    batch_size = _batch_size(n_rows)
    return Settings(
        batch_transform=MixUp(alpha=kind.alpha),
        batch_size=batch_size,
        max_steps=max(1, int(kind.share_of_steps * steps)),
        min_steps=min(FEWEST_STEPS, steps),
        epoch_steps=-(-n_rows // batch_size),
        dropout=kind.dropout,
        device=device,
    )
