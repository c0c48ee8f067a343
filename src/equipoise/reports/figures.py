"""Every plot of the report, from a comparison."""

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.readings import TUNED_FOR
from equipoise.recipes import is_neural
from equipoise.reports import class_sizes, curves, plots
from equipoise.reports.strength import UNTREATED
from equipoise.reports.svg import SERIES, drawing, inline
from equipoise.reports.text import short
from equipoise.text import number

_READINGS = ("", "prior_", "tuned_")
_SWEPT = {"g_mean": "G-mean", "macro_f1": "macro F1", "recall": "recall", "precision": "precision"}


def figures(comparison: Comparison) -> dict[str, Markup]:
    """Draw all plots that a comparison with a result or more allows, by name."""
    with drawing():
        found = _leaderboard(comparison) | _readings(comparison) | _curves(comparison)
        if comparison.protocol.images:
            found["sizes"] = class_sizes.figure(comparison, shown_first(comparison))
        return {name: inline(figure, name, label) for name, (figure, label) in found.items()}


def shown_first(comparison: Comparison) -> list[str]:
    """Return the recommended recipe, the best and the untreated network, of those that have results."""
    wanted = (comparison.winner, comparison.best, UNTREATED)
    return [name for name in dict.fromkeys(wanted) if name in comparison.recipes][:2]


def curves_of(comparison: Comparison) -> list[str]:
    """Return the recipes whose curves are drawn, a colour each: those shown first, and those that are no treatment."""
    others = [name for name in comparison.recipes if not is_neural(name)]
    return list(dict.fromkeys([*shown_first(comparison), *others]))[: len(SERIES)]


def rare_rows(
    comparison: Comparison, recipe: str
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64] | None]:
    """Which out-of-fold rows are rare, their probability of it, and weights, for the first repeat with results."""
    repeat = min(c.repeat for c in comparison.cells if c.arm == recipe and c.error is None)
    codes, proba = comparison.out_of_fold(recipe, repeat)
    return codes == comparison.rare, proba[:, comparison.rare], comparison.weights(recipe, repeat)


_Found = dict[str, tuple[Figure, str]]


def _leaderboard(comparison: Comparison) -> _Found:
    board, title = comparison.leaderboard, METRICS[comparison.metric].title
    names, means = board["recipe"].tolist(), board[comparison.chosen].to_numpy()
    near = board["recipe"].isin(comparison.near_best).to_numpy()
    scores = plots.intervals(
        names, means, board["low"].to_numpy(), board["high"].to_numpy(), near=near, line=means[0], label=title
    )
    found = {"scores": (scores, f"{title} by recipe, with 95% intervals; best: {names[0]}, {number(means[0])}.")}
    if len(names) > 1:
        differences = np.array([comparison.interval(comparison.chosen, name, names[0]).mean for name in names])
        lows, highs = board["difference_low"].to_numpy(), board["difference_high"].to_numpy()
        figure = plots.intervals(
            names, differences, lows, highs, near=near, line=0.0, label=f"{title}, difference to {short(names[0])}"
        )
        found["differences"] = figure, f"Paired difference of {title} to {names[0]}, with 95% intervals."
    return found


def _readings(comparison: Comparison) -> _Found:
    board = comparison.leaderboard
    return {
        f"readings-{metric}": (
            plots.dumbbells(
                board["recipe"].tolist(),
                *(board[f"{kind}{metric}"].to_numpy() for kind in _READINGS),
                label=METRICS[metric].title,
            ),
            f"{METRICS[metric].title} by recipe: own decision, prior-corrected, and with thresholds tuned.",
        )
        for metric in TUNED_FOR
    }


def _curves(comparison: Comparison) -> _Found:
    first = shown_first(comparison)
    rows = {name: rare_rows(comparison, name) for name in curves_of(comparison)}
    colours = dict(zip(rows, SERIES))
    rare = short(comparison.classes[comparison.rare])
    lines = [(short(name), *curves.precision_recall(*rows[name]), colours[name]) for name in rows]
    prevalence = comparison.problem["mass"][comparison.rare] / sum(comparison.problem["mass"])
    found = {
        "precision-recall": (
            plots.precision_recall(lines, prevalence),
            f"Precision against recall of the rare class, for {', '.join(rows)}.",
        )
    }
    for place, name in enumerate(first):
        bins = curves.reliability(*rows[name])
        figure = plots.reliability(bins, colours[name], label=f"predicted probability of “{rare}”")
        found[f"reliability-{place}"] = figure, f"Observed share against predicted probability, {name}."
        if len(comparison.classes) == 2:
            sweep = plots.thresholds(
                curves.threshold_sweep(*rows[name]), _SWEPT, label=f"threshold on the probability of “{rare}”"
            )
            found[f"thresholds-{place}"] = sweep, f"Scores of {name} against the threshold on the rare class."
    return found
