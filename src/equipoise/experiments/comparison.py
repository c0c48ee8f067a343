"""What a comparison found, derived from what is stored: scores by fold, the leaderboard, the winner."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.datasets import Dataset
from equipoise.decisions import Aim
from equipoise.experiments.best import AtBest
from equipoise.experiments.by_metric import ByMetric
from equipoise.experiments.by_terms import ByTerms
from equipoise.experiments.crown import no_winner, reservation
from equipoise.experiments.prepared import PreparedFolds
from equipoise.experiments.protocol import LEFT_OUT, Protocol
from equipoise.experiments.readings import CORRECTED, DECIDED, TUNED, TUNED_FOR, Readings, records
from equipoise.experiments.scores import METRICS
from equipoise.experiments.statistics import Interval, corrected_interval, within
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise.tables.finding import SEVERITIES, Finding
from equipoise.text import listed

_AS_QUICK = 2.0  # times the time of the quickest recipe that still counts as quick: times are noisy
_NEARLY_PERFECT = {"roc_auc": 0.998, "average_precision": 0.99}


class Comparison:
    """Read-only view of a finished or unfinished comparison.

    Parameters
    ----------
    store : Store
        Of `equipoise.experiments.compare`.

    Attributes
    ----------
    protocol : Protocol
    problem : dict
        What was found in the data: ``name``, ``n_rows``, ``classes`` (labels as text, in the order of
        codes), ``counts`` (rows a class), ``mass`` (their weights), ``training_mass`` (those that count in
        training), ``rare`` (code of the rarest class),
        ``columns`` (records of `TablePreprocessor.summary`), ``notes``, ``findings`` (records of the check before
        training, with ``text``), ``source``, ``roles`` (columns of group, time and weights), ``gap``, and whether
        rows are ``grouped``, ``by_time`` and ``weighted``.
    versions : dict of str to str
    metric : str
        The metric that chooses the winner.
    left_out : list of str
        Recipes that the time limit left no time for.
    tested : dict of str to float
        Figures of the winner's model on a test part of images, by title, once it is fitted.
    folds : dict of (repeat, fold) to StoredFold
    cells : list of Cell
    aim : Aim
        What the user's terms ask of decisions; of the minority class and nothing more where there are none.
    reasons : dict
        What the winner uses, as `equipoise.experiments.reasons.explain` finds it: ``importance`` and ``curves``,
        records of groups of columns, and ``notes``; empty before.
    prepared : PreparedFolds or None
        The folds as numbers, as long as `equipoise.experiments.compare` has just made them.
    dataset : Dataset or None
        What was compared on, as long as `equipoise.experiments.compare` has just done so: where time was short, a
        sample by class of the rows that it was given.
    not_saved : str
        Why the winner's model could not be saved beside the report; empty where it was.
    refitted : list of str
        What is to be said of the model that was fitted on all rows: a cut, or that it gives nearly all rows one answer.
    """

    def __init__(self, store: Store) -> None:
        self.protocol = Protocol.from_json(store.get("protocol"))
        self.problem: dict[str, Any] = store.get("problem")
        self.versions: dict[str, str] = store.get("versions")
        request = store.get("request")
        self.metric: str = request["metric"]
        self.seconds: float = store.get("seconds") or 0.0
        self.tested: dict[str, float] = {}
        n_repeats, recipes = self.protocol.n_repeats, self.protocol.recipes  # others were left out meanwhile
        cut = any(note.startswith(LEFT_OUT) for note in self.protocol.notes)
        self.left_out: list[str] = [name for name in request["recipes"] if cut and name not in recipes]
        self.folds: dict[tuple[int, int], StoredFold] = {
            (f.repeat, f.fold): f for f in store.folds() if f.repeat < n_repeats
        }
        self.cells: list[Cell] = [c for c in store.cells() if c.repeat < n_repeats and c.arm in recipes]
        labels = np.array(self.problem["classes"], dtype=object)
        aim = store.get("aim")
        self.aim = Aim(labels, self.rare) if aim is None else Aim.from_dict(aim, labels)
        self.reasons: dict[str, Any] = store.get("reasons") or {}
        self.prepared: PreparedFolds | None = None
        self.dataset: Dataset | None = None
        self.not_saved = ""
        self.refitted: list[str] = []
        self.in_terms: dict[str, Any] = {}  # of `InTerms.of`

    @property
    def classes(self) -> list[str]:
        """Labels as text, in the order of codes."""
        return self.problem["classes"]

    @property
    def rare(self) -> int:
        """Code of the rarest class."""
        return self.problem["rare"]

    @cached_property
    def suspicions(self) -> list[Finding]:
        """What the scores give reason to look for in the table."""
        best = {name: self.scores.groupby("recipe")[name].mean() for name in _NEARLY_PERFECT} if self.recipes else {}
        perfect = [r for r in self.recipes if all(best[name][r] >= least for name, least in _NEARLY_PERFECT.items())]
        if not perfect:
            return []
        said = listed(f"{METRICS[name].title} {best[name][perfect[0]]:.3f}" for name in _NEARLY_PERFECT)
        evidence = f"The held-out scores of {listed(perfect, most=3)} are nearly perfect ({perfect[0]}: {said})."
        remedy = (
            "Few tasks are so easy: look for what tells the class beside the picture, such as borders, or near copies."
            if self.protocol.images
            else "Few tasks are so easy: look for columns that are known only with or after the outcome."
        )
        return [Finding("caution", "nearly perfect", (), evidence, remedy)]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Records of what the check found before training and the scores gave reason to suspect, severest first."""
        found = [*(each.as_dict() | {"text": str(each)} for each in self.suspicions), *self.problem["findings"]]
        return sorted(found, key=lambda record: SEVERITIES.index(record["severity"]))

    @property
    def recipes(self) -> list[str]:
        """Recipes of the protocol with at least one result, in its order."""
        found = {cell.arm for cell in self.cells if cell.error is None}
        return [name for name in self.protocol.recipes if name in found]

    @property
    def failures(self) -> list[Cell]:
        """Cells that failed, with their reasons."""
        return [cell for cell in self.cells if cell.error is not None]

    @property
    def n_expected(self) -> int:
        """Cells of the whole protocol."""
        return len(self.protocol.recipes) * self.protocol.n_folds * self.protocol.n_repeats

    @property
    def complete(self) -> bool:
        """Whether every cell of the protocol has a result or a reason for having none."""
        return len(self.cells) >= self.n_expected

    @cached_property
    def readings(self) -> Readings:
        """The results in every reading."""
        return Readings(self.cells, self.folds.values(), self.rare, by_time=self.protocol.by_time)

    @cached_property
    def at_best(self) -> AtBest:
        """The best reading of each result, by the chosen metric."""
        return AtBest(self.readings, METRICS[self.metric])

    @property
    def chosen(self) -> str:
        """Column of `scores` that ranks the recipes: the chosen metric at its best reading."""
        return f"best_{self.metric}"

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row a result: ``recipe``, ``repeat``, ``fold``, ``seconds``, every metric, and other readings of it.

        A metric is read as decided; ``prior_<metric>`` and ``tuned_<metric>`` are its prior-corrected and
        threshold-tuned readings, see `Readings.score`. ``best_<metric>`` is the chosen metric at its best reading,
        which ``reading`` names, see `AtBest`. ``predicting`` is the time of 10,000 predictions in seconds.
        """
        kept = {CORRECTED: [m for m in METRICS.values() if m.priors], TUNED: [METRICS[name] for name in TUNED_FOR]}
        wide = self.readings.frame(list(METRICS.values()), [DECIDED]).drop(columns="reading")
        for reading, prefix in ((CORRECTED, "prior"), (TUNED, "tuned")):
            frame = self.readings.frame(kept[reading], [reading])
            for metric in kept[reading]:
                wide[f"{prefix}_{metric.name}"] = frame[metric.name]
        best = [self.at_best.of(cell) for cell in self.readings.cells]
        wide["reading"] = [reading for reading, _ in best]
        wide[self.chosen] = [score for _, score in best]
        wide["predicting"] = [np.nan if c.predicting is None else c.predicting for c in self.readings.cells]
        return wide.rename(columns={"arm": "recipe"})

    @cached_property
    def made(self) -> pd.DataFrame:
        """Diagnostics of synthetic rows, one row per class and resampling; empty if no sampler reports any.

        Columns: ``recipe``, ``repeat``, ``fold``, and those of `diagnostics_` of `SMOTifiedGAN`, ``class`` as a code.
        """
        return pd.DataFrame(records(self.cells)).rename(columns={"arm": "recipe"})

    def offsets(self, cell: Cell, metric: str) -> NDArray[np.float64]:
        """See `Readings.offsets`."""
        return self.readings.offsets(cell, metric)

    def out_of_fold(self, recipe: str, repeat: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return true codes (n,) and probabilities (n, K) of the test rows of one repeat, fold after fold."""
        codes, proba = self.readings.joined(self.readings.by_repeat[recipe, repeat])
        return codes, proba.astype(np.float64)

    def confusion(self, recipe: str) -> NDArray[np.float64]:
        """Mean over repeats of the confusion counts, or sums of weights, of test rows: rows are true classes."""
        cells = [cell for cell in self.readings.cells if cell.arm == recipe]
        repeats = len({c.repeat for c in cells})
        return np.sum([c.confusion for c in cells if c.confusion is not None], axis=0) / repeats

    def weights(self, recipe: str, repeat: int = 0) -> NDArray[np.float64] | None:
        """Return the weights of the rows of `out_of_fold`; None without any."""
        return self.readings.weights(self.readings.by_repeat[recipe, repeat])

    @property
    def test_share(self) -> float:
        """Share of test rows among training and test rows of a fold, for intervals; by time the mean ratio counts."""
        if not self.protocol.by_time:
            return 1 / self.protocol.n_folds
        scored = [fold for fold in self.folds.values() if fold.fold]
        ratio = np.mean([sum(fold.test_counts) / sum(fold.train_counts) for fold in scored])
        return float(ratio / (1 + ratio))

    def table(self, metric: str) -> pd.DataFrame:
        """Scores of one metric: a row a fold of a repeat, a column a recipe; only folds that all recipes have."""
        wide = self.scores.pivot(index=["repeat", "fold"], columns="recipe", values=metric)
        return wide[self.recipes].dropna()

    def interval(self, column: str, recipe: str, against: str | None = None) -> Interval:
        """Mean of a column of scores with its corrected resampled t interval, or of the paired difference to a recipe.

        Intervals stay within the bounds of the metric, see `within`.
        """
        table = self.table(column)
        values = table[recipe] if against is None else table[recipe] - table[against]
        low, high = METRICS[column.removeprefix("best_").removeprefix("tuned_").removeprefix("prior_")].bounds
        found = self.interval_of(values)
        if against is None:
            return within(found, low, high)
        return Interval(found.mean, max(found.low, low - high), min(found.high, high - low))

    def interval_of(self, values: pd.Series) -> Interval:
        """Mean over folds, with its corrected resampled t interval; NaN for fewer than two folds."""
        if len(values) < 2:
            mean = float(values.mean()) if len(values) else float("nan")
            return Interval(mean, float("nan"), float("nan"))
        return corrected_interval(values, test_share=self.test_share)

    @cached_property
    def leaderboard(self) -> pd.DataFrame:
        """One row a recipe, best first by the chosen metric at its best reading; equals in the order of the protocol.

        Columns: ``recipe``, ``description``, the mean of every column of `scores`; ``reading``, the best reading over
        all folds; ``low`` and ``high``, the 95% interval of the chosen metric at its best reading; ``rank``, its mean
        rank over folds; ``difference_low`` and ``difference_high``, the interval of the paired difference to the first
        recipe; ``seconds`` a fit, and ``predicting``, seconds of 10,000 predictions.
        """
        table = self.table(self.chosen)
        scores = self.scores.set_index(["repeat", "fold"])
        if len(table):  # a recipe that failed on some folds is compared on the others, and so are all
            scores = scores.loc[table.index]
        means = scores.groupby("recipe").mean(numeric_only=True)
        better = METRICS[self.metric].greater_is_better
        means = means.loc[self.recipes].sort_values(self.chosen, ascending=not better, kind="stable")
        first = str(means.index[0])
        ranks = table.rank(axis=1, ascending=not better).mean()
        rows = []
        for recipe in map(str, means.index):
            _, low, high = self.interval(self.chosen, recipe)
            _, d_low, d_high = self.interval(self.chosen, recipe, against=first)
            row: dict[str, Any] = {
                "recipe": recipe,
                "description": recipes.describe(recipe),
                "reading": self.at_best.overall(recipe),
            }
            row |= {str(name): mean for name, mean in means.loc[recipe].items()}
            row |= {"low": low, "high": high, "rank": ranks[recipe]}
            rows.append(row | {"difference_low": d_low, "difference_high": d_high})
        return pd.DataFrame(rows)

    @property
    def best(self) -> str:
        """The recipe with the best mean of the chosen metric, at its best reading."""
        return str(self.leaderboard["recipe"].iloc[0])

    @property
    def near_best(self) -> list[str]:
        """Recipes that do not differ significantly from the best, which is among them."""
        board = self.leaderboard
        contains = ~((board["difference_low"] > 0) | (board["difference_high"] < 0))
        return board["recipe"][contains].tolist()

    @cached_property
    def by_terms(self) -> ByTerms:
        """The recipes ranked by the user's terms; only where `aim` decides."""
        return ByTerms(self)

    @cached_property
    def ranked(self) -> ByTerms | ByMetric:
        """The recipes ranked by the user's terms, or by the metric where there are none."""
        return self.by_terms if self.aim.decides else ByMetric(self)

    @cached_property
    def reservations(self) -> dict[str, str]:
        """Recipes that do not differ significantly from the best, or miss a floor, with what speaks against each."""
        found = self.ranked
        near, missing = found.near_best, [name for name in self.recipes if found.misses_floor(name)]
        return {name: reservation(self, name) for name in (*near, *missing)}

    @property
    def eligible(self) -> list[str]:
        """Recipes to recommend one of, best first: those without a reservation."""
        return [name for name, against in self.reservations.items() if not against] or [self.ranked.best]

    @property
    def winner(self) -> str:
        """The recipe to use: the best of the quick ones among those that are `eligible`.

        Quick is what takes at most twice the time of the quickest of them, for a fit and 10,000 predictions.
        """
        took = self.took(self.eligible)
        return str(took.index[took <= _AS_QUICK * took.min()][0])

    def took(self, recipes: list[str]) -> "pd.Series[float]":
        """Return the seconds of a fit and 10,000 predictions of recipes."""
        board = self.leaderboard.set_index("recipe").loc[recipes]
        return board["seconds"] + board["predicting"].fillna(0)

    @property
    def importance(self) -> pd.DataFrame:
        """Permutation importance of the winner, the most important first; empty where it is not known.

        Columns: ``columns``, joined by commas where they go together; ``importance``, how much worse the chosen metric
        at its best, or what the user's terms rank by, is when their cells are swapped between rows; ``low`` and
        ``high``, its 95% interval.
        """
        rows = [
            {"columns": ", ".join(record["columns"]), "importance": record["mean"]}
            | {side: record[side] for side in ("low", "high")}
            for record in self.reasons.get("importance", [])
        ]
        return pd.DataFrame(rows, columns=["columns", "importance", "low", "high"])

    @cached_property
    def obstacle(self) -> str:
        """Reason why no winner is crowned, in a sentence; empty where there is none."""
        return no_winner(self)
