"""Run GAN over-samplers and what they must beat on the smaller sets of the comparison suite."""

from functools import partial
from pathlib import Path

from equipoise import datasets
from equipoise.experiments.protocol import split
from equipoise.reproductions import suite
from equipoise.reproductions.gans.arms import arms
from equipoise.reproductions.stores import open_store
from equipoise.reproductions.suite import Effort, OnProgress

FULL = Effort(n_folds=5, n_members=1, most_rows=6000, most_steps=1000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=500, most_steps=60, quick=True)
_QUICK_SETS = 2


def run_all(folder: Path, effort: Effort, on_progress: OnProgress) -> list[str]:
    """Run what is not yet stored of every set that can be had, the smallest first; return the others' names."""
    found, missing = suite.obtainable({name: partial(datasets.load, name) for name in datasets.suite()})
    found = [(name, dataset) for name, dataset in found if len(dataset.y) <= effort.most_rows]
    found = found[:_QUICK_SETS] if effort.quick else found
    compared = arms(quick=effort.quick)
    for number, (name, dataset) in enumerate(found, start=1):
        with open_store(folder, name, effort) as store:
            codes = suite.codes_of(dataset, store)
            protocol = suite.protocol_of(len(codes), (), effort)
            suite.run_arms(dataset, codes, split(codes, dataset.groups, protocol, 0), protocol, store, compared)
        on_progress("sets", number, len(found))
    return missing
