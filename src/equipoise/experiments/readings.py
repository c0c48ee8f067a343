"""Ways to read stored probabilities: as they are, corrected to other class priors, calibrated or with tuned thresholds.

What a reading learns, it learns from the answers on the other folds of the same repeat: no row has a part in the
thresholds or the calibration that its own answer is read by.

`results` reads the stores of a study as one tidy frame.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.decisions.calibration import Calibration, fit_calibration
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Cell, Store, StoredFold

DECIDED, CORRECTED, TUNED, CALIBRATED = "as decided", "prior-corrected", "threshold-tuned", "calibrated"
READINGS = (DECIDED, CORRECTED, TUNED)
TUNED_FOR = ("g_mean", "macro_f1")
"""Metrics that thresholds are tuned for in every comparison."""

Reader = Callable[[NDArray[Any]], NDArray[Any]]

_MOST_OF_A_CLASS = 20_000  # rows of a class that thresholds and calibrations are learned from


class Readings:
    """Scores of the cells of one data set in every reading.

    Cells that failed are left out. Where folds follow each other in time (``by_time``), thresholds are tuned on earlier
    folds, and the first is not scored.
    """

    def __init__(self, cells: Iterable[Cell], folds: Iterable[StoredFold], rare: int, *, by_time: bool = False) -> None:
        self.folds = {(fold.repeat, fold.fold): fold for fold in folds}
        self.rare, self._by_time = rare, by_time
        self._all: dict[tuple[str, int], list[Cell]] = {}
        self._cache: dict[Any, Any] = {}
        for cell in cells:
            if cell.probabilities is not None:
                self._all.setdefault((cell.arm, cell.repeat), []).append(cell)
        scored = {key: [cell for cell in found if cell.fold or not by_time] for key, found in self._all.items()}
        self.by_repeat = {key: found for key, found in scored.items() if found}

    @property
    def cells(self) -> list[Cell]:
        """All cells, repeat by repeat."""
        return [cell for cells in self.by_repeat.values() for cell in cells]

    def score(self, cell: Cell, metric: Metric, reading: str, without: int | None = None) -> float:
        """Score a cell; NaN where the reading does not change the metric, or is not known.

        ``as decided`` counts the stored decision, which need not be the most probable class. ``prior-corrected``
        corrects the probabilities from the class priors that they stand for to those that the metric asks for
        (`Metric.priors`). ``threshold-tuned`` decides by per-class thresholds that are tuned for the metric on the
        test rows of the repeat's *other* folds, or of earlier ones where folds follow each other in
        time; ``calibrated`` calibrates the probabilities on them.

        Nothing is learned from the fold ``without`` either.
        """
        fold, proba = self.folds[cell.repeat, cell.fold], np.asarray(cell.probabilities)
        if reading == DECIDED:
            read = one_hot(cell.decided, proba.shape[1]) if metric.at_threshold else proba
        else:
            reader = self.reader(cell, metric, reading, without)
            if reader is None:
                return np.nan
            read = reader(proba)
        return metric.of(fold.test_codes, read, self.rare, fold.test_weights)

    def reader(self, cell: Cell, metric: Metric, reading: str, without: int | None = None) -> Reader | None:
        """Return what reads probabilities (n, K) of the model of a cell; None as decided, and where it is not known."""
        if reading == CORRECTED:
            if metric.priors is None or cell.priors is None:
                return None
            counts = np.asarray(self.folds[cell.repeat, cell.fold].train_mass)
            wanted = counts / counts.sum() if metric.priors == "observed" else np.full(len(counts), 1 / len(counts))
            return partial(correct_prior, from_priors=np.asarray(cell.priors), to_priors=wanted)
        if reading == CALIBRATED:
            return self.calibration(cell, metric, without).apply
        if reading == DECIDED or metric.tuned_metric is None:
            return None
        return partial(_decided_by, self.offsets(cell, metric.tuned_metric, without))

    def offsets(self, cell: Cell, metric: str, without: int | None = None) -> NDArray[np.float64]:
        """Per-class offsets of log probability, tuned for a metric on the other (or earlier) folds of the repeat."""
        return self._learned(cell, without, f"offsets {metric}", lambda *rows: offsets_for(metric, *rows))

    def calibration(self, cell: Cell, metric: Metric, without: int | None = None) -> Calibration:
        """Exponent and intercepts fitted on the other (or earlier) folds, under the priors of a metric."""
        return self._learned(
            cell, without, f"calibration {metric.priors}", lambda *rows: calibration_for(metric, *rows)
        )

    def others(self, cell: Cell) -> list[Cell]:
        """Return the cells of the same arm and repeat that a reading of a cell may learn from."""
        found = [c for c in self._all[cell.arm, cell.repeat] if c.fold != cell.fold]
        return [c for c in found if c.fold < cell.fold] if self._by_time else found

    def _learned(self, cell: Cell, without: int | None, kind: str, learn: Callable[..., Any]) -> Any:
        """Return what the other folds tell, once for each set of folds."""
        others = [c for c in self.others(cell) if c.fold != without]
        if not others and without is not None and not self._by_time:  # of two folds it is all that is left
            others = [cell]
        key = cell.arm, cell.repeat, kind, tuple(c.fold for c in others)
        if key not in self._cache:
            assert cell.probabilities is not None
            codes, proba = self.joined(others) if others else (np.zeros(0, int), cell.probabilities[:0])
            self._cache[key] = learn(codes, proba, self.weights(others))
        return self._cache[key]

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

    A row a result and reading: ``set``, ``family``, ``arm``, ``reading``, ``repeat``, ``fold``, ``seconds``, and a
    column a metric; NaN where a reading does not change a metric or is not known. Sets with the fewest rows come first.
    Raises FileNotFoundError if there are none.
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
    rows = []
    for problem, store in stores(folder):
        of_set = {"set": problem["name"], "family": problem["family"] or problem["name"]}
        rows += [of_set | record for record in records(store.cells())]
    return pd.DataFrame(rows)


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


Weights = NDArray[np.float64] | None


def offsets_for(
    metric: str, codes: NDArray[np.int64], proba: NDArray[Any], given: Weights = None
) -> NDArray[np.float64]:
    """Return the offsets that are best for a metric on rows, by their weights if given; zeros without rows."""
    if not len(codes):
        return np.zeros(proba.shape[1])
    rows, weights = at_most(codes, given)
    labels = np.arange(proba.shape[1])
    return tune_offsets(codes[rows], proba[rows], metric=metric, labels=labels, sample_weight=weights)


def calibration_for(
    metric: Metric, codes: NDArray[np.int64], proba: NDArray[Any], given: Weights = None
) -> Calibration:
    """Return the calibration of probabilities on rows, under the class priors that a metric asks for."""
    if metric.priors == "equal":
        given = balancing_weights(codes, given)
    rows, weights = at_most(codes, given)
    return fit_calibration(codes[rows], proba[rows], sample_weight=weights)


def balancing_weights(codes: NDArray[np.int64], given: Weights = None) -> NDArray[np.float64]:
    """Return weights of rows under which all classes that occur count alike, with the sum of those given or of ones."""
    own = np.ones(len(codes)) if given is None else given
    mass = np.bincount(codes, own)
    return own * own.sum() / (np.count_nonzero(mass) * np.where(mass > 0, mass, 1))[codes]


def at_most(
    codes: NDArray[np.int64], given: Weights, most: int = _MOST_OF_A_CLASS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return all rows, or of a large class an even part, and weights that make up for those left out."""
    rows = [
        own[np.linspace(0, len(own) - 1, min(len(own), most)).astype(int)]
        for own in (np.flatnonzero(codes == k) for k in np.unique(codes))
    ]
    weights = [np.full(len(part), np.sum(codes == codes[part[0]]) / len(part)) for part in rows]
    if not rows:
        return np.zeros(0, int), np.zeros(0)
    chosen, mass = np.concatenate(rows), np.concatenate(weights)
    return chosen, mass if given is None else mass * given[chosen]


def _decided_by(offsets: NDArray[np.float64], proba: NDArray[Any]) -> NDArray[np.float64]:
    return one_hot(decide(proba, offsets), proba.shape[1])


def one_hot(codes: ArrayLike | None, n_classes: int) -> NDArray[np.float64]:
    """Decisions as probabilities of 0 and 1, of shape (n, n_classes)."""
    return np.eye(n_classes)[np.asarray(codes)]
