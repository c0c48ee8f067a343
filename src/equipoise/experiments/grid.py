"""Run the cells of a comparison: recipes x folds x repeats, networks in stacks, the others in processes."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise import recipes
from equipoise.classifiers import AutoClassifier, NeuralClassifier
from equipoise.classifiers.jobs import FitJob
from equipoise.datasets import Dataset
from equipoise.experiments.protocol import Fold, Protocol, split
from equipoise.experiments.store import Cell, Store
from equipoise.training import Task, TrainedNetwork, fit
from equipoise.training.cautions import (
    MissingClassWarning,
    TwiceCorrectedWarning,
    missing_class_caution,
    twice_corrected_caution,
)
from equipoise.training.machines import n_workers
from equipoise.training.processes import side_by_side

_ROW_BYTES = 1 << 30  # of rows that are made ready before networks train on them

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class PreparedFold:
    """A fold as numbers, the preprocessing fitted on its training side alone."""

    fold: Fold
    X_train: NDArray[np.float32]
    X_test: NDArray[np.float32]
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]
    n_classes: int
    groups: NDArray[Any] | None = None  # of the training rows

    @classmethod
    def of(cls, dataset: Dataset, codes: NDArray[np.int64], fold: Fold) -> "PreparedFold":
        """Fit the preprocessing on the training rows and apply it to both sides."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was dropped is told once, of the whole table
            table = dataset.table_preprocessor().fit(dataset.X.iloc[fold.train])
        X_train, X_test = (table.transform(dataset.X.iloc[rows]) for rows in (fold.train, fold.test))
        groups = None if dataset.groups is None else dataset.groups[fold.train]
        return cls(fold, X_train, X_test, codes[fold.train], codes[fold.test], int(codes.max()) + 1, groups)

    def check_classes(self) -> None:
        """Refuse a training side that lacks a class, as grouped rows can leave it."""
        if len(np.unique(self.y_train)) < self.n_classes:
            raise ValueError("The training rows of this fold lack a class: use fewer folds, or smaller groups.")

    def cell(self, recipe: str, model: ClassifierMixin, seconds: float, notes: list[str]) -> Cell:
        """Score a fitted classifier on the test side: its probabilities, and what it decides for."""
        proba = np.zeros((len(self.X_test), self.n_classes), dtype=np.float32)
        theirs = model.predict_proba(self.X_test)
        proba[:, model.classes_] = theirs
        decided = model.predict_from_proba(theirs) if hasattr(model, "predict_from_proba") else proba.argmax(axis=1)
        confusion = np.zeros((self.n_classes, self.n_classes), dtype=np.int64)
        np.add.at(confusion, (self.y_test, decided), 1)
        made = getattr(model, "sampler_diagnostics_", [])
        return Cell(
            recipe, self.fold.repeat, self.fold.number, seconds, proba, confusion, notes, made=made, decided=decided
        )

    def failed(self, recipe: str, error: Exception) -> Cell:
        """Record why a cell could not be had."""
        reason = f"{type(error).__name__}: {error}"
        return Cell(recipe, self.fold.repeat, self.fold.number, 0.0, None, None, error=reason)


def make_classifier(recipe: str, protocol: Protocol, seed: int) -> ClassifierMixin:
    """Return a recipe's classifier as a comparison trains it: equal seeds, members and gradient steps."""
    return recipes.classifier(recipe, random_state=seed, **parameters(recipe, protocol))


def parameters(recipe: str, protocol: Protocol) -> dict[str, Any]:
    """Return what a protocol says of a recipe's classifier: its members, gradient steps and decision."""
    if recipe == recipes.AUTO:
        return {"decision": protocol.decision, "max_steps": protocol.auto_steps}
    return {"n_members": protocol.n_members, "max_steps": protocol.max_steps} if recipes.is_neural(recipe) else {}


def job_of(model: NeuralClassifier | AutoClassifier, fold: PreparedFold) -> FitJob[Any]:
    """Return the first half of a classifier's fit; groups of rows stay together where it holds rows out."""
    if isinstance(model, AutoClassifier):
        return model.prepare(fold.X_train, fold.y_train, groups=fold.groups)
    return model.prepare(fold.X_train, fold.y_train)


def run_repeat(
    dataset: Dataset, codes: NDArray[np.int64], protocol: Protocol, repeat: int, store: Store, on_progress: OnProgress
) -> None:
    """Run what is not yet stored of one repeat; every result is stored as it arrives."""
    done = store.done()
    folds = list(split(codes, dataset.groups, protocol, repeat))
    pending = {fold.number: [r for r in protocol.recipes if (r, repeat, fold.number) not in done] for fold in folds}
    if not any(pending.values()):
        return
    prepared = [PreparedFold.of(dataset, codes, fold) for fold in folds if pending[fold.number]]
    for fold in prepared:
        store.add_fold(fold.fold, codes, fold.n_classes)
    wanted = [(recipe, fold) for fold in prepared for recipe in pending[fold.fold.number]]
    in_stacks = {recipe: hasattr(make_classifier(recipe, protocol, 0), "prepare") for recipe in protocol.recipes}
    alone = [(recipe, fold) for recipe, fold in wanted if not in_stacks[recipe]]
    _run_in_processes(alone, protocol, store, on_progress)
    _run_in_stacks([pair for pair in wanted if in_stacks[pair[0]]], protocol, store, on_progress)


