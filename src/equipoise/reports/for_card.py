"""What the model card tells of a comparison: figures of the model as it is shipped, and what it uses."""

import math
from typing import Any

from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.reports.split import measured

_IMPORTANT = 6  # groups of columns that are named


def for_card(comparison: Comparison) -> dict[str, Any]:
    """Return entries of ``about`` for `equipoise.persistence.save`: ``figures``, ``measured`` and ``important``."""
    scores = shipped.scores(comparison, comparison.winner)
    return {
        "important": comparison.importance["columns"].head(_IMPORTANT).tolist(),
        "figures": {METRICS[name].title: None if math.isnan(value) else value for name, value in scores.items()},
        "measured": measured(comparison),
    }
