"""Arms compared under one protocol: splits, engine, store, readings; `compare` for recipes."""

from equipoise.experiments.arms import Arm
from equipoise.experiments.compare import compare, results_path
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.readings import results
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Store
from equipoise.experiments.whole import fit_recipe, refit

__all__ = [
    "METRICS",
    "Arm",
    "Comparison",
    "Metric",
    "Store",
    "compare",
    "fit_recipe",
    "refit",
    "results",
    "results_path",
]
