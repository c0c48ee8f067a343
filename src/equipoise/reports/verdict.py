"""The findings of a comparison in plain words: recipes, winner, certainty, effect of thresholds, next step."""

from dataclasses import dataclass

import numpy as np

from equipoise import recipes
from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.statistics import Interval, corrected_interval
from equipoise.text import between, count, listed, number, signed

UNTREATED = "none"

_CORRECTED = "balanced_brier"  # what a tuned threshold is to decisions, a corrected prior is to this
_HOW = {"tuned": "tuning {} thresholds", "prior": "correcting {} probabilities to equal class priors"}
_DECISIONS = {"balanced": "all classes equally", "macro_f1": "a high macro F1", "natural": "the most probable class"}
_LISTED = 5  # names in a sentence


@dataclass(frozen=True)
class Verdict:
    """Sentences in reading order; only the first two are never empty. Commands stand between backticks."""

    tried: str
    best: str
    others: str
    threshold: str
    use: str


def verdict(comparison: Comparison) -> Verdict:
    """Summarise a comparison that has at least one result."""
    return Verdict(_tried(comparison), _best(comparison), _others(comparison), _threshold(comparison), _use(comparison))


def near_best(comparison: Comparison) -> list[str]:
    """Recipes, the winner included, that do not differ significantly from the winner."""
    board = comparison.leaderboard
    contains = ~((board["difference_low"] > 0) | (board["difference_high"] < 0))
    return board["recipe"][contains].tolist()


def reading_difference(
    comparison: Comparison, recipe: str, against: str, metric: str, reading: str = "tuned"
) -> Interval:
    """Interval of the paired difference between one reading of a recipe and another recipe as decided.

    ``reading`` is "tuned", with tuned thresholds, or "prior", with corrected probabilities.
    """
    scores = comparison.scores.set_index(["repeat", "fold"])
    read = scores.loc[scores["recipe"] == recipe, f"{reading}_{metric}"]
    differences = (read - comparison.table(metric)[against]).dropna()
    if len(differences) < 2:
        return Interval(float(differences.mean()), np.nan, np.nan)
    return corrected_interval(differences, test_share=comparison.test_share)


def _tried(comparison: Comparison) -> str:
    found, protocol, metric = comparison.recipes, comparison.protocol, METRICS[comparison.metric]
    who = f"{len(found)} recipes were" if len(found) > 1 else f"One recipe, {found[0]}, was"
    times = "" if protocol.n_repeats == 1 else f", {protocol.n_repeats} times over"
    tried = (
        f"{who} trained on {count(comparison.problem['n_rows'])} rows of {len(comparison.classes)} classes in "
        f"{'the same ' if len(found) > 1 else ''}{protocol.n_folds} folds{times}, and scored on the held-out rows by "
        f"{metric.title} ({metric.definition})."
    )
    unfinished = (
        ""
        if comparison.complete
        else f"Unfinished: {len(comparison.cells)} of {comparison.n_expected} results are in; the rest may change "
        "the findings below. "
    )
    return unfinished + tried + _failed(comparison)


def _failed(comparison: Comparison) -> str:
    names = list(dict.fromkeys(cell.arm for cell in comparison.failures))
    wholly = [name for name in names if name not in comparison.recipes]
    partly = [name for name in names if name in comparison.recipes]
    said = f" {listed(wholly, most=_LISTED)} failed on every fold." if wholly else ""
    if partly:
        common = len(comparison.table(comparison.metric))
        where = f"the {common} folds without a failure" if common else "the successful folds of each recipe"
        said += f" {listed(partly, most=_LISTED)} failed on some folds; scores are means over {where}."
    return said


def _best(comparison: Comparison) -> str:
    first = comparison.leaderboard.iloc[0]
    metric = METRICS[comparison.metric]
    score = f"{number(first[comparison.metric])}{_interval(first['low'], first['high'], ' ({})')}"
    if len(comparison.recipes) == 1:
        return f"{first['recipe']} reaches a {metric.title} of {score}; it is the only recipe with results."
    if _all_equal(comparison):
        return f"Every recipe has the same {metric.title}, {score}: this metric cannot rank them here."
    return f"{first['recipe']} has the {'highest' if metric.greater_is_better else 'lowest'} {metric.title}: {score}."


def _others(comparison: Comparison) -> str:
    """Leads over the next recipe and the untreated network, and the recipes that do not differ significantly."""
    others = comparison.leaderboard["recipe"].tolist()[1:]
    if not others or _all_equal(comparison):
        return ""
    if comparison.leaderboard["difference_low"].isna().all():
        return "There are too few folds to judge any difference."
    untreated = f"the untreated network, {UNTREATED}"
    leads = [_lead(comparison, others[0], untreated if others[0] == UNTREATED else f"the next, {others[0]}")]
    if UNTREATED in others[1:]:
        leads.append(_lead(comparison, UNTREATED, untreated))
    said = f"That is {', and '.join(leads)}."
    if len(others) == 1:
        return said
    near = [name for name in near_best(comparison) if name != comparison.winner]
    if not near:
        return f"{said} Every other recipe is significantly worse."
    if len(near) == len(others):
        return f"{said} No other recipe differs significantly from it."
    some = listed(near, most=_LISTED)
    return f"{said} {len(near)} of the other {len(others)} do not differ significantly from it: {some}."


