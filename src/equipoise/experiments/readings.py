"""Ways to read stored probabilities: as decided, corrected to other class priors, with thresholds tuned on other folds.

`results` reads the stores of a study as one tidy frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Cell, Store, StoredFold

DECIDED, CORRECTED, TUNED = "as decided", "prior-corrected", "threshold-tuned"
READINGS = (DECIDED, CORRECTED, TUNED)
TUNED_FOR = ("g_mean", "macro_f1")
"""Metrics that thresholds are tuned for."""


class Readings:
    """Scores of the cells of one data set in every reading.

    Parameters
    ----------
    cells : sequence of Cell
        Those that failed are left out.
    folds : sequence of StoredFold
    rare : int
        Code of the rarest class.
    by_time : bool, default=False
        Whether folds follow each other in time: thresholds are tuned on earlier folds, and the first is not scored.
    """

    def __init__(self, cells: Iterable[Cell], folds: Iterable[StoredFold], rare: int, *, by_time: bool = False) -> None:
        self.folds = {(fold.repeat, fold.fold): fold for fold in folds}
        self.rare, self._by_time = rare, by_time
        self._all: dict[tuple[str, int], list[Cell]] = {}
        for cell in cells:
            if cell.probabilities is not None:
                self._all.setdefault((cell.arm, cell.repeat), []).append(cell)
        scored = {key: [cell for cell in found if cell.fold or not by_time] for key, found in self._all.items()}
        self.by_repeat = {key: found for key, found in scored.items() if found}

    @property
    def cells(self) -> list[Cell]:
        """All cells, repeat by repeat."""
        return [cell for cells in self.by_repeat.values() for cell in cells]

    def score(self, cell: Cell, metric: Metric, reading: str) -> float:
        """Score a cell; NaN where the reading does not change the metric, or is not known.

        ``as decided`` counts the stored decision, which need not be the most probable class. ``prior-corrected``
        corrects the probabilities from the class priors that they stand for to those that the metric asks for
        (`Metric.priors`). ``threshold-tuned`` decides by per-class thresholds that are tuned for the metric on the
        test rows of the repeat's *other* folds, or of earlier ones where folds follow each other in time.
        """
        fold, proba = self.folds[cell.repeat, cell.fold], np.asarray(cell.probabilities)
        if reading == DECIDED:
            read = one_hot(cell.decided, proba.shape[1]) if metric.at_threshold else proba
        elif reading == CORRECTED:
            if metric.priors is None or cell.priors is None:
                return np.nan
            counts = np.asarray(fold.train_mass)
            wanted = counts / counts.sum() if metric.priors == "observed" else np.full(len(counts), 1 / len(counts))
            read = correct_prior(proba, np.asarray(cell.priors), wanted)
        elif metric.name not in TUNED_FOR:
            return np.nan
        else:
            read = one_hot(decide(proba, self.offsets(cell, metric.name)), proba.shape[1])
        return metric.of(fold.test_codes, read, self.rare, fold.test_weights)

    def offsets(self, cell: Cell, metric: str) -> NDArray[np.float64]:
        """Per-class offsets of log probability, tuned for a metric on the other (or earlier) folds of the repeat."""
        assert cell.probabilities is not None
        labels = np.arange(cell.probabilities.shape[1])
        others = [c for c in self._all[cell.arm, cell.repeat] if c.fold != cell.fold]
        others = [c for c in others if c.fold < cell.fold] if self._by_time else others
        if not others:
            return np.zeros(len(labels))
        codes, proba = self.joined(others)
        return tune_offsets(codes, proba, metric=metric, labels=labels, sample_weight=self.weights(others))

    def joined(self, cells: Sequence[Cell]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return true codes (n,) and probabilities (n, K) of the test rows of cells, one after the other."""
        codes = np.concatenate([self.folds[c.repeat, c.fold].test_codes for c in cells])
        return codes, np.concatenate([c.probabilities for c in cells if c.probabilities is not None])

    def weights(self, cells: Sequence[Cell]) -> NDArray[np.float64] | None:
        """Return the weights of the test rows of cells, one after the other; None without any."""
        found = [self.folds[c.repeat, c.fold].test_weights for c in cells]
        known = [weights for weights in found if weights is not None]
        return np.concatenate(known) if known else None

    def frame(self, metrics: Sequence[Metric], readings: Sequence[str] = READINGS) -> pd.DataFrame:
        """One row a cell and reading: ``arm``, ``reading``, ``repeat``, ``fold``, ``seconds``, a column a metric."""
        rows: list[dict[str, Any]] = []
        for cell in self.cells:
            key = {"arm": cell.arm, "repeat": cell.repeat, "fold": cell.fold, "seconds": cell.seconds}
            for reading in readings:
                scores = {metric.name: self.score(cell, metric, reading) for metric in metrics}
                rows.append({**key, "reading": reading, **scores})
        columns = ["arm", "reading", "repeat", "fold", "seconds", *(metric.name for metric in metrics)]
        return pd.DataFrame(rows, columns=columns)


def results(
    folder: Path, *, metrics: Sequence[Metric] | None = None, readings: Sequence[str] = READINGS
) -> pd.DataFrame:
    """Read the stores of a folder as one tidy frame.

    Parameters
    ----------
    folder : Path
        Of a comparison, or with one store a data set.
    metrics : sequence of Metric, optional
        All of `METRICS` by default.
    readings : sequence of str
        Of `READINGS`; see `Readings.score`.

    Returns
    -------
    DataFrame
        A row a result and reading: ``set``, ``family``, ``arm``, ``reading``, ``repeat``, ``fold``, ``seconds``, and
        a column a metric; NaN where a reading does not change a metric or is not known. Sets with the fewest rows
        come first.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    frames, scored = [], list(METRICS.values()) if metrics is None else metrics
    for problem, store in stores(folder):
        by_time = problem.get("by_time", False)
        frame = Readings(store.cells(), store.folds(), problem["rare"], by_time=by_time).frame(scored, readings)
        frame.insert(0, "set", problem["name"])
        frame.insert(1, "family", problem["family"] or problem["name"])
        frames.append(frame)
    if not frames:
        raise FileNotFoundError(f"{folder} holds no results: run a comparison or a study there first.")
    return pd.concat(frames, ignore_index=True)


def figures(folder: Path) -> pd.DataFrame:
    """Read what arms keep beside their results, see `Arm.figures`: a row a record, with the keys of `results`."""
    return pd.DataFrame(
        [
            {"set": problem["name"], "family": problem["family"] or problem["name"]} | record
            for problem, store in stores(folder)
            for record in records(store.cells())
        ]
    )


def records(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Join the figures of cells to their keys ``arm``, ``repeat`` and ``fold``."""
    return [
        {"arm": cell.arm, "repeat": cell.repeat, "fold": cell.fold} | figures for cell in cells for figures in cell.made
    ]


def stores(folder: Path) -> Iterator[tuple[dict[str, Any], Store]]:
    """Open the stores of a folder in turn, the set with the fewest rows first; yield each with what its set is."""
    found = []
    for path in sorted(folder.glob("*.sqlite")):
        with Store(path) as store:
            if (problem := store.get("problem")) is not None:
                found.append((problem, path))
    for problem, path in sorted(found, key=lambda pair: pair[0]["n_rows"]):
        with Store(path) as store:
            yield problem, store


def one_hot(codes: ArrayLike | None, n_classes: int) -> NDArray[np.float64]:
    """Decisions as probabilities of 0 and 1, of shape (n, n_classes)."""
    return np.eye(n_classes)[np.asarray(codes)]
