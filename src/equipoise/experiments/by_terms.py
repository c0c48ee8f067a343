"""Recipes ranked by a user's terms on held-out rows, each fold decided as the other folds tell."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from equipoise.decisions import Aim
from equipoise.experiments.outcome import PER
from equipoise.experiments.statistics import Interval
from equipoise.experiments.terms import InTerms
from equipoise.rules import most_alarms
from equipoise.text import amount, number

if TYPE_CHECKING:
    from equipoise.experiments.comparison import Comparison

TITLES = {"cost": f"cost of {PER:,} rows", "false": f"false alarms of {PER:,} rows", "recall": "share caught"}

AS_NEAR = 0.01  # of recall and precision in sum: where every recipe misses a floor, what counts as near to it alike


def goal_of(aim: Aim) -> str:
    """Return the outcome that an aim ranks by: "cost", "false" (alarms), or "recall", which is better if higher."""
    if aim.costs is not None:
        return "cost"
    return "false" if aim.min_recall is not None else "recall"


class ByTerms:
    """How well the recipes of a comparison do by its terms.

    The comparison has terms; `goal` is the outcome that recipes are ranked by, see `goal_of`.
    """

    def __init__(self, comparison: "Comparison") -> None:
        self._comparison, self.goal = comparison, goal_of(comparison.aim)
        self.title = TITLES[self.goal]

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the outcome is better."""
        return self.goal == "recall"

    @cached_property
    def _unordered(self) -> dict[str, InTerms]:
        return {name: InTerms.of(self._comparison, name) for name in self._comparison.leaderboard["recipe"]}

    @cached_property
    def read(self) -> dict[str, InTerms]:
        """The recipes in the user's terms, best first; those that miss a floor come last, the nearest first."""
        means = self._table(self._unordered).mean().round(9) * (-1 if self.greater_is_better else 1)
        order = sorted(means.index, key=lambda name: (self.misses_floor(name) and self._shortfall[name], means[name]))
        return {name: self._unordered[name] for name in order}

    def _table(self, found: dict[str, InTerms]) -> pd.DataFrame:
        return pd.DataFrame({name: read.by_fold[self.goal] for name, read in found.items()}).dropna()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The outcome: a row a fold that all recipes have, a column a recipe, best first."""
        return self._table(self.read)

    @property
    def best(self) -> str:
        """The recipe with the best mean."""
        return next(iter(self.read))

    def figure(self, value: float) -> str:
        """Write an outcome."""
        return number(value) if self.goal == "recall" else amount(value)

    def value(self, recipe: str) -> Interval:
        """Return the outcome of a recipe, with its interval over folds."""
        return self.read[recipe].chosen()[self.goal]

    def against_best(self, recipe: str) -> Interval:
        """Return by how much more of the outcome a recipe has than the best, with the paired 95% interval."""
        return self._comparison.interval_of(self.table[recipe] - self.table[self.best])

    @cached_property
    def near_best(self) -> list[str]:
        """Recipes that do not differ significantly from the best, which is among them, best first.

        One that misses a floor is not among them.
        """
        gaps = {name: self.against_best(name) for name in self.read if not self.misses_floor(name)}
        return [name for name, gap in gaps.items() if not (gap.low > 0 or gap.high < 0)]

    def floors(self, recipe: str) -> list[tuple[str, float, Interval]]:
        """Return each floor of the user: its outcome, the floor, and what a recipe reaches on held-out rows."""
        aim, found = self._comparison.aim, self._unordered[recipe].chosen()
        asked = {"recall": aim.min_recall, "precision": aim.min_precision}
        reached = {name: Interval(*(round(part, 9) for part in found[name])) for name in asked}  # 0.8 may be a bit less
        return [(name, floor, reached[name]) for name, floor in asked.items() if floor is not None]

    @cached_property
    def _shortfall(self) -> dict[str, float]:
        """By how much the means of each recipe are below the floors, in sum; without an alarm, precision is 0."""
        return {
            recipe: sum(max(0.0, floor - np.nan_to_num(reached.mean)) for _, floor, reached in self.floors(recipe))
            for recipe in self._unordered
        }

    def misses_floor(self, recipe: str) -> bool:
        """Whether the means of a recipe are below a floor of the user.

        Where those of all are, one misses it that is further from it than the nearest, by more than a hundredth.
        """
        least = min(self._shortfall.values())
        return self._shortfall[recipe] > (least and least + AS_NEAR)

    @property
    def nearest_miss(self) -> str:
        """The recipe nearest to the floors, where all miss one; empty where any keeps them."""
        nearest = min(self._shortfall, key=self._shortfall.__getitem__)
        return nearest if self._shortfall[nearest] else ""

    @cached_property
    def blind(self) -> dict[str, pd.Series]:
        """The outcome, by fold as `table`, of decisions that look at no feature, by what they are called.

        Random alarms are as many as those of the best recipe.
        """
        return self._blind(self.best)

    def _blind(self, recipe: str) -> dict[str, pd.Series]:
        read, rows = self.read[recipe], self.table.index
        if self.goal == "cost":
            return {name: frame["cost"].loc[rows] for name, frame in read.blind_by_fold().items()}
        found = read.by_fold.loc[rows]
        if self.goal == "recall":
            return {"as many random alarms": found["alarms"] / PER}
        return {"random alarms that find as many": found["recall"] * (PER - found["caught"] - found["missed"])}

    @cached_property
    def guess(self) -> str:
        """The best of `blind`."""
        return self._guess(self.blind)

    @property
    def of_guess(self) -> pd.Series:
        """The outcome of the best of `blind`, by fold as `table`."""
        return self.blind[self.guess]

    def _guess(self, blind: dict[str, pd.Series]) -> str:
        return (max if self.greater_is_better else min)(blind, key=lambda name: blind[name].mean())

    @property
    def gain(self) -> Interval:
        """By how much the best recipe is better than the guess, with the paired 95% interval."""
        return self.gain_of(self.best)

    def gain_of(self, recipe: str) -> Interval:
        """Return by how much a recipe is better than the best of its own guesses, with the paired 95% interval."""
        blind = self._blind(recipe)
        gap = self.table[recipe] - blind[self._guess(blind)]
        return self._comparison.interval_of(gap if self.greater_is_better else -gap)

    @property
    def no_alarm(self) -> bool:
        """Whether the capacity is less than one row of every test fold."""
        capacity, folds = self._comparison.aim.capacity, self.read[self.best].folds
        return capacity is not None and not any(most_alarms(capacity, len(fold.codes)) for fold in folds)

    @property
    def room(self) -> float:
        """By how much a perfect decision would be better than the guess; 0 where the capacity is all or none."""
        if self.no_alarm:
            return 0.0
        found, guess = self.read[self.best].by_fold.loc[self.table.index], self.of_guess
        if self.goal == "cost":
            return float((guess - found["lowest cost"]).mean())
        if self.goal == "false":
            return float(guess.mean())
        positives = found["caught"] + found["missed"]
        reached = np.minimum(1, found["alarms"] / positives) if self._comparison.aim.capacity is not None else 1.0
        return round(float((reached - guess).mean()), 9)
