"""Ranks, tests, every set, times, and where auto loses."""

from collections.abc import Sequence

import pandas as pd
from scipy.stats import spearmanr

from equipoise.experiments.scores import Metric
from equipoise.recipes import AUTO
from equipoise.text import count, number, signed
from equipoise_reproductions.auto_suite.arms import (
    AT_EQUAL_SHARES,
    BOOSTERS,
    DECIDED,
    FITTED,
    MEANS,
    PRIOR,
    TITLES,
)
from equipoise_reproductions.auto_suite.scores import EQUAL, FITS, TUNED, over_folds
from equipoise_reproductions.auto_suite.targets import best_booster, methods, of_auto
from equipoise_reproductions.over_sets import p_equals
from equipoise_reproductions.tables import Tables

_MOSTLY = 3  # of the six metrics


def ranks(scores: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Mean ranks and scores of what was run on every set, see `Tables.ranks`."""
    return Tables(metrics, TITLES).ranks(scores, methods(scores, metrics[0]))


def own_decision(scores: pd.DataFrame) -> pd.DataFrame:
    """Rank auto by its own decision for macro F1 among the others, whose decisions are tuned."""
    others = [name for name in methods(scores, TUNED) if name != AUTO]
    return Tables([TUNED], TITLES).ranks(scores, [DECIDED, *others])


def tests(scores: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Differences of auto to every boosting, see `Tables.tests`."""
    own = of_auto(metric)
    rivals = [name for name in methods(scores, metric) if name in BOOSTERS]
    return Tables([metric], TITLES).tests(scores, [own, *rivals], own)


def means(scores: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Differences of auto to its means with boosting, see `Tables.tests`."""
    own, way = of_auto(metric), PRIOR if metric in EQUAL else ""
    found = set(scores.dropna(subset=[metric.name])["method"])
    rivals = [mean + way for mean in MEANS if mean + way in found]
    return Tables([metric], TITLES).tests(scores, [own, *rivals], own)


def on_few_sets(by_fold: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rank what was not run on every set, among all, on the folds that all were run on; empty if there is nothing."""
    scores, found = over_folds(by_fold), {}
    for name, metrics, candidates in (("all classes alike", EQUAL, AT_EQUAL_SHARES), ("fits", FITS, FITTED)):
        known = set(scores.dropna(subset=[metrics[0].name])["method"])
        run = [method for method in candidates if method in known]
        if run != methods(scores, metrics[0]):
            found[name] = Tables(metrics, TITLES).ranks(over_folds(by_fold, run), run)
    return found


def every_set(scores: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Score of each method on each set, wherever it was run."""
    named = AT_EQUAL_SHARES if metric in EQUAL else (AUTO, *([DECIDED] if metric is TUNED else []), *FITTED[1:])
    return Tables([metric], TITLES).every_set(scores, metric.name, named)


def times(scores: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Seconds a fit of auto on each set, and in fits of each boosting at its defaults."""
    wide = scores.pivot(index="set", columns="method", values="seconds").reindex(sets.index)
    rivals = [name for name in BOOSTERS if name in wide and "-" not in name]
    table = sizes(sets)
    table["auto, seconds"] = wide[AUTO].map(lambda value: number(value, 1))
    for name in rivals:
        table[f"in fits of {TITLES[name]}"] = (wide[AUTO] / wide[name]).map(lambda value: number(value, 1))
    return table


def median_ratio(scores: pd.DataFrame, rival: str) -> float:
    """Median over sets of auto's time in fits of a rival; NaN if that was not run."""
    wide = scores.pivot(index="set", columns="method", values="seconds")
    return float((wide[AUTO] / wide[rival]).median()) if rival in wide else float("nan")


def sizes(sets: pd.DataFrame) -> pd.DataFrame:
    """Rows, columns and rare rows of each set, ready to print."""
    return sets.map(count).rename(columns={"rare": "rare rows"})


def gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Gain of auto on each set over the boosting of the best mean rank, to three decimals; below 0 auto is behind."""
    columns = {}
    for metric in (*EQUAL, *FITS):
        wide = scores.pivot(index="set", columns="method", values=metric.name)
        columns[metric.name] = metric.sign * (wide[of_auto(metric)] - wide[best_booster(scores, metric)])
    return pd.DataFrame(columns).round(3)


def losing_sets(scores: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Sets where auto is behind the best boosting by some metric, and by how much."""
    behind = gains(scores).reindex(sets.index)
    behind = behind[(behind < 0).any(axis=1)]
    table = sizes(sets.loc[behind.index])
    for metric in (*EQUAL, *FITS):
        title = f"{metric.title} (to {TITLES[best_booster(scores, metric)]})"
        table[title] = [signed(value) if value < 0 else "" for value in behind[metric.name]]
    return table


def in_common(scores: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Compare the sets on which auto is mostly behind with the others, by what they are like."""
    n_behind = (gains(scores) < 0).sum(axis=1).reindex(sets.index)
    like = sets.assign(share=sets["rare"] / sets["rows"], rows_a_column=sets["rows"] / sets["columns"])
    titles = {
        "rows": "rows",
        "columns": "columns",
        "rare": "rare rows",
        "share": "share of rare rows",
        "rows_a_column": "rows a column",
    }
    mostly = n_behind >= _MOSTLY
    rows = {}
    for name, title in titles.items():
        digits = 3 if name == "share" else 0
        rows[title] = {
            f"median of {mostly.sum()} sets behind on {_MOSTLY} or more": number(like[name][mostly].median(), digits),
            f"of {(~mostly).sum()} others": number(like[name][~mostly].median(), digits),
            "rank correlation with the number of metrics behind on": _correlation(like[name], n_behind),
        }
    return pd.DataFrame(rows).T.rename_axis("of a set")


def _correlation(first: pd.Series, second: pd.Series) -> str:
    if first.nunique() == 1 or second.nunique() == 1:
        return number(float("nan"))  # ranks that are all ties
    told = spearmanr(first, second)
    return f"{number(told.statistic, 2)} (p {p_equals(told.pvalue)})"
