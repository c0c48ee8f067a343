"""Results as they arrive, in one SQLite file: whatever was stored survives a stop at any moment."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.experiments.splits import Fold
from equipoise.files import first_bytes

_APPLICATION, _VERSION = int.from_bytes(b"eqps", "big"), 4  # in the header of the file
_CELL = "arm, repeat, fold, seconds, probabilities, confusion, notes, error, made, decided, priors, predicting"
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS folds (
    repeat INTEGER, fold INTEGER, seed INTEGER, test_rows BLOB, test_codes BLOB, train_counts TEXT, test_counts TEXT,
    train_mass TEXT, test_weights BLOB, PRIMARY KEY (repeat, fold));
CREATE TABLE IF NOT EXISTS cells ({_CELL}, PRIMARY KEY (arm, repeat, fold));
"""

CellKey = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class Cell:
    """The result of one arm on one fold."""

    arm: str
    repeat: int
    fold: int
    seconds: float  # wall time of training; for networks trained in a stack, their share of its time
    probabilities: NDArray[np.float32] | None  # (n_test, K), float32: None if the cell failed
    # (K, K): rows are true classes, columns those decided for; sums of weights where test rows have weights
    confusion: NDArray[Any] | None
    notes: list[str] = field(default_factory=list)  # warnings raised on the way
    error: str | None = None  # why the cell failed
    # figures of the rows that a sampler made, as `NeuralClassifier.sampler_diagnostics_`, classes as codes
    made: list[dict[str, Any]] = field(default_factory=list)
    # (n_test,), int: code of the class decided for; the most probable one if none is given. None if the cell failed
    decided: NDArray[np.int64] | None = None
    # the class priors that the probabilities stand for; None where they are not known
    priors: list[float] | None = None
    # seconds that the probabilities of 10,000 rows take; None where they were not measured
    predicting: float | None = None

    def __post_init__(self) -> None:
        if self.decided is None and self.probabilities is not None:
            object.__setattr__(self, "decided", self.probabilities.argmax(axis=1))

    @property
    def key(self) -> CellKey:
        """Arm, repeat and fold."""
        return self.arm, self.repeat, self.fold


@dataclass(frozen=True, eq=False)
class StoredFold:
    """The test side of a fold, and the class counts of both sides, in the order of the classes.

    ``train_mass`` sums the weights of the training rows by class, which are their counts without weights.
    """

    repeat: int
    fold: int
    seed: int
    test_rows: NDArray[np.int64]
    test_codes: NDArray[np.int64]
    train_counts: list[int]
    test_counts: list[int]
    train_mass: list[float]
    test_weights: NDArray[np.float64] | None


