"""Run recipes and further arms on data sets, one store a set; what is stored is not run again."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise import datasets
from equipoise.datasets import Dataset
from equipoise.experiments.comparison import one_hot
from equipoise.experiments.grid import PreparedFold, fit_cell
from equipoise.experiments.protocol import Fold, Protocol, split
from equipoise.experiments.scores import Metric
from equipoise.experiments.store import Cell, Store
from equipoise.recipes import classifier
from equipoise.training.machines import n_workers
from equipoise.training.processes import side_by_side
from equipoise_reproductions.stores import open_store

_QUICK_SETS = 2

OnProgress = Callable[[str, int, int], None]
Make = Callable[[int, int, int], ClassifierMixin]


@dataclass(frozen=True)
class Arm:
    """A classifier that is compared.

    Attributes
    ----------
    name, title : str
    make : callable
        ``(seed, n_members, max_steps) -> classifier`` of standardised numbers.
    by_group : bool
        Whether its `fit` is told the rows' groups.
    decisions : tuple of str
        Decisions of its `predict_from_proba` that are kept, each as a method of its own, ``<name>-<decision>``.
    most_cells, most_repeats : int or None
        Rows times columns of a set that it is run on, and repeats there; where its cost forbids more.
    """

    name: str
    title: str
    make: Make
    by_group: bool = False
    decisions: tuple[str, ...] = ()
    most_cells: int | None = None
    most_repeats: int | None = None

    def runs_on(self, n_cells: int, repeat: int) -> bool:
        """Whether it is run in a repeat on a set of so many rows times columns."""
        small_enough = self.most_cells is None or n_cells <= self.most_cells
        return small_enough and (self.most_repeats is None or repeat < self.most_repeats)


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
        Run the smallest sets only.
    n_repeats : int
        Of the folds, each time drawn anew.
    most_rows_repeated : int
        Of a set whose folds are repeated.
    """

    n_folds: int = 5
    n_members: int = 4
    most_rows: int = 5500
    most_steps: int = 1_000_000
    quick: bool = False
    n_repeats: int = 1
    most_rows_repeated: int = 5000


def protocol_of(n_rows: int, recipes: Sequence[str], effort: Effort) -> Protocol:
    """Return the folds, members and gradient steps of a set, the same for all that is compared."""
    n_train = n_rows - n_rows // effort.n_folds
    steps = min(effort.most_steps, classifier("none").planned_steps(n_train))
    n_repeats = effort.n_repeats if n_rows <= effort.most_rows_repeated else 1
    return Protocol(tuple(recipes), effort.n_folds, n_repeats, effort.n_members, steps, random_state=0)


def codes_of(dataset: Dataset, store: Store) -> NDArray[np.int64]:
    """Return the class of each row as a code, and keep in the store which of them is rare, and how many columns."""
    _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
    store.put("rare", int(np.bincount(codes).argmin()))
    store.put("columns", dataset.X.shape[1])
    return codes


def run_sets(folder: Path, effort: Effort, arms: Sequence[Arm], on_progress: OnProgress) -> list[str]:
    """Fit the arms on the suite's sets, the smallest first; return the names of those that are missing."""
    found, missing = obtainable({name: partial(datasets.load, name) for name in datasets.suite()})
    found = [(name, dataset) for name, dataset in found if len(dataset.y) <= effort.most_rows]
    found = found[:_QUICK_SETS] if effort.quick else found
    for number, (name, dataset) in enumerate(found, start=1):
        with open_store(folder, name, effort) as store:
            codes = codes_of(dataset, store)
            protocol = protocol_of(len(codes), (), effort)
            folds = [fold for r in range(protocol.n_repeats) for fold in split(codes, dataset.groups, protocol, r)]
            run_arms(dataset, codes, folds, protocol, store, arms, dataset.groups)
        on_progress("sets", number, len(found))
    return missing


