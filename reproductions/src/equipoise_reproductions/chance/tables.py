"""Ranks over sources, tests, and what the search accepted."""

from collections.abc import Sequence

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.text import number
from equipoise_reproductions.chance.arms import RECIPES, TITLES
from equipoise_reproductions.over_sets import mean_ranks, p_equals, wilcoxon_holm
from equipoise_reproductions.tables import Tables, by_family

SCORED = ("g_mean", "macro_f1", "balanced_brier", "average_precision")
GOALS = (("g_mean", "under"), ("g_mean", "cost"), ("macro_f1", "under"), ("balanced_brier", "under"))
"""Where the recipe ``mubo`` is to rank before a rival."""

_TABLES = Tables([METRICS[name] for name in SCORED], TITLES)
ranks, every_set = _TABLES.ranks, _TABLES.every_set


def tests(scores: pd.DataFrame, methods: Sequence[str], reference: str = "mubo") -> pd.DataFrame:
    """Differences of ``mubo`` to each rival, see `Tables.tests`."""
    return _TABLES.tests(scores, methods, reference)


def goals(scores: pd.DataFrame) -> list[str]:
    """Say of each goal whether it was met, and how surely."""
    sentences, sure = [], 0
    for metric, rival in GOALS:
        table, better = by_family(scores, metric, RECIPES), METRICS[metric].greater_is_better
        means = mean_ranks(table, greater_is_better=better)
        pvalue = float(wilcoxon_holm(table * (1 if better else -1), "mubo")["pvalue_holm"][rival])
        met = means["mubo"] < means[rival]
        sure += bool(met and pvalue < 0.05)
        sentences.append(
            f"{METRICS[metric].title}: mean rank {number(means['mubo'], 2)}, {rival} {number(means[rival], 2)}: "
            f"{'met' if met else 'not met'} (p {p_equals(pvalue)}, Wilcoxon, Holm over three rivals)."
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
