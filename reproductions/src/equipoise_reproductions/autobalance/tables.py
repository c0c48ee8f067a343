"""Scores over sources, on long tails and by group, what they cost, and where the split led; ready to print."""

from collections.abc import Sequence

import pandas as pd

from equipoise.experiments.statistics import Interval, corrected_interval, t_interval
from equipoise.text import number
from equipoise_reproductions.autobalance.arms import DEFAULT, SEARCHES, SOLVERS, STARTS, TABLES, TITLES, autobalance
from equipoise_reproductions.autobalance.scores import BALANCED_ERROR, GROUP_SCORES, SCORED
from equipoise_reproductions.autobalance.splits import RETRAINED, SIDES
from equipoise_reproductions.claims import in_words
from equipoise_reproductions.over_sets import wilcoxon_holm
from equipoise_reproductions.tables import Tables, by_family

METHODS = [arm.name for arm in TABLES]
LA = "la-tuned"
OVER_SOURCES = Tables(SCORED, TITLES)


def against_la(scores: pd.DataFrame) -> pd.DataFrame:
    """LA with a tuned tau against every search."""
    return OVER_SOURCES.tests(scores, [LA, *(arm.name for arm in SEARCHES)], LA)


def is_la_beaten(scores: pd.DataFrame) -> str:
    """Say whether the default search beats LA with a tuned tau on balanced error over sources."""
    table = by_family(scores, BALANCED_ERROR.name, [LA, DEFAULT])
    tested = wilcoxon_holm(table, LA)
    gain, pvalue = -float(tested["median_difference"][DEFAULT]), float(tested["pvalue"][DEFAULT])
    better, beaten = int((table[DEFAULT] < table[LA]).sum()), gain > 0 and pvalue < 0.05
    return (
        f"LA with a tuned tau is {'beaten' if beaten else 'not beaten'} by {TITLES[DEFAULT]}: less balanced error on "
        f"{better} of {len(table)} sources, median gain {number(gain)} (p = {number(pvalue)}, Wilcoxon)."
    )


def solvers(scores: pd.DataFrame) -> pd.DataFrame:
    """CG against identity, from each start."""
    parts = [
        OVER_SOURCES.tests(scores, [autobalance(start, s) for s in SOLVERS], autobalance(start, "cg")).set_axis(
            ["CG beside", "better on", "median gain", "p"], axis=1
        )
        for start in STARTS
    ]
    return pd.concat(parts)


def in_plain_trainings(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Time of each method, in trainings of the untreated network: a row a set, a column a method.

    Medians of folds: the first fit of a process takes longer.
    """
    seconds = by_fold.pivot_table(index="set", columns="method", values="seconds", aggfunc="median")
    return seconds.div(seconds["none"], axis=0).reindex(columns=METHODS)


def costs(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Medians over sets of `in_plain_trainings`."""
    middle = in_plain_trainings(by_fold).median()
    return pd.DataFrame({"time, in plain trainings": middle.map(lambda v: number(v, 2))}).rename(TITLES)


def gap(by_fold: pd.DataFrame, metric: str, first: str, second: str) -> Interval:
    """First method less second, over the folds of one set (Nadeau and Bengio 2003)."""
    wide = by_fold.pivot_table(index="fold", columns="method", values=metric)
    return corrected_interval(wide[first] - wide[second], test_share=1 / len(wide))


def tails(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Mean score of each method on each long-tailed set, and LA with a tuned tau less it on balanced error."""
    columns = {}
    for name, part in by_fold.groupby("set", sort=False):
        means = part.groupby("method")[[metric.name for metric in SCORED]].mean()
        for metric in SCORED:
            columns[f"{name}, {metric.title}"] = means[metric.name].map(number)
        gains = {method: gap(part, BALANCED_ERROR.name, LA, method) for method in METHODS}
        columns[f"{name}, gain over {TITLES[LA]}"] = pd.Series({m: in_words(g) for m, g in gains.items()})
    return pd.DataFrame(columns).reindex(METHODS).rename(TITLES)


def seed_gap(by_seed: pd.DataFrame, rival: str, ours: str) -> Interval:
    """Balanced error of a rival less ours, over seeds that share the test images (Student's t)."""
    wide = by_seed.pivot_table(index="fold", columns="method", values=BALANCED_ERROR.name)
    return t_interval(wide[rival] - wide[ours])


def images(by_seed: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation of each method's scores over seeds, what it gains over LA with a tuned tau, and its time."""
    over_seeds = by_seed.groupby("method")
    columns = {
        metric.title: over_seeds[metric.name].agg(lambda v: f"{number(v.mean())} ± {number(v.std())}")
        for metric in SCORED
    }
    gains = {method: in_words(seed_gap(by_seed, LA, method)) for method in METHODS if method != LA}
    columns[f"{BALANCED_ERROR.title}, gain over {TITLES[LA]}"] = pd.Series({**gains, LA: ""})
    return pd.DataFrame(columns).reindex(METHODS).rename(TITLES).join(costs(by_seed))


def is_la_beaten_on_images(by_seed: pd.DataFrame) -> str:
    """Say whether the default search beats LA with a tuned tau on balanced error over seeds."""
    gain = seed_gap(by_seed, LA, DEFAULT)
    return (
        f"LA with a tuned tau is {'beaten' if gain.low > 0 else 'not beaten'} by {TITLES[DEFAULT]}: its balanced error "
        f"less that of the search is {in_words(gain)}."
    )


def strengths(chosen: pd.DataFrame) -> pd.DataFrame:
    """Tuned tau and gamma, a row a method and a column a seed."""
    text = chosen.assign(text=[f"{tau:g}, {gamma:g}" for tau, gamma in zip(chosen["tau"], chosen["gamma"])])
    wide = text.pivot_table(index="method", columns="seed", values="text", aggfunc="first")
    return wide.rename(index=TITLES, columns=lambda seed: f"seed {seed}")


def groups(scores: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Mean over folds of what is scored by group, a row a method."""
    means = scores.groupby("method")[list(GROUP_SCORES)].mean().reindex(list(methods))
    return means.map(number).rename(TITLES).rename(columns=GROUP_SCORES)


def splits(looks: pd.DataFrame, name: str) -> pd.DataFrame:
    """Fairness at the end of the searches of one set, means over seeds, a row a share and what was searched."""
    last = looks[(looks["set"] == name) & (looks["step"] == looks["step"].max())]
    wide = last.pivot_table(index=["share", "searched"], columns="side", values="value", sort=False)
    return wide.reindex(columns=[*SIDES, RETRAINED]).map(number).reset_index().set_index("share")
