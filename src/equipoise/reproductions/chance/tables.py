"""Ranks over sources, tests, and what the search accepted."""

from collections.abc import Sequence

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.experiments.statistics import mean_ranks, wilcoxon_holm
from equipoise.reports.text import number
from equipoise.reproductions.chance.arms import RECIPES, TITLES
from equipoise.reproductions.chance.runs import SCORED

GOALS = (("g_mean", "under"), ("g_mean", "cost"), ("macro_f1", "under"), ("balanced_brier", "under"))
"""Where the recipe ``mubo`` is to rank before a rival."""


def by_source(scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Score of each method on each source, the mean over its sets; sources that all methods were run on."""
    wide = scores.pivot_table(index=["family", "set"], columns="method", values=metric).reindex(columns=list(methods))
    return wide.dropna().groupby("family").mean()


def ranks(scores: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Mean rank and mean score of each method over sources, a pair of columns a metric; ready to print."""
    columns: dict[str, list[str]] = {}
    for metric in SCORED:
        table, title = by_source(scores, metric, methods), METRICS[metric].title
        means = mean_ranks(table, greater_is_better=METRICS[metric].greater_is_better)
        columns[f"{title}, mean rank"] = [number(means[name], 2) for name in methods]
        columns[f"{title}, mean"] = [number(table[name].mean()) for name in methods]
    return pd.DataFrame(columns, index=pd.Index([TITLES[name] for name in methods], name="method"))


def tests(scores: pd.DataFrame, methods: Sequence[str], reference: str = "mubo") -> pd.DataFrame:
    """Differences of ``mubo`` to each rival: sources won, their median, and Wilcoxon's p corrected by Holm."""
    rows = []
    for metric in SCORED:
        table, sign = by_source(scores, metric, methods), 1 if METRICS[metric].greater_is_better else -1
        tested = wilcoxon_holm(table * sign, reference)
        for rival, line in tested.iterrows():
            gains = sign * (table[reference] - table[str(rival)])
            rows.append({
                "metric": METRICS[metric].title, f"{TITLES[reference]} against": TITLES[str(rival)],
                "better on": f"{int((gains > 0).sum())} of {len(gains)}",
                "median gain": number(-line["median_difference"]), "p (Holm)": number(line["pvalue_holm"]),
            })  # fmt: skip
    return pd.DataFrame(rows).set_index("metric")


def goals(scores: pd.DataFrame) -> list[str]:
    """Say of each goal whether it was met, and how surely."""
    sentences, sure = [], 0
    for metric, rival in GOALS:
        table, better = by_source(scores, metric, RECIPES), METRICS[metric].greater_is_better
        means = mean_ranks(table, greater_is_better=better)
        pvalue = float(wilcoxon_holm(table * (1 if better else -1), "mubo")["pvalue_holm"][rival])
        met = means["mubo"] < means[rival]
        sure += bool(met and pvalue < 0.05)
        sentences.append(
            f"{METRICS[metric].title}: mean rank {number(means['mubo'], 2)}, {rival} {number(means[rival], 2)}: "
            f"{'met' if met else 'not met'} (p = {number(pvalue)}, Wilcoxon, Holm over three rivals)."
        )
    return [*sentences, f"{sure} of these {len(GOALS)} differences have p below 0.05; two were aimed at."]


def ledger(entries: pd.DataFrame) -> pd.DataFrame:
    """What the acceptances of the printed rule come from, a row a set."""
    rows = {}
    for name, part in entries.groupby("set", sort=False):
        accepted = part[part["change"] <= 0]
        rejected = part[part["change"] > 0]
        rows[name] = {
            "accepted": f"{len(accepted)} of {len(part)}",
            "of these, without the rows too": _share(accepted["training"] <= 0),
            "held-out loss falls: accepted": _share(accepted["held_out"] < 0),
            "rejected": _share(rejected["held_out"] < 0),
            "rank correlation of the changes": number(part["change"].corr(part["held_out"], method="spearman"), 2),
        }
    return pd.DataFrame(rows).T.rename_axis("set")


def _share(held: pd.Series) -> str:
    return f"{held.mean():.0%}" if len(held) else "–"


def every_set(scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Score of each method on each set, ready to print."""
    wide = scores.pivot_table(index="set", columns="method", values=metric, sort=False)
    wide = wide.reindex(columns=[name for name in methods if name in wide])
    return wide.map(number).rename(columns=TITLES)
