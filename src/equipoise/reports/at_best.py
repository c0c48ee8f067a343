"""What "at its best" means: how recipes are read for their scores, and how a model is shipped, in words."""

from collections import Counter

import numpy as np

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.best import candidates
from equipoise.experiments.readings import CALIBRATED, CORRECTED, DECIDED, TUNED
from equipoise.text import called, listed

_READ = {
    CORRECTED: "with its probabilities corrected to {} class priors",
    TUNED: "with tuned thresholds",
    CALIBRATED: "with calibrated probabilities",
}
_SHORT = {CORRECTED: "class priors corrected", TUNED: "thresholds tuned", CALIBRATED: "calibrated"}


def own(comparison: Comparison) -> str:
    """Return what a column calls the answers of a recipe before any reading: its decision, or its probabilities."""
    return f"own {'decision' if METRICS[comparison.metric].at_threshold else 'probabilities'}"


def by_its_own(comparison: Comparison, recipe: str) -> str:
    """Say how a recipe answers before any reading."""
    if not METRICS[comparison.metric].at_threshold:
        return "with its own probabilities"
    return "by its own decision rule" if _has_rule(comparison, recipe) else "deciding for the most probable class"


def _has_rule(comparison: Comparison, recipe: str) -> bool:
    """Whether a recipe decides otherwise than for the most probable class."""
    cells = (cell for cell in comparison.readings.cells if cell.arm == recipe)
    return any((cell.decided != np.asarray(cell.probabilities).argmax(axis=1)).any() for cell in cells)


def at_its_best(comparison: Comparison) -> str:
    """Say what "at its best" means for the chosen metric; empty where no reading changes it."""
    names = candidates(METRICS[comparison.metric], len(comparison.classes))
    if len(names) == 1:
        return ""
    others = "the folds before it" if comparison.protocol.by_time else "the other folds"
    decides = METRICS[comparison.metric].at_threshold
    what = "decisions on each test fold are made" if decides else "probabilities of each test fold are read"
    ways = listed((_short(comparison, name) for name in names), last="or")
    said = f"“At its best” means: the {what} in the way that does best on {others} ({ways}); its own rows have no part"
    if not decides:
        return f"{said} in that choice."
    ruled = [called(recipe) for recipe in comparison.recipes if _has_rule(comparison, recipe)]
    rules = f"; of {listed(ruled)}, its own rule" if ruled else ""
    return f"{said} in that choice. Own decision: the most probable class{rules}."


def decision(comparison: Comparison) -> str:
    """Name the decision that a model of a recipe ships with, as held-out rows show it; "" where it is its own."""
    if comparison.aim.decides:
        return "by your terms"
    return "at its best" if at_its_best(comparison) else ""


def in_folds(comparison: Comparison, recipe: str) -> list[str]:
    """Return how the folds of a recipe are read for its score at its best, with their numbers where that varies."""
    scores = comparison.scores
    counts = Counter(scores.loc[scores["recipe"] == recipe, "reading"])
    total = counts.total()
    return [
        _short(comparison, name) + (f" in {n} of {total} folds" if n < total else "")
        for name, n in counts.most_common()
    ]


def _short(comparison: Comparison, reading: str) -> str:
    return own(comparison) if reading == DECIDED else _SHORT[reading]


def read_as(comparison: Comparison, recipe: str) -> str:
    """Say how the model of a recipe is shipped: as is best over all folds; empty where that is as it comes."""
    reading, metric = comparison.at_best.overall(recipe), METRICS[comparison.metric]
    priors = "equal" if metric.priors == "equal" else "the observed"
    if reading == CORRECTED and metric.at_threshold:
        return f"deciding for {priors} class priors"
    return _READ[reading].format(priors) if reading in _READ else ""
