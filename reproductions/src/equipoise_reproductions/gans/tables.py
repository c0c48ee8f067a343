"""Ranks, tests, times, and the health of what was made."""

import pandas as pd
from scipy.stats import spearmanr

from equipoise.experiments.readings import TUNED_FOR
from equipoise.experiments.scores import METRICS, Metric
from equipoise.text import number
from equipoise_reproductions.gans.study import GANS, METHODS, RETUNED, SCORED, TITLES, UNTREATED
from equipoise_reproductions.over_sets import p_equals, wilcoxon_holm
from equipoise_reproductions.tables import Tables, by_family

BEATEN = ("smote", "cost", RETUNED)
"""What a GAN over-sampler must beat to be worth its time."""

_TUNED = [
    Metric(f"tuned_{name}", f"{METRICS[name].title}, threshold-tuned", True, True, METRICS[name].score)
    for name in TUNED_FOR
]
_TABLES, _OF_TUNED = (Tables(metrics, TITLES) for metrics in ([METRICS[name] for name in SCORED], _TUNED))
ranks, every_set = _TABLES.ranks, _TABLES.every_set


def ranks_tuned(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks when every method is threshold-tuned."""
    return _OF_TUNED.ranks(scores, [name for name in METHODS if name != RETUNED])


def tests(scores: pd.DataFrame, gan: str) -> pd.DataFrame:
    """Differences of a GAN over-sampler to what it must beat, see `Tables.tests`."""
    return _TABLES.tests(scores, (gan, *BEATEN), gan)


def answers(scores: pd.DataFrame) -> list[str]:
    """Say of each rival which GAN over-samplers beat it, and on what."""
    return [_answer(scores, rival) for rival in BEATEN]


def _answer(scores: pd.DataFrame, rival: str) -> str:
    won: list[str] = []
    lost: list[str] = []
    for gan in GANS:
        for name in SCORED:
            table, sign = by_family(scores, name, (gan, *BEATEN)), METRICS[name].sign
            pvalue = float(wilcoxon_holm(table * sign, gan)["pvalue_holm"][rival])
            if pvalue < 0.05:
                gain = sign * float((table[gan] - table[rival]).median())
                text = f"{TITLES[gan]} on {METRICS[name].title} ({number(gain)} in the median, p {p_equals(pvalue)})"
                (won if gain > 0 else lost).append(text)
    return (
        f"Against {TITLES[rival]}: significantly better: {_listed(won)}; significantly worse: {_listed(lost)} "
        f"(p < .05, Wilcoxon over sources, Holm over {len(BEATEN)} rivals)."
    )


def _listed(texts: list[str]) -> str:
    return ", ".join(texts) or "none"


def times(scores: pd.DataFrame) -> pd.DataFrame:
    """Seconds a fit of each method, over sets, and in fits of the untreated network on the same set."""
    wide = scores.pivot(index="set", columns="method", values="seconds")
    ratios = wide.div(wide[UNTREATED], axis=0)
    trained = [name for name in METHODS if name != RETUNED]
    return pd.DataFrame(
        {
            "seconds a fit, median": [number(wide[name].median(), 1) for name in trained],
            "most": [number(wide[name].max(), 1) for name in trained],
            "in untreated fits, median": [number(ratios[name].median(), 1) for name in trained],
        },
        index=pd.Index([TITLES[name] for name in trained], name="method"),
    )


def health(figures: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """How like real rows those are that each GAN made, over sets, and whether the likeness goes with a gain."""
    rows = {}
    for gan in GANS:
        of_sets = figures[(figures["method"] == gan) & (figures["made_by"] == "GAN")].groupby("set")
        means = of_sets[["two_sample_accuracy", "spread_ratio", "real_accuracy", "made_accuracy"]].mean()
        wide = scores.pivot(index="set", columns="method", values="g_mean").loc[means.index]
        found = spearmanr(means["two_sample_accuracy"], wide[gan] - wide["smote"])
        rows[TITLES[gan]] = {
            "two-sample accuracy": number(means["two_sample_accuracy"].mean()),
            "spread": number(means["spread_ratio"].mean(), 2),
            "real rows found by the discriminator": number(means["real_accuracy"].mean()),
            "made rows": number(means["made_accuracy"].mean()),
            "rank correlation with the gain over SMOTE": f"{number(found.statistic, 2)} (p {p_equals(found.pvalue)})",
        }
    return pd.DataFrame(rows).T.rename_axis("rows of")
