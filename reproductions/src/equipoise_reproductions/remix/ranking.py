"""Ranks and gains of methods over problems, with intervals from resampling data sets and repeats.

Problems cut from one source at several ratios are not independent, and ten repeats on the same rows are not ten
data sets: a draw of the bootstrap takes sources with replacement, within each kind (two classes or more), and
for each problem of a source repeats with replacement. The draws' quantiles would be too narrow for so few sources
(for three of them, they leave out the truth in one case of five), so an interval takes only its spread from them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from equipoise.experiments.statistics import Interval
from equipoise_reproductions.over_sets import FriedmanNemenyi, friedman_nemenyi

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Statistic = Callable[[Floats, Places], float]
"""Of mean scores (n, methods) and the places of those n problems in `Scoreboard.problems`."""

_DRAWS = 2000
GREATER_IS_BETTER = {"g_mean": True, "bbs": False, "brier": False}


@dataclass(frozen=True, eq=False)
class Scoreboard:
    """Scores of some methods by one metric, on all problems where every one of them has results.

    Attributes
    ----------
    problems : DataFrame
        A row a problem: ``problem``, ``source``, ``kind``, ``ratio``.
    methods : list of str
    by_repeat : list of ndarray of shape (repeats, methods)
        Scores of each problem, the mean of its two halves.
    greater_is_better : bool
    """

    problems: pd.DataFrame
    methods: list[str]
    by_repeat: list[Floats]
    greater_is_better: bool

    @classmethod
    def of(cls, scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> "Scoreboard":
        """Collect the scores of methods, from a frame of `equipoise_reproductions.remix.results.scores`."""
        kept = scores[scores["method"].isin(methods)]
        keys, tables = [], []
        for key, part in kept.groupby(["problem", "source", "kind", "ratio"], sort=False):
            folds = part.pivot(index=["repeat", "fold"], columns="method", values=metric).reindex(columns=list(methods))
            if not folds.isna().any().any():
                keys.append(key)
                tables.append(folds.groupby("repeat").mean().to_numpy())
        problems = pd.DataFrame(keys, columns=["problem", "source", "kind", "ratio"])
        return cls(problems, list(methods), tables, GREATER_IS_BETTER[metric])

    @cached_property
    def means(self) -> pd.DataFrame:
        """Mean scores, a row a problem and a column a method."""
        values = [table.mean(axis=0) for table in self.by_repeat]
        return pd.DataFrame(values, index=self.problems["problem"], columns=self.methods)

    def ranks(self, means: Floats | None = None) -> Floats:
        """Rank the methods on each problem; 1 is best, ties share the mean of their ranks."""
        values = self.means.to_numpy() if means is None else means
        return stats.rankdata(np.round(-values if self.greater_is_better else values, 9), axis=1)

    def of_kind(self, kind: str) -> Places:
        """Return the places of the problems of a kind."""
        return np.flatnonzero((self.problems["kind"] == kind).to_numpy())

    def interval(self, statistic: Statistic, among: Places | None = None) -> Interval:
        """Return a statistic, and its 95% interval by the bootstrap's spread and Student's t.

        With n sources, t has n - 1 degrees of freedom and the spread is multiplied by sqrt(n / (n - 1)), which for a
        mean over sources gives the usual t interval. One source gives no interval: its bounds are NaN.

        Parameters
        ----------
        statistic : callable
        among : ndarray of int, optional
            Places of the problems that the statistic is of, all by default. Of their kinds, the one with the fewest
            sources counts.
        """
        estimate = float(statistic(self.means.to_numpy(), np.arange(len(self.problems))))
        problems = self.problems if among is None else self.problems.iloc[among]
        n = problems.groupby("kind")["source"].nunique().min()
        if not n > 1:
            return Interval(estimate, np.nan, np.nan)
        drawn = [statistic(means, places) for places, means in self._draws]
        half = float(stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)) * np.nanstd(drawn))
        return Interval(estimate, estimate - half, estimate + half)

    @cached_property
    def _draws(self) -> list[tuple[Places, Floats]]:
        rng = np.random.default_rng(0)
        return [self._draw(rng) for _ in range(_DRAWS)]

    @cached_property
    def _sources(self) -> list[list[Places]]:
        """Places of the problems of each source, for each kind."""
        kinds = [part.groupby("source", sort=False).groups for _, part in self.problems.groupby("kind", sort=False)]
        return [[index.to_numpy(dtype=np.intp) for index in sources.values()] for sources in kinds]

    def _draw(self, rng: np.random.Generator) -> tuple[Places, Floats]:
        drawn = [sources[i] for sources in self._sources for i in rng.integers(len(sources), size=len(sources))]
        places = np.concatenate(drawn)
        tables = (self.by_repeat[place] for place in places)
        means = [table[rng.integers(len(table), size=len(table))].mean(axis=0) for table in tables]
        return places, np.array(means)

    def tests(self, kind: str) -> FriedmanNemenyi | None:
        """Friedman's test over the sources of a kind, each with its mean score; None for fewer than two."""
        here = self.problems["kind"] == kind
        by_family = self.means[here.to_numpy()].groupby(self.problems.loc[here, "source"].to_numpy()).mean()
        return friedman_nemenyi(by_family) if len(by_family) > 1 else None

    def mean_rank_lead(self, method: str, other: str, kind: str) -> Statistic:
        """How far a method's mean rank lies below another's, over the problems of a kind."""
        a, b = self.methods.index(method), self.methods.index(other)
        kinds = (self.problems["kind"] == kind).to_numpy()

        def lead(means: Floats, places: Places) -> float:
            ranks = self.ranks(means[kinds[places]])
            return float((ranks[:, b] - ranks[:, a]).mean()) if len(ranks) else np.nan

        return lead

    def gains(self, means: Floats, method: str, baseline: str) -> Floats:
        """How much better a method is than a baseline on each problem, positive where it is."""
        sign = 1.0 if self.greater_is_better else -1.0
        return sign * (means[:, self.methods.index(method)] - means[:, self.methods.index(baseline)])
