"""What auto was to reach, each with what was measured, and whether it was met."""

from dataclasses import dataclass

import pandas as pd

from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.statistics import t_interval
from equipoise.recipes import AUTO
from equipoise.text import between, number, signed
from equipoise_reproductions.auto_suite.arms import AT_EQUAL_SHARES, BOOSTERS, FITTED, PRIOR, TITLES
from equipoise_reproductions.auto_suite.scores import EQUAL, TUNED
from equipoise_reproductions.over_sets import mean_ranks, p_equals, wilcoxon_holm
from equipoise_reproductions.tables import by_family

_RANKINGS = tuple(METRICS[name] for name in ("average_precision", "roc_auc"))
_LEVEL = 0.05


@dataclass(frozen=True)
class Target:
    """A target: what was to be reached, what was measured, and whether that is enough."""

    text: str
    figure: str
    met: bool


def methods(scores: pd.DataFrame, metric: Metric) -> list[str]:
    """Return what is ranked by a metric: auto, and whatever was run on every set that auto was run on."""
    candidates = AT_EQUAL_SHARES if metric in EQUAL else FITTED
    known = scores.dropna(subset=[metric.name]).groupby("method")["set"].agg(set)
    wanted = known.get(candidates[0], set())
    return [name for name in candidates if name in known and known[name] >= wanted]


def best_booster(scores: pd.DataFrame, metric: Metric) -> str:
    """Return the boosting reference of the best mean rank."""
    own = of_auto(metric)
    ranks = _ranks(scores, metric, [own, *_boosters(scores, metric)])
    return str(ranks.drop(own).idxmin())


def of_auto(metric: Metric) -> str:
    """Return the reading of auto that a metric asks for."""
    return AUTO + PRIOR if metric in EQUAL else AUTO


def targets(scores: pd.DataFrame) -> list[Target]:
    """Judge every target by the mean scores of sets, a source counting once."""
    return [
        *(_first(scores, metric) for metric in (*EQUAL, TUNED, METRICS["log_loss"])),
        *(_no_worse(scores, metric) for metric in _RANKINGS),
        *(_better(scores, metric) for metric in EQUAL),
    ]


def as_table(judged: list[Target]) -> pd.DataFrame:
    """Lay out targets, a row each."""
    return pd.DataFrame(
        {
            "measured": [target.figure for target in judged],
            "": ["met" if target.met else "missed" for target in judged],
        },
        index=pd.Index([target.text for target in judged], name="target"),
    )


def _first(scores: pd.DataFrame, metric: Metric) -> Target:
    own, ranks = of_auto(metric), _ranks(scores, metric, methods(scores, metric))
    rivals = ranks.drop(own)
    next_best = str(rivals.idxmin())
    return Target(
        f"first on {metric.title}",
        f"mean rank {number(ranks[own], 2)} of {len(ranks)}; best of the others {number(rivals.min(), 2)} "
        f"({TITLES[next_best]})",
        bool(ranks[own] < rivals.min()),
    )


def _no_worse(scores: pd.DataFrame, metric: Metric) -> Target:
    table = by_family(scores, metric.name, [AUTO, *_boosters(scores, metric)])
    best = str(table.drop(columns=AUTO).mean().idxmax())
    mean, low, high = t_interval(table[AUTO] - table[best])
    return Target(
        f"{metric.title} no worse in the mean than the best boosting's",
        f"{signed(mean)} ({between(low, high)}) to {TITLES[best]}",
        bool(mean >= 0 or high >= 0),
    )


def _better(scores: pd.DataFrame, metric: Metric) -> Target:
    own, boosters = of_auto(metric), _boosters(scores, metric)
    table = by_family(scores, metric.name, [own, *boosters])
    best = best_booster(scores, metric)
    pvalue = float(wilcoxon_holm(table * metric.sign, own)["pvalue_holm"][best])
    gain = float((metric.sign * (table[own] - table[best])).median())
    return Target(
        f"better than the best boosting on {metric.title}, p < {_LEVEL}",
        f"{signed(gain)} in the median over {TITLES[best]}, p {p_equals(pvalue)} (Wilcoxon, Holm over "
        f"{len(boosters)} readings of boosting)",
        gain > 0 and pvalue < _LEVEL,
    )


def _boosters(scores: pd.DataFrame, metric: Metric) -> list[str]:
    return [name for name in methods(scores, metric) if name in BOOSTERS]


def _ranks(scores: pd.DataFrame, metric: Metric, ranked: list[str]) -> pd.Series:
    return mean_ranks(by_family(scores, metric.name, ranked), greater_is_better=metric.greater_is_better)
