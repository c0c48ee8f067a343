"""The findings of a comparison in plain words: recipes, the best and the one to use, readings, next step."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equipoise import recipes
from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.by_terms import AS_NEAR
from equipoise.experiments.crown import cuts
from equipoise.experiments.outcome import PER
from equipoise.experiments.readings import DECIDED, TUNED
from equipoise.experiments.terms import InTerms
from equipoise.reports.at_best import at_its_best, by_its_own, read_as
from equipoise.reports.strength import SIMPLE, loss, settled, unsettled
from equipoise.text import between, called, count, listed, number, percent, probability, seconds

_LISTED = 5  # names in a sentence
_MOST = {"cost": "the lowest", "false": "the fewest", "recall": "the highest"}
_GO_ON = "To continue, repeat the command at the end of this page."
_TOO_FEW_FOLDS = "There are too few folds to judge any difference."


@dataclass(frozen=True)
class Verdict:
    """Sentences; only the first two are never empty. Code stands between backticks.

    The best and the advice are the verdict proper, of five sentences at most where no recipe is cut.
    """

    tried: str
    best: str
    advice: str
    more: str  # scores of the recommended recipe; with terms, the best by the metric
    readings: str
    use: str


def verdict(comparison: Comparison) -> Verdict:
    """Summarise a comparison that has at least one result."""
    tried = _tried(comparison)
    if comparison.obstacle:
        return Verdict(
            tried,
            f"No winner is crowned. {comparison.obstacle}{_left_out(comparison)}",
            "",
            "",
            "",
            "" if comparison.complete else _GO_ON,
        )
    by_terms = _best_by_terms, _advice_by_terms, _more_by_terms
    best, advice, more = by_terms if comparison.aim.decides else (_best, _advice, _more)
    return Verdict(
        tried,
        best(comparison) + _left_out(comparison),
        advice(comparison),
        more(comparison),
        _readings(comparison),
        _use(comparison),
    )


def _tried(comparison: Comparison) -> str:
    found, protocol, metric = comparison.recipes, comparison.protocol, METRICS[comparison.metric]
    who = f"{len(found)} recipes were" if len(found) > 1 else f"One recipe, {called(found[0])}, was"
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
    return " ".join(filter(None, (unfinished + tried, at_its_best(comparison), _failed(comparison))))


def _left_out(comparison: Comparison) -> str:
    names = list(map(called, comparison.left_out))
    if not names:
        return ""
    return (
        f" {listed(names, most=_LISTED)} {'was' if len(names) == 1 else 'were'} not compared: there was no time left."
    )


def _failed(comparison: Comparison) -> str:
    names = list(dict.fromkeys(cell.arm for cell in comparison.failures))
    wholly = [called(name) for name in names if name not in comparison.recipes]
    partly = [called(name) for name in names if name in comparison.recipes]
    said = f"{listed(wholly, most=_LISTED)} failed on every fold. " if wholly else ""
    if partly:
        common = len(comparison.table(comparison.metric))
        where = f"the {common} folds without a failure" if common else "the successful folds of each recipe"
        said += f"{listed(partly, most=_LISTED)} failed on some folds; scores are means over {where}."
    return said.strip()


def _best(comparison: Comparison) -> str:
    first = comparison.leaderboard.iloc[0]
    name, metric = str(first["recipe"]), METRICS[comparison.metric]
    interval = "" if np.isnan(first["low"]) else f" (95% interval {between(first['low'], first['high'])})"
    score = f"{number(first[comparison.chosen])}{interval}"
    at_best = " at its best" if at_its_best(comparison) else ""
    if len(comparison.recipes) == 1:
        start = f"{called(name)} reaches a {metric.title} of {score}{at_best}"
        return f"{start}{_own(comparison, name)}; it is the only recipe with results.{cuts(comparison, name)}"
    if _all_equal(comparison):
        return f"Every recipe has the same {metric.title}{at_best}, {score}: this metric cannot rank them here."
    most = "highest" if metric.greater_is_better else "lowest"
    return (
        f"{called(name)} has the {most} {metric.title}{at_best}: {score}{_own(comparison, name)}."
        f"{cuts(comparison, name)}"
    )


def _own(comparison: Comparison, recipe: str) -> str:
    """Say what a recipe scores by its own answers, where any fold is read otherwise at its best."""
    scores = comparison.scores
    if (scores.loc[scores["recipe"] == recipe, "reading"] == DECIDED).all():
        return ""
    return f"; {by_its_own(comparison, recipe)}: {number(_mean(comparison, recipe, comparison.metric))}"


def _advice(comparison: Comparison) -> str:
    """Name the recipes that do not differ significantly from the best, and recommend a quick one of them."""
    if len(comparison.recipes) == 1 or _all_equal(comparison):
        return ""
    if comparison.leaderboard["difference_low"].isna().all():
        return _TOO_FEW_FOLDS
    near, best = comparison.near_best, comparison.best
    return f"{_near(comparison, near, best)}. {_recommended(comparison, near, best)}"


def _more(comparison: Comparison) -> str:
    """Tell what the recommended recipe scores where it is not the best."""
    unknown = _all_equal(comparison) or comparison.leaderboard["difference_low"].isna().all()
    return "" if unknown or comparison.winner == comparison.best else _price(comparison, comparison.winner)


def _near(comparison: Comparison, near: list[str], best: str) -> str:
    others = [called(name) for name in near if name != best]
    if not others:
        or_misses = " or misses a floor" if any(map(comparison.ranked.misses_floor, comparison.recipes)) else ""
        return f"Every other recipe is significantly worse{or_misses}"
    if len(near) == len(comparison.recipes):
        return "No other recipe differs significantly from it"
    if len(others) == 1:
        return f"Of the other {len(comparison.recipes) - 1}, only {others[0]} does not differ significantly from it"
    return (
        f"{len(others)} of the other {len(comparison.recipes) - 1} do not differ significantly from it: "
        f"{listed(others, most=_LISTED)}"
    )


def _recommended(comparison: Comparison, near: list[str], best: str) -> str:
    winner = comparison.winner
    passed = _passed_over(comparison)
    if near == [best] or (winner == best and passed):
        return f"Recommended: {called(best)} ({_times(comparison, best)}).{passed}"
    if winner == best:
        return f"Recommended: {called(best)}; none of them takes less than half its time ({_times(comparison, best)})."
    if not settled(comparison):
        strength = f"{unsettled(comparison, best)} "
    elif winner in SIMPLE:
        digits = 1 if comparison.aim.decides and comparison.by_terms.goal != "recall" else 3
        most = number(max(loss(comparison).high, 0.0) + 0.0, digits)  # no -0.0
        strength = f"Nothing beats {called(winner)} by more than {most} (end of the 95% interval): keep it simple. "
    else:
        strength = ""
    is_quickest = winner == comparison.took(comparison.eligible).idxmin()
    which = f"the {'quickest' if is_quickest else 'best of the quick ones'}"
    which += " of those that lose little" if passed else " of them" * is_quickest
    lost, gain = loss(comparison).mean, comparison.ranked.gain.mean
    if lost > 0 and gain > 0:
        worse = f"worse than {called(best)} by {comparison.ranked.figure(lost)}"
        which += f", {worse}, {percent(lost / gain)} of its gain over guessing"
    return (
        f"{strength}Recommended: {called(winner)}, {which} ({_times(comparison, winner)}; "
        f"{called(best)}: {_times(comparison, best)}).{passed}"
    )


def _passed_over(comparison: Comparison) -> str:
    """Name the recipes that are better or quicker than the recommended one, and what speaks against them."""
    winner, took, reasons = comparison.winner, comparison.took(comparison.recipes), dict[str, list[str]]()
    for name, against in comparison.reservations.items():
        if against and name != winner and (name == comparison.ranked.best or took[name] < took[winner]):
            reasons.setdefault(against, []).append(called(name))
    said = [f"{listed(names, most=_LISTED)} for {against}" for against, names in reasons.items()]
    return f" Passed over: {'; '.join(said)}." if said else ""


def _best_by_terms(comparison: Comparison) -> str:
    """Name the recipe that does best by the user's terms, beside decisions that look at no feature.

    The figure of the recommended recipe and its alarms follow: it is what is shipped.
    """
    found = comparison.by_terms
    alone = "these" if found.goal == "false" else "this"
    most = alone if len(found.read) == 1 else _MOST[found.goal]
    told = "".join(f"; {name}: {found.figure(values.mean())}" for name, values in found.blind.items())
    doubt = ""
    if found.gain.low <= 0:
        doubt = (
            f" That is not shown to be better than {found.guess}, but it gains more than a tenth of what is possible, "
            "so a recipe is recommended with care."
        )
    if found.nearest_miss and found.nearest_miss != found.best:
        doubt += (
            f" Every recipe misses a floor. {called(found.nearest_miss)} is the nearest, and recipes within {AS_NEAR} "
            "of it count as equally near."
        )
    mean, interval = _goal_of(comparison, found.best)
    value = f"{found.title}{_of_batch(comparison)}: {mean}{interval}"
    winner = comparison.winner
    own = "" if winner == found.best else f" {called(winner)}, recommended, {_does(comparison, winner)}."
    alarms = _alarms_by_terms(comparison, winner)
    return f"By your terms, {called(found.best)} has {most} {value}{told}.{doubt}{own} {alarms}"


def _alarms_by_terms(comparison: Comparison, recipe: str) -> str:
    """Say how many rows get an alarm by the terms, how many of them are right, and what they find, beside floors."""
    found, told = comparison.by_terms.read[recipe].chosen(), {}
    for name in ("precision", "recall"):
        told[name] = _share(found[name].mean)
    for name, floor, (mean, low, high) in comparison.by_terms.floors(recipe):
        asked = (
            f"{'less than the' if mean < floor else 'at least'} {100 * floor:.6g}% {'was ' * (mean >= floor)}asked for"
        )
        interval = "" if np.isnan(low) else f"95% interval {_share(low)} to {_share(high)}; "
        told[name] += f" ({interval}{asked})"
    p, classes, others = comparison.aim.positive, comparison.classes, ""
    if len(classes) > 2:
        decided = comparison.by_terms.read[recipe].decisions
        told_of = [f"“{classes[k]}” on {number(decided[k], 1)}" for k in np.argsort(-decided, kind="stable") if k != p]
        others = f" ({listed(told_of, most=_LISTED)})"
    return _alarms(recipe, classes[p], found["alarms"].mean, told["precision"], told["recall"], others)


def _alarms(recipe: str, label: str, alarms: float, precision: str, recall: str, others: str = "") -> str:
    right = f": {precision} of these are right, and {recall} of all “{label}” is found" if alarms else ""
    return f"{called(recipe)} decides for “{label}” on {number(alarms, 1)} of {PER:,} rows{others}{right}."


def _share(value: float) -> str:
    return f"{number(100 * value, 1)}%"


def _goal_of(comparison: Comparison, recipe: str, figure: Callable[[float], str] | None = None) -> tuple[str, str]:
    """Return the outcome of a recipe that the terms rank by, and its interval in brackets."""
    found = comparison.by_terms
    mean, low, high = map(figure or found.figure, found.value(recipe))
    return mean, "" if len(found.table) < 2 else f" (95% interval {low} to {high})"


def _does(comparison: Comparison, recipe: str) -> str:
    """Say what a recipe yields of the outcome that the terms rank by, with a verb."""
    goal = comparison.by_terms.goal
    mean, interval = _goal_of(comparison, recipe, _share if goal == "recall" else None)
    if goal == "recall":
        return f"catches {mean}{interval}"
    verb, things = ("costs", "") if goal == "cost" else ("raises", " false alarms")
    return f"{verb} {mean}{things} per {PER:,} rows{interval}"


def _of_batch(comparison: Comparison) -> str:
    """Name the batch, a test fold, of which the capacity is a part: other batches may catch other shares."""
    capacity = comparison.aim.capacity
    if capacity is None:
        return ""
    most = "" if comparison.aim.costs is None else "at most "
    alarms = (
        f"{most}{count(int(capacity))} alarms of" if capacity >= 1 else f"alarms for {most}{100 * capacity:.6g}% of"
    )
    return f" by {alarms} each {count(round(InTerms.of(comparison).batch))} rows (about a test fold)"


def _advice_by_terms(comparison: Comparison) -> str:
    """Recommend a quick recipe of those that do not differ significantly by the terms."""
    found = comparison.by_terms
    if len(found.read) == 1:
        return ""
    if len(found.table) < 2:
        return _TOO_FEW_FOLDS
    return f"{_near(comparison, found.near_best, found.best)}. {_recommended(comparison, found.near_best, found.best)}"


def _more_by_terms(comparison: Comparison) -> str:
    """Name the best by the metric."""
    return f"Your terms aside, {_best(comparison)}"


def _times(comparison: Comparison, recipe: str) -> str:
    fit, predicting = (_mean(comparison, recipe, column) for column in ("seconds", "predicting"))
    answers = "" if np.isnan(predicting) else f", {seconds(predicting)} per 10,000 predictions"
    return f"{seconds(fit)} a fit{answers}"


def _price(comparison: Comparison, recipe: str) -> str:
    """Say what the recommended recipe scores, and what that may cost against the best."""
    metric, (mean, low, high) = METRICS[comparison.metric], loss(comparison)
    score = number(_mean(comparison, recipe, comparison.chosen))
    way, at_best = "lower" if metric.greater_is_better else "higher", " at its best" if at_its_best(comparison) else ""
    said = (
        f"The {metric.title} of {called(recipe)}{at_best} is {score}, {number(max(mean, 0.0))} {way} than that of "
        f"{called(comparison.best)} (95% interval of the difference {between(low, high)})"
        f"{_own(comparison, recipe)}.{cuts(comparison, recipe)}"
    )
    if settled(comparison):
        return said
    more = "more repeats or " if comparison.protocol.n_repeats == 1 and not comparison.protocol.by_time else ""
    rows = "images" if comparison.protocol.images else "rows"
    return f"{said} To tell them apart, give {more}more {rows} of “{comparison.classes[comparison.rare]}”."


def _readings(comparison: Comparison) -> str:
    """Say what reading alone does to recipes without a treatment, and give the threshold of the recommended one."""
    metric = METRICS[comparison.metric]
    if not metric.at_threshold and metric.priors is None:
        return f"Thresholds do not matter here: {metric.title} scores the order of probabilities."
    plain = [name for name in SIMPLE if name in comparison.recipes and name != comparison.winner]
    moved = [
        f"{called(name)} goes from {number(own)}, {by_its_own(comparison, name)}, to {number(best)} at its best"
        for name in plain
        for own, best in [(_mean(comparison, name, c) for c in (comparison.metric, comparison.chosen))]
        if abs(best - own) >= 0.005
    ]
    said = f"Reading alone matters: with the same training, {listed(moved, most=3)}." if moved else ""
    alarms = _alarms_by_metric(comparison, comparison.winner)
    return " ".join(filter(None, (said, threshold(comparison, comparison.winner), alarms)))


def _alarms_by_metric(comparison: Comparison, recipe: str) -> str:
    """Say what the decisions of a recipe at its best find on held-out rows of two classes; empty with terms."""
    if comparison.aim.decides or len(comparison.classes) > 2 or not METRICS[comparison.metric].at_threshold:
        return ""
    counts, p = shipped.confusion(comparison, recipe), comparison.aim.positive
    alarms, n = counts[:, p].sum(), counts.sum()
    precision, recall = (_share(float(counts[p, p] / of)) if of else "" for of in (alarms, counts[p].sum()))
    return _alarms(recipe, comparison.classes[p], PER * alarms / n, precision, recall)


def threshold(comparison: Comparison, recipe: str) -> str:
    """Give the threshold of a recipe at its best reading, with its spread over folds; empty where it has none.

    A user's terms have a threshold of their own, which the report tells in its place.
    """
    found = comparison.at_best.thresholds(recipe)
    if found is None or comparison.aim.decides:
        return ""
    rare = comparison.classes[comparison.rare]
    middle, low, high = (probability(float(value)) for value in (np.median(found), found.min(), found.max()))
    how = "With tuned thresholds" if comparison.at_best.overall(recipe) == TUNED else "With class priors corrected"
    where = f"from a probability of about {middle} on ({low} to {high} over folds)"
    return f"{how}, {called(recipe)} decides for “{rare}” {where}."


def _use(comparison: Comparison) -> str:
    if not comparison.complete:
        return _GO_ON
    if comparison.not_saved:
        return f"The model was not saved: {comparison.not_saved}"
    winner = comparison.winner
    how = "deciding by your terms" if comparison.aim.decides else read_as(comparison, winner)
    name = f"{called(winner)} ({recipes.describe(winner)}){f' {how}' if how else ''}"
    model = (
        f"Next step: `model/` beside this page is {name}, trained on all rows; the command that predicts new rows with "
        "it is at the end of this page."
    )
    model = " ".join([model, *comparison.refitted])
    if len(comparison.recipes) > 1 and not comparison.aim.decides and _all_equal(comparison):
        tie = "The chosen metric does not favour it over the others: compare other scores or choose another --metric."
        return f"{model} {tie}"
    return model


def _mean(comparison: Comparison, recipe: str, column: str) -> float:
    return float(comparison.leaderboard.set_index("recipe")[column][recipe])


def _all_equal(comparison: Comparison) -> bool:
    """Whether all recipes have the same score, for example a G-mean of 0 because no recipe finds some class."""
    return bool(comparison.leaderboard[comparison.chosen].round(6).nunique() == 1)
