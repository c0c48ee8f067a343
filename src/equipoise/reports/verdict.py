"""What the comparison says in plain words: what was tried, what won, how surely, what a threshold does, what to do."""

from dataclasses import dataclass

import numpy as np

from equipoise import recipes
from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.statistics import Interval, corrected_interval
from equipoise.text import between, count, listed, number, signed

UNTREATED = "none"

_CORRECTED = "balanced_brier"  # what a tuned threshold is to decisions, a corrected prior is to this
_HOW = {"tuned": "tuning {} threshold", "prior": "correcting {} probabilities to equal class priors"}
_DECISIONS = {"balanced": "all classes alike", "macro_f1": "a high macro F1", "natural": "the most probable class"}
_LISTED = 5  # names in a sentence


@dataclass(frozen=True)
class Verdict:
    """Sentences, in their order: each may be empty but the first two. Commands stand between backticks."""

    tried: str
    best: str
    others: str
    threshold: str
    use: str


def verdict(comparison: Comparison) -> Verdict:
    """Say what a comparison with a result or more found."""
    return Verdict(_tried(comparison), _best(comparison), _others(comparison), _threshold(comparison), _use(comparison))


def near_best(comparison: Comparison) -> list[str]:
    """Recipes, the winner included, whose paired difference to it has no interval that excludes 0."""
    board = comparison.leaderboard
    contains = ~((board["difference_low"] > 0) | (board["difference_high"] < 0))
    return board["recipe"][contains].tolist()


def reading_difference(
    comparison: Comparison, recipe: str, against: str, metric: str, reading: str = "tuned"
) -> Interval:
    """Interval of the paired difference of a recipe, read in another way, to another one as it is.

    ``reading`` is "tuned", with tuned thresholds, or "prior", with corrected probabilities.
    """
    scores = comparison.scores.set_index(["repeat", "fold"])
    read = scores.loc[scores["recipe"] == recipe, f"{reading}_{metric}"]
    differences = (read - comparison.table(metric)[against]).dropna()
    if len(differences) < 2:
        return Interval(float(differences.mean()), np.nan, np.nan)
    return corrected_interval(differences, test_share=1 / comparison.protocol.n_folds)


def _tried(comparison: Comparison) -> str:
    found, protocol, metric = comparison.recipes, comparison.protocol, METRICS[comparison.metric]
    who = f"{len(found)} recipes were" if len(found) > 1 else f"One recipe, {found[0]}, was"
    times = "" if protocol.n_repeats == 1 else f", {protocol.n_repeats} times over"
    tried = (
        f"{who} trained on {count(comparison.problem['n_rows'])} rows of {len(comparison.classes)} classes in "
        f"{'the same ' if len(found) > 1 else ''}{protocol.n_folds} folds{times}, and scored on the rows left out, by "
        f"{metric.title} ({metric.definition})."
    )
    unfinished = (
        ""
        if comparison.complete
        else f"Unfinished: {len(comparison.cells)} of {comparison.n_expected} results are in, and the rest may change "
        "what follows. "
    )
    return unfinished + tried + _failed(comparison)


def _failed(comparison: Comparison) -> str:
    names = list(dict.fromkeys(cell.arm for cell in comparison.failures))
    wholly = [name for name in names if name not in comparison.recipes]
    partly = [name for name in names if name in comparison.recipes]
    said = f" {listed(wholly, most=_LISTED)} failed on every fold that was tried." if wholly else ""
    if partly:
        common = len(comparison.table(comparison.metric))
        where = f"the {common} without a failure" if common else "those that the recipe has"
        said += f" {listed(partly, most=_LISTED)} failed on some folds: a score is the mean over {where}."
    return said


def _best(comparison: Comparison) -> str:
    first = comparison.leaderboard.iloc[0]
    metric = METRICS[comparison.metric]
    score = f"{number(first[comparison.metric])}{_interval(first['low'], first['high'], ' ({})')}"
    if len(comparison.recipes) == 1:
        return f"{first['recipe']} reaches a {metric.title} of {score}; it is the only recipe with results."
    if _all_equal(comparison):
        return f"Every recipe has the same {metric.title}, {score}: the metric does not separate them here."
    return f"{first['recipe']} has the {'highest' if metric.greater_is_better else 'lowest'} {metric.title}: {score}."


def _others(comparison: Comparison) -> str:
    """By how much it won, over the next and the untreated network, and who cannot be told from it."""
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
        return f"{said} Every other recipe is behind by more than chance explains."
    if len(near) == len(others):
        return f"{said} No other recipe differs significantly from it."
    some = listed(near, most=_LISTED)
    return f"{said} {len(near)} of the other {len(others)} do not differ significantly from it: {some}."


