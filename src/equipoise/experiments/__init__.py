"""Recipes compared under one protocol: folds, grid, store, statistics."""

from equipoise.experiments.compare import compare, refit, results_path
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Store

__all__ = ["METRICS", "Comparison", "Metric", "Store", "compare", "refit", "results_path"]
