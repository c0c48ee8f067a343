"""How much the intervals tell of the recommended recipe: as good as the best, or only not shown to be worse."""

from equipoise.experiments import Comparison
from equipoise.experiments.statistics import Interval
from equipoise.text import called, counted

UNTREATED = "none"
SIMPLE = ("logistic", UNTREATED, "gbdt", "lightgbm", "xgboost", "catboost")
"""Recipes without a treatment of the imbalance, the simplest first."""

_SIDE_BY_SIDE = 3
_SMALL = 0.05  # of what the best gains over a decision that looks at no feature: a difference that hardly matters


def side_by_side(comparison: Comparison) -> dict[str, str]:
    """Return the recipes to show side by side, three at least where as many are near the best, with what each is."""
    near = comparison.ranked.near_best
    best = near[0]
    simplest = next((name for name in SIMPLE if name in comparison.recipes), None)
    parts: dict[str, list[str]] = {}
    for name, part in (
        (best, "best"),
        (None if comparison.obstacle else comparison.winner, "recommended"),
        (simplest, "simplest"),
    ):
        if name is not None:
            parts.setdefault(name, []).append(part)
    for name in near:
        if len(parts) < _SIDE_BY_SIDE:
            parts.setdefault(name, ["≈ best"])
    return {name: ", ".join(own) for name, own in parts.items()}


def loss(comparison: Comparison) -> Interval:
    """Return how much worse the winner is than the best, by the metric or by the terms, with its interval."""
    mean, low, high = comparison.ranked.against_best(comparison.winner)
    return Interval(-mean, -high, -low) if comparison.ranked.greater_is_better else Interval(mean, low, high)


def settled(comparison: Comparison) -> bool:
    """Whether the winner is at most a little worse than the best, by the whole interval of their difference."""
    return loss(comparison).high <= _SMALL * abs(comparison.ranked.gain.mean)


def unsettled(comparison: Comparison, best: str) -> str:
    """Say that rows and repeats do not tell the winner from the best."""
    protocol, rare = comparison.protocol, comparison.rare
    of = counted(protocol.n_folds - 1, "part") if protocol.by_time else counted(protocol.n_repeats, "repeat")
    rows = counted(comparison.problem["counts"][rare], "image" if protocol.images else "row")
    return (
        f"With {of} and {rows} of “{comparison.classes[rare]}”, a difference between {called(comparison.winner)} and "
        f"{called(best)} can be neither shown nor ruled out."
    )
