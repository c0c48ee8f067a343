"""Rows of a row search: fixed training rows, candidates, and held-out rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.training import TrainedNetwork

Rows = NDArray[np.int64]

_LABELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class RowProblem:
    """A table with majority classes to under-sample."""

    X: Any  # (n, *features): only requested rows are read, so that a memory-mapped table stays on disk
    codes: NDArray[np.integer[Any]]  # (n,): class of each row, 0 to ``n_classes - 1``
    n_classes: int
    kept: Rows  # fixed training rows: those of the classes that are not under-sampled
    candidates: Mapping[int, NDArray[np.integer[Any]]]  # rows of each under-sampled class, in ascending order
    # rows for objectives only, possibly candidates among them; may be empty
    held_out: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    # (n,): weights of the rows in the inner loop and in objectives; equal by default
    weights: NDArray[np.float64] | None = None

    def gather(self, rows: Rows) -> NDArray[np.float32]:
        """Read rows in single precision, in ascending order of their positions."""
        order = np.argsort(rows, kind="stable")
        values = np.empty((len(rows), *self.X.shape[1:]), dtype=np.float32)
        values[order] = self.X[rows[order]]
        return values

    def weights_of(self, rows: Rows) -> NDArray[np.float64]:
        """Return the weights of rows."""
        return np.ones(len(rows)) if self.weights is None else self.weights[rows]

    def n_minority(self) -> int:
        """Unit m of the sizes of micro-samples."""
        return len(self.kept)


@dataclass(eq=False)
class Restart:
    """State of one search."""

    problem: RowProblem  # restarts of different problems run side by side if their networks can train as one stack
    rng: np.random.Generator
    kept: Rows  # fixed training rows of this restart
    size_before: int  # rows of all classes before the last step
    # accepted rows of the majority classes, possibly with repetitions
    accepted: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    objective: float = np.inf  # objective of the last accepted step; infinite before the first
    network: TrainedNetwork | None = None  # start of the next step
    best: TrainedNetwork | None = None  # network of the last accepted step
    values: list[float] = field(default_factory=list)  # objectives of the accepted steps
    n_steps: int = 0  # steps made
    unchanged: int = 0  # steps since the last accepted one
    done: bool = False
    # what a search by scores has learned at the last accepted step
    learned: dict[str, Any] = field(default_factory=dict)

    def new_rows(self, size: int) -> list[Rows]:
        """Draw random rows of each majority class that are neither accepted nor held out; fewer if fewer are left."""
        taken = np.concatenate([self.accepted, self.problem.held_out])
        return [draw_new(candidates, size, taken, self.rng) for candidates in self.problem.candidates.values()]

    def rows(self, more: Rows | None = None) -> Rows:
        """Training rows of the restart, with a micro-sample if given."""
        parts: Sequence[Rows] = (self.kept, self.accepted) if more is None else (self.kept, self.accepted, more)
        return np.concatenate(parts)


def balanced_weights(problem: RowProblem, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of rows, of mean one, under which all classes weigh alike."""
    codes = problem.codes[rows].astype(np.int64)
    mass = np.bincount(codes, weights=weights, minlength=problem.n_classes)
    weights = weights / mass[codes]
    return weights / weights.mean()


def draw_new(candidates: NDArray[Any], size: int, taken: Rows, rng: np.random.Generator) -> Rows:
    """Draw rows without replacement from ascending candidates that are not taken; fewer if fewer are left.

    Numbers are drawn until enough of them are new, to avoid a list of the remaining rows of a large table.
    """
    taken = np.unique(taken)
    taken = taken[_holds(candidates, taken)]
    free = len(candidates) - len(taken)
    if size >= free:
        return np.setdiff1d(candidates, taken, assume_unique=True).astype(np.int64)
    if 2 * size >= free:
        left = np.setdiff1d(candidates, taken, assume_unique=True)
        return rng.choice(left, size, replace=False).astype(np.int64)
    found = np.empty(0, dtype=np.int64)
    while len(found) < size:
        drawn = candidates[rng.integers(len(candidates), size=2 * size)].astype(np.int64)
        drawn = drawn[~np.isin(drawn, taken)]
        found = np.concatenate([found, drawn])
        found = found[np.sort(np.unique(found, return_index=True)[1])]  # each once, in the order drawn
    return found[:size]


def _holds(ascending: NDArray[Any], rows: Rows) -> NDArray[np.bool_]:
    rows = rows.astype(ascending.dtype)  # of two types, numpy would copy the longer array to a common one
    places = np.searchsorted(ascending, rows)
    return ascending[np.minimum(places, len(ascending) - 1)] == rows


def class_codes(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer[Any]]]:
    """Return the classes in ascending order, and the class of each row in the smallest integer type.

    As ``np.unique(y, return_inverse=True)``, which takes 40 bytes a row where this takes one.
    """
    classes = np.unique(np.concatenate([np.unique(part) for _, part in _parts(y)]))
    codes = np.empty(len(y), dtype=np.min_scalar_type(len(classes) - 1))
    for start, part in _parts(y):
        codes[start : start + len(part)] = np.searchsorted(classes, part)
    return classes, codes


def rows_of(codes: NDArray[np.integer[Any]], wanted: Sequence[int]) -> NDArray[np.integer[Any]]:
    """Rows of some classes, in ascending order, in 32 bits where the table has no more."""
    small = np.int32 if len(codes) <= np.iinfo(np.int32).max else np.int64
    return np.concatenate(
        [(start + np.flatnonzero(np.isin(part, wanted))).astype(small) for start, part in _parts(codes)]
    )


def _parts(values: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Cut rows into parts, each with the number of its first row."""
    for start in range(0, len(values), _LABELS_AT_ONCE):
        yield start, values[start : start + _LABELS_AT_ONCE]