def _lead(comparison: Comparison, other: str, named: str) -> str:
    """The winner's lead over another recipe, and whether it is significant."""
    greater = METRICS[comparison.metric].greater_is_better
    mean, low, high = comparison.interval(comparison.metric, comparison.winner, against=other)
    if not greater:
        mean, low, high = -mean, -high, -low
    by = number(mean) if mean >= 0.0005 else "less than 0.001" if mean > 1e-9 else "no"
    chance = "significant" if low > 0 else "not significant"
    return f"{by} {'higher' if greater else 'lower'} than {named} (95% interval {between(low, high)}; {chance})"


def _threshold(comparison: Comparison) -> str:
    """Whether the untreated network does as well with tuned thresholds or corrected probabilities."""
    metric = METRICS[comparison.metric]
    if metric.tuned_for is None and metric.name != _CORRECTED:
        return (
            f"No thresholds are tuned for {metric.title}."
            if metric.at_threshold
            else f"Thresholds do not matter here: {metric.title} scores probabilities, not decisions."
        )
    if UNTREATED not in comparison.recipes:
        return "The effect of tuned thresholds alone is unknown: the untreated network (none) has no results."
    return _untreated(comparison) + _auto_corrected(comparison)


def _untreated(comparison: Comparison) -> str:
    metric, reading = _reading(comparison)
    title, score = METRICS[metric].title, number(_mean(comparison, UNTREATED, f"{reading}_{metric}"))
    difference = reading_difference(comparison, UNTREATED, comparison.winner, metric, reading)
    gap = f"difference {signed(difference.mean)}{_interval(difference.low, difference.high, ', {}')}"
    if comparison.winner == UNTREATED:
        decided = number(_mean(comparison, UNTREATED, metric))
        how = _HOW[reading].format("its")
        return f"It is the network without treatment; {how} takes its {title} from {decided} to {score} ({gap})."
    how = _HOW[reading].format("the untreated network's")
    start = f"{how[0].upper()}{how[1:]} alone gives a {title} of {score}"
    theirs = f"{comparison.winner}'s {number(_mean(comparison, comparison.winner, metric))}"
    if np.isnan(difference.low):
        return f"{start}, against {theirs}; there are too few folds to compare the two."
    as_good = _as_good(comparison)
    if as_good < 0:
        return f"{start}, significantly worse than {theirs} ({gap})."
    if as_good > 0:
        return f"{start}, significantly better than {theirs} ({gap})."
    return f"{start}, not significantly different from {theirs} ({gap}): the treatment may be unnecessary."


def _auto_corrected(comparison: Comparison) -> str:
    """Score auto's natural probabilities corrected to equal class priors, where the metric assumes those."""
    if comparison.metric != _CORRECTED or recipes.AUTO not in comparison.recipes:
        return ""
    return (
        f" {recipes.AUTO}'s probabilities assume the observed priors, too: corrected to equal ones, they reach "
        f"{number(_mean(comparison, recipes.AUTO, f'prior_{_CORRECTED}'))}."
    )


def _reading(comparison: Comparison) -> tuple[str, str]:
    """Return the metric and the reading in which the untreated network is compared with the winner."""
    tuned_for = METRICS[comparison.metric].tuned_for
    return (_CORRECTED, "prior") if tuned_for is None else (tuned_for, "tuned")


def _as_good(comparison: Comparison) -> int:
    """1 if that reading of the untreated network is significantly better than the winner, -1 if worse, else 0."""
    metric, reading = _reading(comparison)
    _, low, high = reading_difference(comparison, UNTREATED, comparison.winner, metric, reading)
    sign = 1 if METRICS[metric].greater_is_better else -1
    return sign * (int(low > 0) - int(high < 0))


def _use(comparison: Comparison) -> str:
    if not comparison.complete:
        return "To continue, repeat the command at the end of this page."
    name = f"{comparison.winner} ({recipes.describe(comparison.winner)})"
    model = (
        f"Next step: `model/` beside this page is {name}, trained on all rows{_decides(comparison)}; "
        f"`equipoise predict model/ new.csv --out scored.csv` predicts classes and probabilities of new rows."
    )
    if len(comparison.recipes) > 1 and _all_equal(comparison):
        tie = "The chosen metric does not favour it over the others: compare other scores or choose another --metric."
        return f"{model} {tie}"
    return model + _simpler(comparison)


def _decides(comparison: Comparison) -> str:
    return (
        f", with decisions that favour {_DECISIONS[comparison.protocol.decision]}"
        if comparison.winner == recipes.AUTO
        else ""
    )


def _simpler(comparison: Comparison) -> str:
    """Name the simpler model, an untreated network with tuned thresholds, where it does as well."""
    if METRICS[comparison.metric].tuned_for is None or UNTREATED not in {*comparison.recipes} - {comparison.winner}:
        return ""
    metric, reading = _reading(comparison)
    low = reading_difference(comparison, UNTREATED, comparison.winner, metric, reading).low
    if np.isnan(low) or _as_good(comparison) < 0:
        return ""
    better = "A simpler and better model" if low > 0 else "A simpler model that may do as well"
    return f' {better}, in Python: `TunedThresholdsClassifier(recipes.make("none"), metric="{metric}")`.'


def _mean(comparison: Comparison, recipe: str, column: str) -> float:
    return float(comparison.leaderboard.set_index("recipe")[column][recipe])


def _all_equal(comparison: Comparison) -> bool:
    """Whether all recipes have the same score, for example a G-mean of 0 because no recipe finds some class."""
    return bool(comparison.leaderboard[comparison.metric].round(6).nunique() == 1)


def _interval(low: float, high: float, around: str) -> str:
    return "" if np.isnan(low) else around.format(f"95% interval {between(low, high)}")
