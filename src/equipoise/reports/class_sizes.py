"""Recall against the size of a class: many, medium and few training images, as papers on long tails group them.

Liu et al., "Large-Scale Long-Tailed Recognition in an Open World" (CVPR 2019): more than 100, 20 to 100, fewer than 20.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from equipoise.experiments import Comparison
from equipoise.metrics import counts_summary
from equipoise.reports import plots
from equipoise.reports.svg import SERIES

MEDIUM = (20, 100)
"""Training images of the classes in the middle."""


def training_rows(comparison: Comparison) -> NDArray[np.float64]:
    """Return the training rows of each class, as a mean over folds."""
    counts = np.asarray(comparison.problem["counts"], dtype=np.float64)
    tested = [np.bincount(fold.test_codes, minlength=len(counts)) for fold in comparison.folds.values()]
    return counts - np.mean(tested, axis=0)


def recalls(comparison: Comparison, recipe: str) -> NDArray[np.float64]:
    """Return the recall of each class."""
    return np.asarray(counts_summary(comparison.confusion(recipe))["recall"])


def by_group(comparison: Comparison) -> dict[str, Any]:
    """Return the classes of each group of sizes, and the mean recall of each recipe there; None without classes."""
    rows = training_rows(comparison)
    members = {"many": rows > MEDIUM[1], "medium": (rows >= MEDIUM[0]) & (rows <= MEDIUM[1]), "few": rows < MEDIUM[0]}
    members["all"] = np.ones(len(rows), dtype=bool)
    return {
        "classes": {name: int(within.sum()) for name, within in members.items()},
        "recall": {
            recipe: {
                name: float(recalls(comparison, recipe)[within].mean()) if within.any() else None
                for name, within in members.items()
            }
            for recipe in comparison.leaderboard["recipe"]
        },
        "training_rows": dict(zip(comparison.classes, rows.tolist())),
    }


def figure(comparison: Comparison, shown: list[str]) -> tuple[Figure, str]:
    """Draw the recall of each class against its training rows, and describe it."""
    rows = training_rows(comparison)
    points = [(name, rows, recalls(comparison, name), colour) for name, colour in zip(shown, SERIES)]
    bounds = [bound for bound in MEDIUM if rows.min() < bound < rows.max()]
    return plots.by_size(points, bounds), f"Recall of each class against its training images, for {', '.join(shown)}."
