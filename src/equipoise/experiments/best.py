"""Every method at its best honest reading.

Which reading is best is chosen for each fold by the scores on the other folds of its repeat (on the earlier ones where
folds follow each other in time), each read by what the remaining folds tell: the rows of a fold have no part in the
choice, the thresholds or the calibration by which they are read. (Models of other folds have trained on these rows, as
in any cross-fitting; for all methods alike.) The first of equally good readings is taken, in the order of `candidates`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from equipoise.experiments.readings import CALIBRATED, CORRECTED, DECIDED, TUNED, Readings
from equipoise.experiments.scores import Metric
from equipoise.experiments.store import Cell


def candidates(metric: Metric, n_classes: int) -> tuple[str, ...]:
    """Return the readings that can change a metric, the simplest first."""
    if metric.at_threshold:
        return (DECIDED, CORRECTED, TUNED) if metric.tuned_metric else (DECIDED, CORRECTED)
    if metric.priors:
        return DECIDED, CORRECTED, CALIBRATED
    return (DECIDED, CALIBRATED) if n_classes > 2 else (DECIDED,)


class AtBest:
    """The best reading of each result of a comparison."""

    def __init__(self, readings: Readings, metric: Metric) -> None:
        self.readings, self.metric = readings, metric
        self._known: dict[tuple[Cell, str, int | None], float] = {}

    def of(self, cell: Cell) -> tuple[str, float]:
        """Return the reading of a cell that the other folds choose, and the score by it."""
        others = self.readings.others(cell)
        if not others:
            return DECIDED, self._score(cell, DECIDED)
        reading = self._first([[self._score(c, name, cell.fold) for c in others] for name in self._names(cell)], cell)
        return reading, self._score(cell, reading)

    def overall(self, arm: str) -> str:
        """Return the reading of an arm that is best over all folds: the one that its model is shipped with."""
        cells = [cell for cell in self.readings.cells if cell.arm == arm]
        return self._first([[self._score(c, name) for c in cells] for name in self._names(cells[0])], cells[0])

    def thresholds(self, arm: str) -> NDArray[np.float64] | None:
        """Return the threshold on the probability of the rare class that each fold is read by; of two classes only.

        They are those of the reading that is best over all folds, where it has thresholds: tuned, or corrected. The
        probability is that for the class priors of the training rows, where those that the recipe learns are known.
        """
        reading = self.overall(arm)
        cells = [cell for cell in self.readings.cells if cell.arm == arm]
        if len(self.readings.folds[cells[0].repeat, cells[0].fold].train_counts) != 2 or not self.metric.at_threshold:
            return None
        if reading == TUNED:
            learned = [self._observed(cell) if cell.priors is None else np.asarray(cell.priors) for cell in cells]
            offsets = [
                self.readings.offsets(cell, str(self.metric.tuned_metric)) + np.log(own / self._observed(cell))
                for cell, own in zip(cells, learned, strict=True)
            ]
        elif reading == CORRECTED:
            observed = [self._observed(cell) for cell in cells]
            wanted = observed if self.metric.priors == "observed" else [np.full(2, 0.5)] * len(cells)
            offsets = [np.log(asked / own) for asked, own in zip(wanted, observed, strict=True)]
        else:
            return None
        rare = self.readings.rare
        return np.array([expit(b[1 - rare] - b[rare]) for b in offsets])

    def _observed(self, cell: Cell) -> NDArray[np.float64]:
        mass = np.asarray(self.readings.folds[cell.repeat, cell.fold].train_mass, dtype=np.float64)
        return mass / mass.sum()

    def _names(self, cell: Cell) -> tuple[str, ...]:
        return candidates(self.metric, np.asarray(cell.probabilities).shape[1])

    def _score(self, cell: Cell, reading: str, without: int | None = None) -> float:
        key = cell, reading, None if reading in (DECIDED, CORRECTED) else without
        if key not in self._known:
            self._known[key] = self.readings.score(cell, self.metric, reading, key[2])
        return self._known[key]

    def _first(self, scores: list[list[float]], cell: Cell) -> str:
        """Return the first reading with the best mean; one that is not known of every fold does not count."""
        means = np.array([np.mean(values) for values in scores])
        means = np.where(np.isnan(means), -np.inf, means if self.metric.greater_is_better else -means)
        return self._names(cell)[int(np.argmax(np.round(means, 12)))]