def _lead(comparison: Comparison, other: str, named: str) -> str:
    """By how much the winner is better than another one, and whether by chance."""
    greater = METRICS[comparison.metric].greater_is_better
    mean, low, high = comparison.interval(comparison.metric, comparison.winner, against=other)
    if not greater:
        mean, low, high = -mean, -high, -low
    by = number(mean) if mean >= 0.0005 else "less than 0.001" if mean > 1e-9 else "no"
    chance = "more than chance explains" if low > 0 else "chance may explain it"
    return f"{by} {'higher' if greater else 'lower'} than {named} (95% interval {between(low, high)}; {chance})"


def _threshold(comparison: Comparison) -> str:
    """Whether the untreated network does as well by a tuned threshold, or by corrected probabilities."""
    metric = METRICS[comparison.metric]
    if metric.tuned_for is None and metric.name != _CORRECTED:
        return (
            f"No thresholds are tuned for {metric.title}."
            if metric.at_threshold
            else f"A tuned threshold changes nothing here: {metric.title} scores probabilities, not decisions."
        )
    if UNTREATED not in comparison.recipes:
        return "The untreated network (none) has no results here, so nothing says what its threshold alone can do."
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
    start = f"Merely {how} gives a {title} of {score}"
    theirs = f"{comparison.winner}'s {number(_mean(comparison, comparison.winner, metric))}"
    if np.isnan(difference.low):
        return f"{start}, against {theirs}; there are too few folds to compare the two."
    as_good = _as_good(comparison)
    if as_good < 0:
        return f"{start}, which falls short of {theirs} ({gap})."
    if as_good > 0:
        return f"{start}, which is better than {theirs} ({gap})."
    return f"{start}, which does not differ significantly from {theirs} ({gap}): that alone may do as well."


def _auto_corrected(comparison: Comparison) -> str:
    """Tell what auto's natural probabilities are worth where equal class priors are asked for."""
    if comparison.metric != _CORRECTED or recipes.AUTO not in comparison.recipes:
        return ""
    return (
        f" {recipes.AUTO}'s probabilities are natural, too: corrected alike, they reach "
        f"{number(_mean(comparison, recipes.AUTO, f'prior_{_CORRECTED}'))}."
    )


def _reading(comparison: Comparison) -> tuple[str, str]:
    """Return the metric by which an untreated network is read in another way, and that reading."""
    tuned_for = METRICS[comparison.metric].tuned_for
    return (_CORRECTED, "prior") if tuned_for is None else (tuned_for, "tuned")


def _as_good(comparison: Comparison) -> int:
    """1 where the untreated network, read in that way, beats the winner, 0 if the two do not differ, else -1."""
    metric, reading = _reading(comparison)
    _, low, high = reading_difference(comparison, UNTREATED, comparison.winner, metric, reading)
    sign = 1 if METRICS[metric].greater_is_better else -1
    return sign * (int(low > 0) - int(high < 0))


def _use(comparison: Comparison) -> str:
    if not comparison.complete:
        return "Type the command at the end of this page once more: it goes on from here."
    name = f"{comparison.winner} ({recipes.describe(comparison.winner)})"
    model = (
        f"What to do: `model/` beside this page is {name}, trained on all rows{_decides(comparison)}; "
        f"`equipoise predict model/ new.csv --out scored.csv` gives new rows its decision and its probabilities."
    )
    if len(comparison.recipes) > 1 and _all_equal(comparison):
        return f"{model} Nothing here speaks for it over the others: see their other scores, or name another --metric."
    return model + _simpler(comparison)


def _decides(comparison: Comparison) -> str:
    return f" to decide for {_DECISIONS[comparison.protocol.decision]}" if comparison.winner == recipes.AUTO else ""


def _simpler(comparison: Comparison) -> str:
    """Name what does as well with one network and a tuned threshold, where that is so."""
    if METRICS[comparison.metric].tuned_for is None or UNTREATED not in {*comparison.recipes} - {comparison.winner}:
        return ""
    metric, reading = _reading(comparison)
    low = reading_difference(comparison, UNTREATED, comparison.winner, metric, reading).low
    if np.isnan(low) or _as_good(comparison) < 0:
        return ""
    better = "Better, and simpler" if low > 0 else "Simpler, and perhaps as good"
    return f' {better}: `TunedThresholdsClassifier(recipes.make("none"), metric="{metric}")`, in Python.'


def _mean(comparison: Comparison, recipe: str, column: str) -> float:
    return float(comparison.leaderboard.set_index("recipe")[column][recipe])


def _all_equal(comparison: Comparison) -> bool:
    """Whether all recipes score alike, as when a G-mean is 0 since a class is never found."""
    return bool(comparison.leaderboard[comparison.metric].round(6).nunique() == 1)


def _interval(low: float, high: float, around: str) -> str:
    return "" if np.isnan(low) else around.format(f"95% interval {between(low, high)}")
