"""Recipes ranked by the chosen metric at their best reading, beside decisions that look at no feature."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.experiments.readings import one_hot
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.statistics import Interval
from equipoise.experiments.store import StoredFold
from equipoise.text import number

if TYPE_CHECKING:
    from equipoise.experiments.comparison import Comparison


class ByMetric:
    """How well the recipes of a comparison do by its metric, as `ByTerms` tells it of terms."""

    guess = "a decision that looks at no feature"

    def __init__(self, comparison: "Comparison") -> None:
        self._comparison, self._metric = comparison, METRICS[comparison.metric]
        self.title = self._metric.title

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return self._metric.greater_is_better

    @cached_property
    def table(self) -> pd.DataFrame:
        """The scores: a row a fold that all recipes have, a column a recipe."""
        return self._comparison.table(self._comparison.chosen)

    @property
    def best(self) -> str:
        """The recipe with the best mean."""
        return self._comparison.best

    @property
    def near_best(self) -> list[str]:
        """Recipes that do not differ significantly from the best, which is among them, best first."""
        return self._comparison.near_best

    def figure(self, value: float) -> str:
        """Write a score."""
        return number(value)

    def against_best(self, recipe: str) -> Interval:
        """Return by how much a score is above that of the best recipe, with the paired 95% interval."""
        return self._comparison.interval(self._comparison.chosen, recipe, against=self.best)

    @cached_property
    def of_guess(self) -> pd.Series:
        """The best score, by fold as `table`, of decisions that look at no feature."""
        folds = [self._comparison.folds[key] for key in self.table.index]
        found = [guessing(self._metric, fold, self._comparison.rare) for fold in folds]
        return pd.Series(found, self.table.index, dtype=np.float64)

    @property
    def gain(self) -> Interval:
        """By how much the best recipe is better than the guess, with the paired 95% interval."""
        return self.gain_of(self.best)

    def gain_of(self, recipe: str) -> Interval:
        """Return by how much a recipe is better than the guess, with the paired 95% interval."""
        gap = self.table[recipe] - self.of_guess
        return self._comparison.interval_of(gap if self.greater_is_better else -gap)

    @property
    def room(self) -> float:
        """By how much a perfect score would be better than the guess."""
        return float(abs(self._metric.bounds[int(self.greater_is_better)] - self.of_guess.mean()))

    def misses_floor(self, recipe: str) -> bool:
        """Whether a floor speaks against a recipe: a metric has none."""
        return False


def guessing(metric: Metric, fold: StoredFold, rare: int) -> float:
    """Return the best score on a fold that takes no feature: of one class for all rows, of priors, of a fair draw."""
    codes, counts = fold.test_codes, np.asarray(fold.train_mass, dtype=np.float64)
    priors, equal = counts / counts.sum(), np.full(len(counts), 1 / len(counts))
    blind: list[NDArray[np.float64]] = [one_hot(np.full(len(codes), k), len(counts)) for k in range(len(counts))]
    if not metric.at_threshold:
        blind = [np.tile(row, (len(codes), 1)) for row in (priors, equal)]
    scores = [metric.of(codes, proba, rare, fold.test_weights) for proba in blind]
    if metric.name in ("g_mean", "balanced_accuracy"):
        scores.append(1 / len(counts))  # each class drawn alike has this recall in every class
    return max(scores) if metric.greater_is_better else min(scores)