def run_arms(
    dataset: Dataset,
    codes: NDArray[np.int64],
    folds: Iterable[Fold],
    protocol: Protocol,
    store: Store,
    arms: Sequence[Arm],
    groups: NDArray[Any] | None = None,
) -> None:
    """Fit the arms on the folds of one set, in processes, those that are not yet stored.

    Parameters
    ----------
    groups : ndarray of shape (n,), optional
        Of every row, for arms that are told them.
    """
    done = store.done()
    keys = [(arm, fold) for fold in folds for arm in arms if arm.runs_on(dataset.X.size, fold.repeat)]
    pending = [(arm, fold) for arm, fold in keys if (arm.name, fold.repeat, fold.number) not in done]
    prepared = {fold: PreparedFold.of(dataset, codes, fold) for fold in dict.fromkeys(fold for _, fold in pending)}
    for ready in prepared.values():
        store.add_fold(ready.fold, codes, ready.n_classes)
    jobs = [
        (
            arm.name,
            arm.decisions,
            arm.make(fold.seed, protocol.n_members, protocol.max_steps),
            prepared[fold],
            {} if groups is None or not arm.by_group else {"groups": groups[fold.train]},
        )
        for arm, fold in pending
    ]
    for number, cells in side_by_side(_fit_arm, jobs, n_workers()):
        arm, fold = pending[number]
        store.add([prepared[fold].failed(arm.name, cells)] if isinstance(cells, Exception) else cells)


def _fit_arm(
    name: str, decisions: Sequence[str], model: ClassifierMixin, fold: PreparedFold, parameters: dict[str, Any]
) -> list[Cell]:
    cell = fit_cell(name, model, fold, **parameters)
    if cell.probabilities is None:
        return [cell]
    return [cell, *(_decided(cell, decision, model, fold) for decision in decisions)]


def _decided(cell: Cell, decision: str, model: Any, fold: PreparedFold) -> Cell:
    """Keep what a model decides for as probabilities of 0 and 1."""
    codes = model.predict_from_proba(cell.probabilities, decision)
    decided = one_hot(codes, fold.n_classes)
    confusion = np.eye(fold.n_classes, dtype=np.int64)[fold.y_test].T @ decided.astype(np.int64)
    return replace(
        cell,
        recipe=f"{cell.recipe}-{decision}",
        probabilities=decided.astype(np.float32),
        confusion=confusion,
        made=[],
        decided=codes,
    )


def scores(folder: Path, families: Mapping[str, str], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Read mean scores over folds: ``set``, ``family``, ``method``, ``seconds`` a fit, and a column a metric.

    Parameters
    ----------
    folder : Path
        Of the stores.
    families : mapping of str to str
        Sets, and the source that each was cut from.
    metrics : sequence of Metric
    """
    by_fold = scores_by_fold(folder, families, metrics)
    return by_fold.drop(columns="fold").groupby(["set", "family", "method"], sort=False).mean().reset_index()


def scores_by_fold(folder: Path, families: Mapping[str, str], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Read what `scores` does, a row a ``fold`` of each repeat."""
    found = stores(folder, families)
    return pd.DataFrame(
        [{"set": name, "family": of} | row for name, of, store in found for row in _rows(store, metrics)]
    )


def stores(folder: Path, families: Mapping[str, str]) -> Iterator[tuple[str, str, Store]]:
    """Open the store of each set that has one, in turn; yield it with the names of the set and its source."""
    for name, family in families.items():
        if (path := folder / f"{name}.sqlite").exists():
            with Store(path) as store:
                yield name, family, store


def _rows(store: Store, metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    codes, rare = {(fold.repeat, fold.fold): fold.test_codes for fold in store.folds()}, store.get("rare")
    return [
        {
            "method": cell.recipe,
            "fold": cell.fold,
            "seconds": cell.seconds,
            **{
                metric.name: metric.score(codes[cell.repeat, cell.fold], cell.probabilities, rare) for metric in metrics
            },
        }
        for cell in store.cells()
        if cell.probabilities is not None
    ]


def obtainable(loaders: Mapping[str, Callable[[], Dataset]]) -> tuple[list[tuple[str, Dataset]], list[str]]:
    """Load what can be had, the smallest first; return the others' names.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found, missing = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each failed download
        for name, load in loaders.items():
            try:
                found.append((name, load()))
            except (OSError, ValueError):
                missing.append(name)
    if not found:
        raise FileNotFoundError(
            "None of the data sets can be had: connect to the internet, or name the folder that holds them in "
            "the environment variable EQUIPOISE_DATA_HOME."
        )
    return sorted(found, key=lambda pair: pair[1].X.size), missing