class Store:
    """A comparison's results on disk.

    The file is created if need be; its folder must exist. Raises ValueError if it is no store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = _opened(path)

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was stored stays."""
        self._db.close()

    def get(self, key: str) -> Any:
        """Read a value kept under a key; None if there is none."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else json.loads(row[0])
        except ValueError as error:
            raise self.damaged(f"{key}: {error}") from error

    def damaged(self, reason: object) -> ValueError:
        """Return the error of a file whose content cannot be read as results."""
        return ValueError(f"{self.path} is damaged ({reason}): choose another folder (--out).")

    def put(self, key: str, value: Any) -> None:
        """Keep a value that json can hold."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def add_fold(
        self,
        fold: Fold,
        test_codes: NDArray[np.int64],
        train_counts: NDArray[np.int64],
        train_mass: NDArray[np.float64] | None = None,
        test_weights: NDArray[np.float64] | None = None,
    ) -> None:
        """Keep the test side of a fold, and the class counts of both sides, with the weights of their rows."""
        test_counts = np.bincount(test_codes, minlength=len(train_counts))
        mass = train_counts if train_mass is None else train_mass
        counts = [json.dumps(side.tolist()) for side in (train_counts, test_counts, mass)]
        test = fold.test.astype("<i8").tobytes(), test_codes.astype("<i4").tobytes()
        weights = None if test_weights is None else test_weights.astype("<f8").tobytes()
        values = (fold.repeat, fold.number, fold.seed, *test, *counts, weights)
        self._db.execute("INSERT OR REPLACE INTO folds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def add(self, cells: Iterable[Cell]) -> None:
        """Keep the results of a stack in one transaction: all of them, or none."""
        with self._db:
            self._db.execute("BEGIN")
            for cell in cells:
                row = _row(cell)
                marks = ", ".join("?" * len(row))
                self._db.execute(f"INSERT OR REPLACE INTO cells ({_CELL}) VALUES ({marks})", row)

    def remove(self, arms: Iterable[str]) -> None:
        """Drop the results of arms."""
        self._db.executemany("DELETE FROM cells WHERE arm = ?", [(arm,) for arm in arms])

    def done(self) -> set[CellKey]:
        """Return what is finished, well or badly."""
        return set(self._db.execute("SELECT arm, repeat, fold FROM cells"))

    def folds(self) -> list[StoredFold]:
        """Read every fold, in order."""
        found = []
        for row in self._db.execute("SELECT * FROM folds ORDER BY repeat, fold"):
            repeat, fold, seed, test, codes, train, held_out, mass, weights = row
            rows, classes = np.frombuffer(test, "<i8"), np.frombuffer(codes, "<i4").astype(np.int64)
            test_weights = None if weights is None else np.frombuffer(weights, "<f8")
            counts = json.loads(train), json.loads(held_out), json.loads(mass)
            found.append(StoredFold(repeat, fold, seed, rows, classes, *counts, test_weights))
        return found

    def mean_seconds(self, arm: str, repeat: int | None = None) -> float | None:
        """Return the mean of the seconds that an arm took, in one repeat or in all; None without a result."""
        query = "SELECT AVG(seconds) FROM cells WHERE arm = ? AND error IS NULL AND repeat = IFNULL(?, repeat)"
        [(mean,)] = self._db.execute(query, (arm, repeat))
        return None if mean is None else float(mean)

    def cells(self) -> list[Cell]:
        """Read every result, in the order of arm, repeat and fold."""
        return [_cell(row) for row in self._db.execute(f"SELECT {_CELL} FROM cells ORDER BY arm, repeat, fold")]


def _opened(path: Path) -> sqlite3.Connection:
    new = not _holds_results(path)
    try:
        database = sqlite3.connect(path, isolation_level=None)
        try:
            if new:
                database.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            database.execute("SELECT * FROM meta")
        except sqlite3.DatabaseError:
            database.close()
            raise
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} cannot be used as a results store ({error}): choose another folder.") from error
    return database


def _holds_results(path: Path) -> bool:
    """Whether a file holds results; one of another origin is refused by its header alone, so that it stays as it is."""
    header = first_bytes(path, 100)
    if not header:
        return False
    version, application = (int.from_bytes(header[start : start + 4], "big") for start in (60, 68))
    if not header.startswith(b"SQLite format 3\0") or application != _APPLICATION:
        raise ValueError(f"{path} exists and holds no results of equipoise: choose another folder (--out).")
    if version != _VERSION:
        raise ValueError(
            f"{path} was written by another version of equipoise (format {version}, this one reads {_VERSION}): "
            "choose another folder (--out)."
        )
    return True


def _row(cell: Cell) -> tuple[Any, ...]:
    confusion = None if cell.confusion is None else json.dumps(cell.confusion.tolist())
    probabilities = None if cell.probabilities is None else cell.probabilities.astype("<f4").tobytes()
    decided = None if cell.decided is None else cell.decided.astype("<u2").tobytes()
    notes, made, priors = (json.dumps(value) for value in (cell.notes, cell.made, cell.priors))
    results = cell.seconds, probabilities, confusion, notes, cell.error, made, decided, priors, cell.predicting
    return *cell.key, *results


def _cell(row: tuple[Any, ...]) -> Cell:
    arm, repeat, fold, seconds, proba, confusion, notes, error, made, codes, priors, predicting = row
    counts = None if confusion is None else np.array(json.loads(confusion))
    decided = None if codes is None else np.frombuffer(codes, "<u2").astype(np.int64)
    probabilities = None
    if proba is not None and counts is not None:
        probabilities = np.frombuffer(proba, "<f4").reshape(-1, len(counts))
    others = json.loads(notes), error, json.loads(made), decided, json.loads(priors), predicting
    return Cell(arm, repeat, fold, seconds, probabilities, counts, *others)
