"""What "at its best" means: how recipes are read for their scores, and how a model is shipped, in words."""

from collections import Counter

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.best import candidates
from equipoise.experiments.readings import CALIBRATED, CORRECTED, DECIDED, TUNED
from equipoise.text import listed

_READ = {
    CORRECTED: "with its probabilities corrected to {} class priors",
    TUNED: "with tuned thresholds",
    CALIBRATED: "with calibrated probabilities",
}
_SHORT = {
    DECIDED: "as shipped",
    CORRECTED: "class priors corrected",
    TUNED: "thresholds tuned",
    CALIBRATED: "calibrated",
}


def at_its_best(comparison: Comparison) -> str:
    """Say what "at its best" means for the chosen metric; empty where no reading changes it."""
    names = candidates(METRICS[comparison.metric], len(comparison.classes))
    if len(names) == 1:
        return ""
    others = "the folds before it" if comparison.protocol.by_time else "the other folds"
    decides = METRICS[comparison.metric].at_threshold
    what = "decisions on each test fold are made" if decides else "probabilities of each test fold are read"
    ways = listed((_SHORT[name] for name in names), last="or")
    return (
        f"“At its best” means: the {what} in the way that does best on {others} ({ways}); its "
        "own rows have no part in that choice."
    )


def in_folds(comparison: Comparison, recipe: str) -> list[str]:
    """Return how the folds of a recipe are read for its score at its best, with their numbers where that varies."""
    scores = comparison.scores
    counts = Counter(scores.loc[scores["recipe"] == recipe, "reading"])
    total = counts.total()
    return [_SHORT[name] + (f" in {n} of {total} folds" if n < total else "") for name, n in counts.most_common()]


def read_as(comparison: Comparison, recipe: str) -> str:
    """Say how the model of a recipe is shipped: as is best over all folds; empty where that is as it comes."""
    reading, metric = comparison.at_best.overall(recipe), METRICS[comparison.metric]
    priors = "equal" if metric.priors == "equal" else "the observed"
    if reading == CORRECTED and metric.at_threshold:
        return f"deciding for {priors} class priors"
    return _READ[reading].format(priors) if reading in _READ else ""
