"""What the model card tells of a comparison: figures of the model as it is shipped, and what it uses."""

import math
from typing import TYPE_CHECKING, Any

from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.reports.at_best import at_its_best
from equipoise.reports.split import measured
from equipoise.reports.text import without_values
from equipoise.tables.finding import shortened

if TYPE_CHECKING:
    from equipoise.datasets import Dataset

_IMPORTANT = 6  # groups of columns that are named


def findings_for_card(data: "Dataset", *, show_values: bool = False) -> dict[str, Any]:
    """Return entries of ``about``: ``findings`` of the check, with cells in them only where values may be shown."""
    said = [f"{found.severity.capitalize()}: {found}" for found in shortened(data.findings)]
    if not show_values:
        columns = {name for found in data.findings for name in found.columns}
        names = {*map(str, data.X.columns), *map(str, data.y.unique()), *data.roles.values(), *columns}
        said = [without_values(sentence, names) for sentence in said]
    return {"findings": said, "show_values": show_values}


def for_card(comparison: Comparison) -> dict[str, Any]:
    """Return entries of ``about`` for `equipoise.persistence.save`: ``figures``, ``measured`` and ``important``."""
    scores = shipped.scores(comparison, comparison.winner)
    return {
        "important": comparison.importance["columns"].head(_IMPORTANT).tolist(),
        "figures": {METRICS[name].title: None if math.isnan(value) else value for name, value in scores.items()},
        "measured": f"{measured(comparison)}{_read(comparison)}",
    }


def _read(comparison: Comparison) -> str:
    """Return how the held-out rows of the figures are decided or read."""
    if comparison.aim.decides:
        return ", each fold decided as the other folds tell"
    meaning = at_its_best(comparison).rstrip(".")
    return f", at its best. {meaning}" if meaning else ""
