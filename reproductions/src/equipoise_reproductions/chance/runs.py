"""Run recipes and arms on the sets of the comparison suite."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from equipoise import datasets
from equipoise.datasets import Dataset
from equipoise.experiments.grid import run_repeat
from equipoise.experiments.protocol import split
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Store
from equipoise_reproductions import suite
from equipoise_reproductions.chance.arms import ARMS, RECIPES
from equipoise_reproductions.stores import open_store
from equipoise_reproductions.suite import Arm, Effort, OnProgress

SCORED = ("g_mean", "macro_f1", "balanced_brier", "average_precision")
FULL, QUICK = Effort(), Effort(n_folds=2, n_members=2, most_rows=600, most_steps=300, quick=True)


def run_all(folder: Path, effort: Effort, on_progress: OnProgress) -> list[str]:
    """Run what is not yet stored of every set that can be had, the smallest first; return the others' names."""
    found, missing = suite.obtainable({name: partial(datasets.load, name) for name in datasets.suite()})
    found = found[:5] if effort.quick else found
    for number, (name, dataset) in enumerate(found, start=1):
        with open_store(folder, name, effort) as store:
            run_set(dataset, store, effort)
        on_progress("sets", number, len(found))
    return missing


def run_set(dataset: Dataset, store: Store, effort: Effort, arms: Sequence[Arm] = ARMS) -> None:
    """Run the recipes, and the arms if the set is small enough, on the folds of one set."""
    codes = suite.codes_of(dataset, store)
    protocol = suite.protocol_of(len(codes), RECIPES, effort)
    run_repeat(dataset, codes, protocol, 0, store, lambda kind, done, total: None)
    if len(codes) <= effort.most_rows:
        suite.run_arms(dataset, codes, split(codes, dataset.groups, protocol, 0), protocol, store, arms)


def scores(folder: Path) -> pd.DataFrame:
    """Read the mean scores over folds: ``set``, ``family``, ``method``, ``seconds`` a fit, and the `SCORED` metrics."""
    return suite.scores(folder, datasets.suite(), [METRICS[name] for name in SCORED])
