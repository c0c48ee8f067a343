"""What the comparison says in plain words: the best recipe, which others are as good, and what a threshold does."""

from dataclasses import dataclass

import numpy as np

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.statistics import Interval, corrected_interval
from equipoise.reports.text import between, listed, number, signed

UNTREATED = "none"
MOVED = ("g_mean", "macro_f1")
"""Metrics that are also scored with thresholds tuned on the other folds."""


@dataclass(frozen=True)
class Verdict:
    """Three sentences: on the winner, on those that cannot be told from it, on the moved threshold."""

    best: str
    others: str
    threshold: str


def verdict(comparison: Comparison) -> Verdict:
    """Say what a comparison with a result or more found."""
    return Verdict(_best(comparison), _others(comparison), _threshold(comparison))


def near_best(comparison: Comparison) -> list[str]:
    """Recipes, the winner included, whose paired difference to it has no interval that excludes 0."""
    board = comparison.leaderboard
    contains = ~((board["difference_low"] > 0) | (board["difference_high"] < 0))
    return board["recipe"][contains].tolist()


def moved_difference(comparison: Comparison, recipe: str, against: str, metric: str) -> Interval:
    """Interval of the paired difference of a recipe with moved thresholds to another one as decided."""
    differences = (comparison.table(f"moved_{metric}")[recipe] - comparison.table(metric)[against]).dropna()
    if len(differences) < 2:
        return Interval(float(differences.mean()), np.nan, np.nan)
    return corrected_interval(differences, test_share=1 / comparison.protocol.n_folds)


def _best(comparison: Comparison) -> str:
    first = comparison.leaderboard.iloc[0]
    metric = METRICS[comparison.metric]
    score = f"{number(first[comparison.metric])}{_interval(first['low'], first['high'], ' ({})')}"
    if len(comparison.recipes) == 1:
        return f"{first['recipe']} reaches a {metric.title} of {score}; it is the only recipe with results."
    if _all_equal(comparison):
        return f"Every recipe has the same {metric.title}, {score}: it tells none from another here."
    return f"{first['recipe']} has the {'highest' if metric.greater_is_better else 'lowest'} {metric.title}: {score}."


def _others(comparison: Comparison) -> str:
    others = [name for name in comparison.leaderboard["recipe"] if name != comparison.winner]
    if not others or _all_equal(comparison):
        return ""
    if comparison.leaderboard["difference_low"].isna().all():
        return "There are too few folds to say how sure any difference is."
    near = [name for name in near_best(comparison) if name != comparison.winner]
    why = "95% interval of the paired difference contains 0"
    if not near:
        return "Every other recipe scores worse by a paired difference whose 95% interval excludes 0."
    if len(near) == len(others):
        which = "No other recipe can" if len(near) > 1 else f"{near[0]} cannot"
        return f"{which} be told apart from it: the {why}."
    return f"{len(near)} of the other {len(others)} cannot be told apart from it: {listed(near)} (the {why})."


def _threshold(comparison: Comparison) -> str:
    if UNTREATED not in comparison.recipes:
        return "The untreated network (none) has no results here, so nothing says what its threshold alone can do."
    metric = comparison.metric if comparison.metric in MOVED else MOVED[0]
    title, moved = METRICS[metric].title, number(_mean(comparison, UNTREATED, f"moved_{metric}"))
    difference = moved_difference(comparison, UNTREATED, comparison.winner, metric)
    gap = f"difference {signed(difference.mean)}{_interval(difference.low, difference.high, ', {}')}"
    if comparison.winner == UNTREATED:
        decided = number(_mean(comparison, UNTREATED, metric))
        return f"Moving its threshold takes its {title} from {decided} to {moved} ({gap})."
    start = f"Moving the threshold of the untreated network gives a {title} of {moved}"
    theirs = f"{comparison.winner}'s {number(_mean(comparison, comparison.winner, metric))}"
    if difference.high < 0:
        return f"{start}, which falls short of {theirs} ({gap})."
    if difference.low > 0:
        return f"{start}, which is better than {theirs} ({gap})."
    if np.isnan(difference.low):
        return f"{start}, against {theirs}; there are too few folds to compare the two."
    return f"{start}, which cannot be told apart from {theirs} ({gap}): the threshold alone may do as well."


def _mean(comparison: Comparison, recipe: str, column: str) -> float:
    return float(comparison.leaderboard.set_index("recipe")[column][recipe])


def _all_equal(comparison: Comparison) -> bool:
    """Whether all recipes score alike, as when a G-mean is 0 since a class is never found."""
    return bool(comparison.leaderboard[comparison.metric].round(6).nunique() == 1)


def _interval(low: float, high: float, around: str) -> str:
    return "" if np.isnan(low) else around.format(f"95% interval {between(low, high)}")
