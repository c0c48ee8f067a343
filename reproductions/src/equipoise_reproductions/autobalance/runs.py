"""How much is run on small sets of the comparison suite; the arms on long tails, and with groups on adult."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise import datasets, metrics
from equipoise.datasets import Dataset
from equipoise.experiments.protocol import split
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise.experiments.study import open_store
from equipoise_reproductions import suite
from equipoise_reproductions.autobalance.adult import adult
from equipoise_reproductions.autobalance.arms import GROUPS, TABLES
from equipoise_reproductions.autobalance.tails import SETS, long_tailed
from equipoise_reproductions.suite import Effort, OnProgress

SUITE = Effort(n_folds=3, n_members=2, most_rows=6000, most_steps=300)
TAILS = Effort(n_folds=5, n_members=2, most_rows=20_000, most_steps=600)
ADULT = Effort(n_folds=3, n_members=2, most_rows=50_000, most_steps=1000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=600, most_steps=60, quick=True)

BALANCED_ERROR = Metric(
    "balanced_error",
    "balanced error",
    False,
    True,
    lambda codes, proba, rare: 1 - METRICS["balanced_accuracy"].score(codes, proba, rare),
    "equal",
)
SCORED = (BALANCED_ERROR, METRICS["balanced_brier"])
GROUP_SCORES = {
    "accuracy": "accuracy",
    "error": "balanced error",
    "cells": "mean of four cells",
    "worst": "worst cell",
    "deo": "DEO",
}


def run_tails(folder: Path, effort: Effort, on_progress: OnProgress) -> list[str]:
    """Run the arms on long-tailed training sides; return the names of sets that cannot be had."""
    found, missing = suite.obtainable({name: partial(datasets.load, full) for name, full in SETS.items()})
    found = found[:1] if effort.quick else found
    for number, (name, dataset) in enumerate(found, start=1):
        with open_store(folder, name, effort) as store:
            codes = suite.codes_of(dataset, store)
            protocol = suite.protocol_of(len(codes), (), effort)
            folds = long_tailed(split(codes, dataset.groups, protocol, 0), codes)
            suite.run_arms(dataset, codes, folds, protocol, store, TABLES)
        on_progress("tails", number, len(found))
    return missing


def run_groups(folder: Path, effort: Effort, data: tuple[Dataset, NDArray[np.str_]] | None = None) -> None:
    """Run the arms that know of groups, and some that do not, on adult or other data with groups."""
    dataset, groups = adult() if data is None else data
    with open_store(folder, dataset.name, effort) as store:
        codes = suite.codes_of(dataset, store)
        protocol = suite.protocol_of(len(codes), (), effort)
        suite.run_arms(dataset, codes, split(codes, None, protocol, 0), protocol, store, GROUPS, groups)


def group_scores(path: Path, groups: NDArray[np.str_]) -> pd.DataFrame:
    """Read `GROUP_SCORES` of every arm and fold of a store: ``method``, ``fold``, and a column a score."""
    with Store(path) as store:
        folds = {fold.fold: fold for fold in store.folds()}
        return pd.DataFrame(
            [
                {"method": cell.arm, "fold": cell.fold, **_of_groups(cell, folds[cell.fold], groups)}
                for cell in store.cells()
                if cell.probabilities is not None
            ]
        )


def _of_groups(cell: Cell, fold: StoredFold, groups: NDArray[np.str_]) -> dict[str, float]:
    assert cell.probabilities is not None
    decided = cell.probabilities.argmax(axis=1)
    errors = metrics.group_errors(fold.test_codes, decided, groups[fold.test_rows])
    return {
        "accuracy": float((decided == fold.test_codes).mean()),
        "error": 1 - metrics.balanced_accuracy(fold.test_codes, decided),
        "cells": errors["balanced"],
        "worst": errors["worst"],
        "deo": errors["deo"],
    }