def _run_in_processes(
    pairs: list[tuple[str, PreparedFold]], protocol: Protocol, store: Store, on_progress: OnProgress
) -> None:
    workers = min(n_workers(), len(pairs))
    if not workers:
        return
    jobs = [(recipe, make_classifier(recipe, protocol, fold.fold.seed), fold) for recipe, fold in pairs]
    for done, (number, cell) in enumerate(side_by_side(fit_cell, jobs, workers), start=1):
        recipe, fold = pairs[number]
        store.add([fold.failed(recipe, cell) if isinstance(cell, Exception) else cell])
        on_progress("alone", done, len(pairs))


def fit_cell(name: str, model: ClassifierMixin, fold: PreparedFold, **parameters: Any) -> Cell:
    """Fit a classifier on the training side of a fold, and score it on the test side.

    Further parameters are those of its ``fit``.
    """
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fold.check_classes()
            model.fit(fold.X_train, fold.y_train, **parameters)
        except Exception as error:
            return fold.failed(name, error)
    return fold.cell(name, model, time.perf_counter() - started, _sentences(caught))


@dataclass(eq=False)
class _PendingCell:
    """A cell whose networks are still in training."""

    recipe: str
    fold: PreparedFold
    job: FitJob[Any]
    notes: list[str]
    seconds: float
    networks: dict[int, TrainedNetwork] = field(default_factory=dict)

    @property
    def tasks(self) -> list[Task]:
        return self.job.tasks

    def finish(self) -> Cell:
        started = time.perf_counter()
        try:
            model = self.job.finish([self.networks[number] for number in sorted(self.networks)])
        except ValueError as error:
            return self.fold.failed(self.recipe, error)
        seconds = self.seconds + time.perf_counter() - started
        return self.fold.cell(self.recipe, model, seconds, self.notes)


def _run_in_stacks(
    pairs: list[tuple[str, PreparedFold]], protocol: Protocol, store: Store, on_progress: OnProgress
) -> None:
    """Train the networks of all cells in one call of the trainer, or in a few where their rows would fill memory."""
    cells: list[_PendingCell] = []
    before = 0  # network steps of earlier calls
    for number, (recipe, fold) in enumerate(pairs, start=1):
        cell = _prepare_cell(recipe, fold, protocol)
        if isinstance(cell, Cell):
            store.add([cell])
        else:
            cells.append(cell)
        on_progress("resampling", number, len(pairs))
        if number == len(pairs) or _n_bytes(cells) > _ROW_BYTES:
            of_all = partial(_share_done, on_progress, before, number / len(pairs))
            before += sum(task.planned_steps for cell in cells for task in cell.tasks)
            _train(cells, store, of_all)
            cells = []


def _n_bytes(cells: list[_PendingCell]) -> int:
    """Memory of the rows that networks of cells train on."""
    tables = {id(table): table for cell in cells for task in cell.tasks for table in (task.table, task.made) if table}
    return sum(table.X.nbytes for table in tables.values())


def _share_done(on_progress: OnProgress, before: int, share: float, done: int, total: int) -> None:
    """Tell the network steps done; the total as far as it can be told from a share of the cells."""
    on_progress("training", before + done, round((before + total) / share))


def _train(cells: list[_PendingCell], store: Store, on_steps: Callable[[int, int], None]) -> None:
    """Train the networks of cells; store a stack's finished cells at once."""
    owners = [cell for cell in cells for _ in cell.tasks]

    def keep(networks: dict[int, TrainedNetwork]) -> None:
        for number, network in networks.items():
            owners[number].networks[number] = network
            owners[number].seconds += network.seconds
        touched = dict.fromkeys(owners[number] for number in networks)
        store.add([cell.finish() for cell in touched if len(cell.networks) == len(cell.tasks)])

    def give_up(numbers: list[int], error: Exception) -> None:
        touched = dict.fromkeys(owners[number] for number in numbers)
        store.add([cell.fold.failed(cell.recipe, error) for cell in touched])

    tasks = [task for cell in cells for task in cell.tasks]
    with warnings.catch_warnings():
        for told in (MissingClassWarning, TwiceCorrectedWarning):  # each cell has its own note of it
            warnings.simplefilter("ignore", told)
        fit(tasks, n_jobs=n_workers(), on_progress=on_steps, on_stack=keep, on_failure=give_up)


def _prepare_cell(recipe: str, fold: PreparedFold, protocol: Protocol) -> "_PendingCell | Cell":
    started = time.perf_counter()
    model = make_classifier(recipe, protocol, fold.fold.seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fold.check_classes()
            job = job_of(model, fold)
        except Exception as error:
            return fold.failed(recipe, error)
    cautions = (missing_class_caution(job.tasks), twice_corrected_caution(job.tasks))
    notes = [*_sentences(caught), *filter(None, cautions)]
    return _PendingCell(recipe, fold, job, notes, time.perf_counter() - started)


def _sentences(caught: list[Any]) -> list[str]:
    return list(dict.fromkeys(str(warning.message) for warning in caught))
