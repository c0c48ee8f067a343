"""Run recipes and arms on the sets of the comparison suite, one store a set; what is stored is not run again."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray

from equipoise import datasets
from equipoise.datasets import Dataset
from equipoise.experiments.compare import versions
from equipoise.experiments.grid import PreparedFold, fit_cell, run_repeat
from equipoise.experiments.protocol import Protocol, split
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Store
from equipoise.recipes import classifier
from equipoise.reproductions.chance.arms import ARMS, RECIPES, Arm

OnProgress = Callable[[str, int, int], None]
SCORED = ("g_mean", "macro_f1", "balanced_brier", "average_precision")


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Attributes
    ----------
    n_folds, n_members : int
    most_rows : int
        Of a set that the arms run on.
    most_steps : int
        Gradient steps of a network, at most.
    quick : bool
        Run the five smallest sets only.
    """

    n_folds: int = 5
    n_members: int = 4
    most_rows: int = 5500
    most_steps: int = 1_000_000
    quick: bool = False


FULL, QUICK = Effort(), Effort(n_folds=2, n_members=2, most_rows=600, most_steps=300, quick=True)


def run_all(folder: Path, effort: Effort, on_progress: OnProgress) -> list[str]:
    """Run what is not yet stored of every set that can be had, the smallest first; return the others' names."""
    folder.mkdir(parents=True, exist_ok=True)
    found, missing = _obtainable()
    found = found[:5] if effort.quick else found
    for number, dataset in enumerate(found, start=1):
        with _open(folder, dataset.name, effort) as store:
            run_set(dataset, store, effort)
        on_progress("sets", number, len(found))
    return missing


def run_set(dataset: Dataset, store: Store, effort: Effort, arms: Sequence[Arm] = ARMS) -> None:
    """Run the recipes, and the arms if the set is small enough, on the folds of one set."""
    _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
    protocol = protocol_of(codes, effort)
    store.put("rare", int(np.bincount(codes).argmin()))
    run_repeat(dataset, codes, protocol, 0, store, lambda kind, done, total: None)
    if len(codes) <= effort.most_rows:
        _run_arms(dataset, codes, protocol, store, arms)


def protocol_of(codes: NDArray[np.int64], effort: Effort) -> Protocol:
    """Return the folds, members and gradient steps of a set, the same for all that is compared."""
    n_train = len(codes) - len(codes) // effort.n_folds
    steps = min(effort.most_steps, classifier("none").planned_steps(n_train))
    return Protocol(RECIPES, effort.n_folds, 1, effort.n_members, steps, random_state=0)


def _run_arms(
    dataset: Dataset, codes: NDArray[np.int64], protocol: Protocol, store: Store, arms: Sequence[Arm]
) -> None:
    done = store.done()
    folds = [PreparedFold.of(dataset, codes, fold) for fold in split(codes, dataset.groups, protocol, 0)]
    pending = [(arm, fold) for arm in arms for fold in folds if (arm.name, 0, fold.fold.number) not in done]
    cells = Parallel(n_jobs=cpu_count(), return_as="generator_unordered")(
        delayed(fit_cell)(arm.name, arm.make(fold.fold.seed, protocol.n_members, protocol.max_steps), fold)
        for arm, fold in pending
    )
    for cell in cells:
        store.add([cell])


def scores(folder: Path) -> pd.DataFrame:
    """Read the mean scores over folds: ``set``, ``family``, ``method``, ``seconds`` a fit, and the `SCORED` metrics."""
    families = datasets.suite()
    rows = []
    for name in families:
        if (path := folder / f"{name}.sqlite").exists():
            with Store(path) as store:
                rows += [{"set": name, "family": families[name]} | row for row in _rows(store)]
    by_fold = pd.DataFrame(rows)
    return by_fold.groupby(["set", "family", "method"], sort=False).mean().reset_index()


def _rows(store: Store) -> list[dict[str, Any]]:
    codes, rare = {fold.fold: fold.test_codes for fold in store.folds()}, store.get("rare")
    return [
        {"method": cell.recipe, "seconds": cell.seconds,
         **{name: METRICS[name].score(codes[cell.fold], cell.probabilities, rare) for name in SCORED}}
        for cell in store.cells() if cell.probabilities is not None
    ]  # fmt: skip


def _obtainable() -> tuple[list[Dataset], list[str]]:
    found, missing = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each failed download
        for name in datasets.suite():
            try:
                found.append(datasets.load(name))
            except (OSError, ValueError):
                missing.append(name)
    if not found:
        raise FileNotFoundError(
            "None of the suite's data sets can be had: connect to the internet, or name the folder that holds them in "
            "the environment variable EQUIPOISE_DATA_HOME."
        )
    return sorted(found, key=lambda dataset: dataset.X.size), missing


def _open(folder: Path, name: str, effort: Effort) -> Store:
    store = Store(folder / f"{name}.sqlite")
    stored = store.get("effort")
    if stored is None:
        store.put("versions", versions())
        store.put("effort", asdict(effort))
    elif stored != asdict(effort):
        store.close()
        raise ValueError(
            f"{folder} holds results of another effort: choose another --out, or give --quick as it was given before."
        )
    return store
