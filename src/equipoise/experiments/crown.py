"""Whether a comparison has a winner at all: not on few rows, on leaks, or where every method is as good as guessing.

And which recipes may be recommended in place of the best, because they are quicker.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.experiments.by_terms import TITLES
from equipoise.experiments.readings import one_hot
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.statistics import Interval
from equipoise.experiments.store import StoredFold
from equipoise.text import called, counted, number

if TYPE_CHECKING:
    from equipoise.experiments.comparison import Comparison

_FEWEST = 10
"""Rows of the rarest class below which no method is called the best."""

_NEAR = 0.1  # share of the way from guessing to a perfect score below which a method is near guessing

_DEAR = 0.1  # share of what the best gains over guessing: one that loses more is no substitute for it


def no_winner(comparison: "Comparison") -> str:
    """Return why no recipe of a comparison is crowned, in a sentence; empty where one is."""
    return _leak(comparison) or _few_rows(comparison) or _guessing(comparison)


def _leak(comparison: "Comparison") -> str:
    serious = [f for f in comparison.problem["findings"] if f["severity"] == "serious" and "leak" in f["kind"]]
    if not serious:
        return ""
    return f"The scores cannot be trusted, since the target seems to leak into the features. {serious[0]['text']}"


def _few_rows(comparison: "Comparison") -> str:
    problem = comparison.problem
    rarest = min(problem["counts"])
    if rarest >= _FEWEST:
        return ""
    return (
        f"The class “{problem['classes'][comparison.rare]}” has only {counted(rarest, 'row')}, too few to tell methods "
        f"apart: collect {_FEWEST} at least, better 50."
    )


def _guessing(comparison: "Comparison") -> str:
    """Say so if the best recipe is near the best decision that looks at no feature, and may be no better."""
    return (_guessing_by_terms if comparison.aim.decides else _guessing_by_metric)(comparison)


def _guessing_by_terms(comparison: "Comparison") -> str:
    found = comparison.by_terms
    if not len(found.table) or _is_usable(found.gain, found.room) or not found.room:
        return ""
    value, guess = (
        number(values.mean(), 3 if found.goal == "recall" else 1)
        for values in (found.table[found.best], found.blind[found.guess])
    )
    return (
        f"No method is usable by your terms: {TITLES[found.goal]} is {value} with the best, {called(found.best)}, "
        f"which does not differ significantly from {guess}, that of {found.guess}.{cuts(comparison, found.best)}"
    )


def reservation(comparison: "Comparison", recipe: str) -> str:
    """Return what speaks against a recipe by the terms though it does not differ significantly from the best.

    Few folds show no difference, however large: what a recipe does on average counts, too.
    """
    found = comparison.by_terms
    if found.misses_floor(recipe):
        return "misses a floor"
    gap = found.against_best(recipe).mean * (-1 if found.greater_is_better else 1)
    if gap > _DEAR * max(found.gain.mean, 0.0) + 1e-9:
        return f"loses more than {100 * _DEAR:g}% of what {called(found.best)} gains over {found.guess}"
    if recipe != found.best and found.room and not _is_usable(found.gain_of(recipe), found.room):
        return "is not shown to be better than guessing"
    return ""


def _is_usable(gain: Interval, room: float) -> bool:
    """Whether a gain over guessing is significant, or not small beside what is possible; if not known, it counts so."""
    return bool(np.isnan(gain.low) or gain.low > 0 or gain.mean > _NEAR * room)


def _guessing_by_metric(comparison: "Comparison") -> str:
    metric, best = METRICS[comparison.metric], comparison.best
    scores = comparison.table(comparison.chosen)[best]
    folds = [comparison.folds[key] for key in scores.index]
    blind = np.array([guessing(metric, fold, comparison.rare) for fold in folds])
    gain = comparison.interval_of((scores - blind) * (1 if metric.greater_is_better else -1))
    perfect = metric.bounds[int(metric.greater_is_better)]
    if not folds or _is_usable(gain, abs(perfect - blind.mean())):
        return ""
    return (
        f"No method is usable here: the best, {called(best)}, has a {metric.title} of {number(scores.mean())}, which "
        f"does not differ significantly from {number(blind.mean())}, that of a decision that looks at no feature."
        f"{cuts(comparison, best)}"
    )


def cuts(comparison: "Comparison", recipe: str) -> str:
    """Say which cuts touch the score of a recipe."""
    touching = [note for note in comparison.protocol.notes if _touches(note, recipe)]
    return f" This score is after a cut: {' '.join(touching)}" if touching else ""


def _touches(note: str, recipe: str) -> bool:
    named, _, rest = note.partition(": ")
    if rest and named in recipes.names():
        return named == recipe
    return "steps" in note and recipes.is_known(recipe) and recipes.is_neural(recipe)


def guessing(metric: Metric, fold: StoredFold, rare: int) -> float:
    """Return the best score on a fold that takes no feature: of one class for all rows, of priors, of a fair draw."""
    codes, counts = fold.test_codes, np.asarray(fold.train_mass, dtype=np.float64)
    priors, equal = counts / counts.sum(), np.full(len(counts), 1 / len(counts))
    blind: list[NDArray[np.float64]] = [one_hot(np.full(len(codes), k), len(counts)) for k in range(len(counts))]
    if not metric.at_threshold:
        blind = [np.tile(row, (len(codes), 1)) for row in (priors, equal)]
    scores = [metric.of(codes, proba, rare, fold.test_weights) for proba in blind]
    if metric.name in ("g_mean", "balanced_accuracy"):
        scores.append(1 / len(counts))  # each class drawn alike has this recall in every class
    return max(scores) if metric.greater_is_better else min(scores)
