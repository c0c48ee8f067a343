"""A fold as numbers, and the results of a classifier that was fitted on it."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.datasets import Dataset
from equipoise.dependence import Dependence
from equipoise.experiments.splits import Fold, Splits
from equipoise.experiments.store import Cell

_TIMED_ROWS = 1000
_TIMED_WELL = 0.1  # seconds


@dataclass(frozen=True, eq=False)
class PreparedFold:
    """A fold as numbers, the preprocessing fitted on its training side alone."""

    fold: Fold
    X_train: Any  # (n, *features)
    X_test: Any
    y_train: NDArray[np.int64]  # (n,): class codes from 0
    y_test: NDArray[np.int64]
    n_classes: int
    groups: NDArray[Any] | None = None  # (n_train,): of the training rows
    native: tuple[Any, Any] | None = None  # both sides with categories and gaps as they are
    dependence: Dependence | None = None  # groups and times of the training rows
    weights: NDArray[np.float64] | None = None  # (n,)
    weights_test: NDArray[np.float64] | None = None
    training_weights: NDArray[np.float64] | None = None  # (n,): the weights, but for those of a sample by class
    table: Any = None  # the preprocessing

    @classmethod
    def of(cls, dataset: Dataset, codes: NDArray[np.int64], fold: Fold, *, native: bool = False) -> "PreparedFold":
        """Fit the preprocessing of tables on the training rows and apply it to both sides."""
        table = dataset.fitted_preprocessor(fold.train)
        sides = [dataset.X.iloc[rows] for rows in (fold.train, fold.test)]
        if native:
            (X_train, native_train), (X_test, native_test) = map(table.both, sides)
        else:
            native_train, native_test = X_train, X_test = [table.transform(side) for side in sides]
        return cls(
            fold,
            X_train,
            X_test,
            codes[fold.train],
            codes[fold.test],
            int(codes.max()) + 1,
            None if dataset.groups is None else dataset.groups[fold.train],
            (native_train, native_test),
            None if dataset.dependence is None else dataset.dependence.take(fold.train),
            None if dataset.weights is None else dataset.weights[fold.train],
            None if dataset.weights is None else dataset.weights[fold.test],
            None if dataset.training_weights is None else dataset.training_weights[fold.train],
            table,
        )

    def sources(self, *, native: bool) -> list[str]:
        """Return the input column of each number, as an arm sees them."""
        return self.table.set_params(native=native).sources()

    def seen(self, *, native: bool) -> "PreparedFold":
        """Return the fold as an arm sees it."""
        X_train, X_test = self.native if native and self.native is not None else (self.X_train, self.X_test)
        return replace(self, X_train=X_train, X_test=X_test, native=None, table=None)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Training rows of each class, of shape (K,)."""
        return np.bincount(self.y_train, minlength=self.n_classes)

    @property
    def mass(self) -> NDArray[np.float64]:
        """Sum of the weights of the training rows of each class, of shape (K,); their number without weights."""
        return np.bincount(self.y_train, self.weights, minlength=self.n_classes).astype(np.float64)

    @property
    def trained_mass(self) -> NDArray[np.float64]:
        """The `mass` that counts in training, of shape (K,)."""
        return np.bincount(self.y_train, self.training_weights, minlength=self.n_classes).astype(np.float64)

    def check_classes(self) -> None:
        """Refuse a training side that lacks a class, as grouped rows can leave it."""
        if not self.counts.all():
            raise ValueError("The training rows of this fold lack a class: use fewer folds or smaller groups.")

    def cell(self, arm: str, model: ClassifierMixin, seconds: float, **known: Any) -> Cell:
        """Score a fitted classifier on the test side: its probabilities, and the classes that it decides for."""
        proba = np.zeros((len(self.X_test), self.n_classes), dtype=np.float32)
        started = time.perf_counter()
        theirs = model.predict_proba(self.X_test)
        took = time.perf_counter() - started
        if not np.isin(model.classes_, np.arange(self.n_classes)).all():
            raise ValueError(
                f"The classifier knows the classes {list(model.classes_)!r:.80}, not the class codes 0 to "
                f"{self.n_classes - 1} of its training rows. A classifier fitted before cannot be compared."
            )
        proba[:, model.classes_] = theirs
        decided = model.predict_from_proba(theirs) if hasattr(model, "predict_from_proba") else proba.argmax(axis=1)
        key = arm, self.fold.repeat, self.fold.number
        few = len(self.X_test) < _TIMED_ROWS and took < _TIMED_WELL
        known["predicting"] = seconds_of_prediction(model, self.X_test) if few else took * 10_000 / len(self.X_test)
        return Cell(*key, seconds, proba, self._confusion(decided), decided=decided, **known)

    def decided_otherwise(self, cell: Cell, model: Any, decision: str) -> Cell:
        """Return a cell by another decision of the same classifier, as an arm of its own."""
        decided = model.predict_from_proba(cell.probabilities, decision)
        name = f"{cell.arm}-{decision}"
        return replace(cell, arm=name, confusion=self._confusion(decided), made=[], decided=decided)

    def failed(self, arm: str, error: Exception) -> Cell:
        """Record why a cell could not be had."""
        reason = f"{type(error).__name__}: {error}"
        return Cell(arm, self.fold.repeat, self.fold.number, 0.0, None, None, error=reason)

    def _confusion(self, decided: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Count the test rows, or sum their weights, by true and decided class."""
        cells = np.bincount(self.y_test * self.n_classes + decided, self.weights_test, minlength=self.n_classes**2)
        return cells.reshape(self.n_classes, self.n_classes)


class PreparedFolds:
    """The folds of a table, each as numbers that are made once; those of one repeat are kept."""

    def __init__(self, dataset: Dataset, codes: NDArray[np.int64], splits: Splits, *, native: bool) -> None:
        self._dataset, self._codes, self._splits, self._native = dataset, codes, splits, native
        self._folds: dict[int, list[Fold]] = {}
        self._ready: dict[Fold, PreparedFold] = {}

    def of(self, repeat: int) -> list[Fold]:
        """Return the folds of a repeat."""
        if repeat not in self._folds:
            self._folds[repeat] = list(self._splits.folds(self._dataset, self._codes, repeat))
        return self._folds[repeat]

    def numbers(self, fold: Fold) -> PreparedFold:
        """Return the numbers of a fold."""
        if fold not in self._ready:
            self._ready = {kept: numbers for kept, numbers in self._ready.items() if kept.repeat == fold.repeat}
            self._ready[fold] = PreparedFold.of(self._dataset, self._codes, fold, native=self._native)
        return self._ready[fold]


def seconds_of_prediction(model: Any, X: Any) -> float:
    """Return the seconds that the probabilities of 10,000 rows take, by a timed call for 1,000 of a few repeated."""
    rows = np.arange(_TIMED_ROWS) % len(X)
    several = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    started = time.perf_counter()
    model.predict_proba(several)
    return (time.perf_counter() - started) * 10_000 / len(rows)
