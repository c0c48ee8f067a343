"""Whether a comparison has a winner at all: not on few rows, on leaks, or where every method is as good as guessing.

And which recipes may be recommended in place of the best, because they are quicker.
"""

from typing import TYPE_CHECKING

import numpy as np

from equipoise import recipes
from equipoise.experiments.by_terms import AS_NEAR
from equipoise.experiments.statistics import Interval
from equipoise.rules import capacity_in_words
from equipoise.text import between, called, counted, listed, number

if TYPE_CHECKING:
    from equipoise.experiments.comparison import Comparison

_FEWEST = 10
"""Rows of the rarest class below which no method is called the best."""

_NEAR = 0.1  # share of the way from guessing to a perfect score below which a method is near guessing

_DEAR = 0.1  # share of what the best gains over guessing: one that loses more is no substitute for it


def no_winner(comparison: "Comparison") -> str:
    """Return why no recipe of a comparison is crowned, in a sentence; empty where one is."""
    return (
        _leak(comparison)
        or _few_rows(comparison)
        or _nothing_to_rank(comparison)
        or _guessing(comparison)
        or _below_a_floor(comparison)
    )


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


def _nothing_to_rank(comparison: "Comparison") -> str:
    """Say so if a capacity gives all rows of the test folds an alarm, or none, whatever the recipe."""
    capacity = comparison.aim.capacity
    if capacity is None:
        return ""
    found = comparison.by_terms
    if not len(found.table) or found.room:
        return ""
    if found.no_alarm:
        does, remedy = "gives no alarm in", "Give it in rows, such as `--capacity 1`, or as a larger share."
    else:
        does = "holds every row of"
        remedy = "Give it as a share of the rows of your batches, such as `--capacity 2%`."
    return (
        "Your terms cannot rank recipes here, as a decision that looks at no feature does as well: the capacity of "
        f"{capacity_in_words(capacity)} {does} a test fold, of about "
        f"{counted(round(found.read[found.best].batch), 'row')}. {remedy}"
    )


def _guessing(comparison: "Comparison") -> str:
    """Say so if the best recipe is near the best decision that looks at no feature, and may be no better."""
    found, decides = comparison.ranked, comparison.aim.decides
    if not len(found.table) or not found.room or _is_usable(found.gain, found.room):
        return ""
    how = "does not differ significantly from" if found.gain.mean > 0 else "is no better than"
    value, guess = found.figure(found.table[found.best].mean()), found.figure(found.of_guess.mean())
    return (
        f"No method is usable {'by your terms' if decides else 'here'}: the best, {called(found.best)}, has {value} "
        f"({found.title}), which {how} {guess}, that of {found.guess}."
        f"{cuts(comparison, found.best)}"
    )


def _below_a_floor(comparison: "Comparison") -> str:
    """Say so if no recipe keeps the user's floors, and the nearest one significantly misses one."""
    if not comparison.aim.decides:
        return ""
    found = comparison.by_terms
    missed = [(what, floor, value) for what, floor, value in found.floors(found.best) if value.high < floor]
    if not missed:
        return ""
    reached = listed(
        f"a {what} of {number(value.mean)} (95% interval {between(value.low, value.high)}; {floor:g} was asked for)"
        for what, floor, value in missed
    )
    both = " together" if len(found.floors(found.best)) > 1 else ""
    nearest = "the nearest" if found.best == found.nearest_miss else f"within {AS_NEAR} of the nearest"
    return (
        f"No recipe keeps your terms{both}: {called(found.best)}, {nearest}, reaches {reached} on held-out rows. Ask "
        f"for less, or for {'one floor only' if both else 'another floor'}.{cuts(comparison, found.best)}"
    )


def reservation(comparison: "Comparison", recipe: str) -> str:
    """Return what speaks against a recipe though it does not differ significantly from the best.

    Few folds show no difference, however large: what a recipe does on average counts, too.
    """
    found = comparison.ranked
    if found.misses_floor(recipe):
        return "missing a floor"
    gap = found.against_best(recipe).mean * (-1 if found.greater_is_better else 1)
    if gap > _DEAR * max(found.gain.mean, 0.0) + 1e-9:
        return f"losing more than {100 * _DEAR:g}% of what {called(found.best)} gains over {found.guess}"
    if recipe != found.best and found.room and not _is_usable(found.gain_of(recipe), found.room):
        return "not being shown to be better than guessing"
    return ""


def _is_usable(gain: Interval, room: float) -> bool:
    """Whether a gain over guessing is significant, or not small beside what is possible; if not known, it counts so."""
    return bool(np.isnan(gain.low) or gain.low > 0 or gain.mean > _NEAR * room)


def cuts(comparison: "Comparison", recipe: str) -> str:
    """Say which cuts touch the score of a recipe."""
    touching = [note for note in comparison.protocol.notes if _touches(note, recipe)]
    return f" This score is after a cut: {' '.join(touching)}" if touching else ""


def _touches(note: str, recipe: str) -> bool:
    named, _, rest = note.partition(": ")
    if rest and named in recipes.names():
        return named == recipe
    return "steps" in note and recipes.is_known(recipe) and recipes.is_neural(recipe)
