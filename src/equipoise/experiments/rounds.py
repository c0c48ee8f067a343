"""The parts of a comparison on this machine, for `run_in_time`: cells that are missing, run and stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from equipoise import recipes as named
from equipoise.deadline import Deadline
from equipoise.experiments.arms import recipe_arms
from equipoise.experiments.costs import timed_after_all
from equipoise.experiments.engine import run_cells
from equipoise.experiments.plan import Cost, Costs
from equipoise.experiments.prepared import PreparedFolds
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.store import CellKey, Store
from equipoise.progress import OnProgress

_LONG = 0.5  # seconds of making rows, from which on it is done in other processes


class Cells:
    """The cells of a comparison's store."""

    def __init__(
        self,
        store: Store,
        folds: PreparedFolds,
        costs: Costs,
        on_progress: OnProgress,
    ) -> None:
        self._store, self._folds, self._costs, self._on_progress = store, folds, costs, on_progress
        self._handled: Counter[bool] = Counter()  # cells of recipes that are fitted alone, and of others
        self._before: Counter[str] = Counter()

    def _missing(self, recipes: Sequence[str], repeat: int) -> list[CellKey]:
        keys = [(recipe, repeat, fold.number) for recipe in recipes for fold in self._folds.of(repeat)]
        done = self._store.done()
        return [key for key in keys if key not in done]

    def pending(self, recipes: Sequence[str], repeat: int) -> dict[str, int]:
        """Return the recipes that miss results of a repeat, and of how many folds."""
        return dict(Counter(recipe for recipe, _, _ in self._missing(recipes, repeat)))

    def prepare(self, repeat: int) -> None:
        """Make the numbers of the folds of a repeat, in place of those of another one."""
        folds = self._folds.of(repeat)
        for number, fold in enumerate(folds):
            self._on_progress("preparing", number, len(folds))
            self._folds.numbers(fold)

    def run(
        self, protocol: Protocol, recipes: Sequence[str], repeat: int, seconds: float, *, cut: bool = False
    ) -> dict[str, float]:
        """Run recipes on the folds of a repeat; return those that were ended, and the share of their steps made."""
        deadline = Deadline(seconds)
        alone = {recipe for recipe in protocol.recipes if not protocol.images and self._runs_alone(recipe)}
        now = Counter(recipe in alone for recipe, _, _ in self._missing(recipes, repeat))
        self._handled += now
        later = (key for number in range(repeat, protocol.n_repeats) for key in self._missing(protocol.recipes, number))
        left = Counter(recipe in alone for recipe, _, _ in later)
        left.subtract(now)
        told: dict[str, int] = {}

        def tell(kind: str, done: int, total: int) -> None:
            """Report this part's work as a share of all, as far as it can be foreseen."""
            told[kind] = done
            of_all = 1 + left[kind == "alone"] / max(1, self._handled[kind == "alone"])
            whole = round((self._before[kind] + total) * of_all)
            self._on_progress(kind, min(whole, self._before[kind] + done), whole)

        wanted = [(arm, fold) for fold in self._folds.of(repeat) for arm in recipe_arms(recipes)]
        wanted = sorted(wanted, key=lambda pair: recipes.index(pair[0].name))
        options: dict[str, Any] = {"alone": alone, "seconds": deadline.left, "cut": cut}
        ended = run_cells(wanted, self._folds.numbers, protocol, self._store, tell, **options)
        self._before.update(told)
        return ended

    def time(self, protocol: Protocol, costs: Mapping[str, Cost], seconds: float) -> dict[str, Cost]:
        """Time recipes whose costs are guesses, for some seconds, and return what is known then."""
        found = timed_after_all(costs, self._folds, protocol, seconds, self._on_progress)
        self._costs = replace(self._costs, recipes={**self._costs.recipes, **found})
        return found

    def forget(self, recipes: Sequence[str]) -> None:
        """Drop the results of recipes."""
        self._store.remove(recipes)

    def _runs_alone(self, recipe: str) -> bool:
        return not named.is_neural(recipe) or self._costs.recipes[recipe].around > _LONG

    def measured(self, recipe: str, repeat: int) -> float | None:
        """Return the mean seconds of a recipe on the folds of a repeat; None without a result."""
        return self._store.mean_seconds(recipe, repeat)
