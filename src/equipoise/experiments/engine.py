"""Run the cells of a study: arms x folds, networks in stacks, other classifiers in processes, on any backend."""

import time
import warnings
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from equipoise.classifiers.jobs import FitJob
from equipoise.deadline import Deadline
from equipoise.experiments.arms import Arm, weighted_priors
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell, Store
from equipoise.losses.base import TwiceCorrectedWarning
from equipoise.machines import n_workers
from equipoise.processes import side_by_side
from equipoise.progress import OnProgress, OnSteps
from equipoise.training import Task, TrainedNetwork, fit
from equipoise.training.cautions import (
    MissingClassWarning,
    missing_class_caution,
    twice_corrected_caution,
)

_ROW_BYTES = 1 << 30  # of rows that are made ready before networks train on them

Pair = tuple[Arm, PreparedFold]


def run_cells(
    wanted: Iterable[tuple[Arm, Fold]],
    prepare: Callable[[Fold], PreparedFold],
    protocol: Protocol,
    store: Store,
    on_progress: OnProgress = lambda kind, done, total: None,
    *,
    stacked: bool = True,
    alone: Container[str] = (),
    seconds: float | None = None,
    cut: bool = False,
) -> dict[str, float]:
    """Run the cells that are not yet stored; every result is stored as it arrives.

    ``prepare`` is called once a fold with something left to run. ``on_progress`` is called with a kind of work ("alone"
    in processes, "resampling", "training"), how much is done and how much there is. ``stacked=False`` fits every cell
    in a process of its own, so that its time is known; arms in ``alone`` are so in any case. After ``seconds``, cells
    that had not begun are left for another call; with ``cut``, cells whose networks were ended then are results, too.
    Returns arms with a cell that was ended at the time limit, and the share of their gradient steps that its networks
    had made; 1 where it is not known.
    """
    deadline = None if seconds is None else Deadline(seconds)
    done = store.done()
    pending = [(arm, fold) for arm, fold in wanted if (arm.name, fold.repeat, fold.number) not in done]
    ready = {fold: prepare(fold) for fold in dict.fromkeys(fold for _, fold in pending)}
    for fold, numbers in ready.items():
        store.add_fold(fold, numbers.y_test, numbers.counts, numbers.mass, numbers.weights_test)
    pairs = [(arm, ready[fold].seen(native=arm.native)) for arm, fold in pending]
    in_stacks = {
        arm.name: stacked and arm.name not in alone and hasattr(arm.make(fold, protocol), "prepare")
        for arm, fold in pairs
    }
    work = store, on_progress, deadline
    ended = _run_in_processes([pair for pair in pairs if not in_stacks[pair[0].name]], protocol, *work)
    return ended | _run_in_stacks([pair for pair in pairs if in_stacks[pair[0].name]], protocol, *work, cut=cut)


def _run_in_processes(
    pairs: list[Pair], protocol: Protocol, store: Store, on_progress: OnProgress, deadline: Deadline | None
) -> dict[str, float]:
    ended: dict[str, float] = {}
    if not pairs:
        return ended
    on_progress("alone", 0, len(pairs))
    jobs = [(arm, arm.make(fold, protocol), fold) for arm, fold in pairs]
    n_jobs = min(n_workers(), len(jobs))
    outcomes = side_by_side(fit_cells, jobs, n_jobs, None if deadline is None else deadline.left)
    for done, (number, cells) in enumerate(outcomes, start=1):
        arm, fold = pairs[number]
        if isinstance(cells, TimeoutError):
            ended[arm.name] = 1.0
        else:
            store.add([fold.failed(arm.name, cells)] if isinstance(cells, Exception) else cells)
        on_progress("alone", done, len(pairs))
    return ended


def fit_cells(arm: Arm, model: Any, fold: PreparedFold) -> list[Cell]:
    """Fit an arm's classifier on the training side of a fold, and score it on the test side, once a decision."""
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fold.check_classes()
            model.fit(fold.X_train, fold.y_train, **arm.fit_parameters(fold))
        except Exception as error:
            return [fold.failed(arm.name, error)]
    return _scored(arm, model, fold, time.perf_counter() - started, _sentences(caught))


def _scored(arm: Arm, model: Any, fold: PreparedFold, seconds: float, notes: list[str]) -> list[Cell]:
    priors = arm.priors(fold.counts)
    known = None if priors is None else weighted_priors(priors, fold.counts, fold.trained_mass).tolist()
    cell = fold.cell(arm.name, model, seconds, notes=notes, made=arm.figures(model), priors=known)
    return [cell, *(fold.decided_otherwise(cell, model, decision) for decision in arm.decisions)]


@dataclass(eq=False)
class _PendingCell:
    """A cell whose networks are still in training."""

    arm: Arm
    fold: PreparedFold
    job: FitJob[Any]
    notes: list[str]
    seconds: float
    networks: dict[int, TrainedNetwork] = field(default_factory=dict)

    @property
    def tasks(self) -> list[Task]:
        return self.job.tasks

    @property
    def reached(self) -> float:
        """The share of their gradient steps that networks made which were ended at a time limit; 1 without any."""
        networks = [self.networks[number] for number in sorted(self.networks)]
        pairs = zip(networks, self.tasks, strict=True)
        cut = [n.n_steps / task.settings.max_steps for n, task in pairs if n.stopped_by == "max_time"]
        return sum(cut) / len(cut) if cut else 1.0

    def finish(self) -> list[Cell]:
        started = time.perf_counter()
        try:
            model = self.job.finish([self.networks[number] for number in sorted(self.networks)])
        except ValueError as error:
            return [self.fold.failed(self.arm.name, error)]
        seconds = self.seconds + time.perf_counter() - started
        return _scored(self.arm, model, self.fold, seconds, self.notes)


def _run_in_stacks(
    pairs: list[Pair],
    protocol: Protocol,
    store: Store,
    on_progress: OnProgress,
    deadline: Deadline | None,
    *,
    cut: bool,
) -> dict[str, float]:
    """Train the networks of all cells in one call of the trainer, or in a few where their rows would fill memory."""
    cells: list[_PendingCell] = []
    ended: dict[str, float] = {}
    before = 0  # network steps of earlier calls
    for number, (arm, fold) in enumerate(pairs, start=1):
        if deadline is not None and deadline.left <= 0:
            break
        cell = _prepare_cell(arm, fold, protocol)
        if isinstance(cell, Cell):
            store.add([cell])
        else:
            cells.append(cell)
        on_progress("resampling", number, len(pairs))
        if number == len(pairs) or _n_bytes(cells) > _ROW_BYTES:
            of_all = partial(_share_done, on_progress, before, number / len(pairs))
            before += sum(task.planned_steps for cell in cells for task in cell.tasks)
            left = len(cells) + len(pairs) - number
            seconds = None if deadline is None else max(0.0, deadline.left) * len(cells) / left
            ended |= _train(cells, store, of_all, seconds, cut=cut)
            cells = []
    return ended


def _n_bytes(cells: list[_PendingCell]) -> int:
    """Memory of the rows that networks of cells train on."""
    tables = {id(table): table for cell in cells for task in cell.tasks for table in (task.table, task.made) if table}
    return sum(table.X.nbytes for table in tables.values())


def _share_done(on_progress: OnProgress, before: int, share: float, done: int, total: int) -> None:
    """Report the network steps done; the total is estimated from a share of the cells."""
    on_progress("training", before + done, round((before + total) / share))


def _train(
    cells: list[_PendingCell], store: Store, on_steps: OnSteps, seconds: float | None, *, cut: bool
) -> dict[str, float]:
    """Train the networks of cells; store a stack's finished cells at once, and return the arms that were ended."""
    ended: dict[str, float] = {}
    owners = [cell for cell in cells for _ in cell.tasks]

    def keep(networks: dict[int, TrainedNetwork]) -> None:
        for number, network in networks.items():
            owners[number].networks[number] = network
            owners[number].seconds += network.seconds
        touched = dict.fromkeys(owners[number] for number in networks)
        finished = [cell for cell in touched if len(cell.networks) == len(cell.tasks)]
        late = [cell for cell in finished if cell.reached < 1]
        for cell in late:
            ended[cell.arm.name] = min(cell.reached, ended.get(cell.arm.name, 1.0))
        if results := [result for cell in finished if cut or cell not in late for result in cell.finish()]:
            store.add(results)

    def give_up(numbers: list[int], error: Exception) -> None:
        touched = dict.fromkeys(owners[number] for number in numbers)
        store.add([cell.fold.failed(cell.arm.name, error) for cell in touched])

    if results := [result for cell in cells if not cell.tasks for result in cell.finish()]:  # no time for networks
        store.add(results)
    tasks = [task for cell in cells for task in cell.tasks]
    with warnings.catch_warnings():
        for repeated in (MissingClassWarning, TwiceCorrectedWarning):  # each cell has its own note of it
            warnings.simplefilter("ignore", repeated)
        calls: dict[str, Any] = {"on_progress": on_steps, "on_stack": keep, "on_failure": give_up}
        fit(tasks, n_jobs=n_workers(), max_time=seconds, whole=not cut, **calls)
    return ended


def _prepare_cell(arm: Arm, fold: PreparedFold, protocol: Protocol) -> "_PendingCell | Cell":
    started = time.perf_counter()
    model = arm.make(fold, protocol)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fold.check_classes()
            job = model.prepare(fold.X_train, fold.y_train, **arm.fit_parameters(fold))
        except Exception as error:
            return fold.failed(arm.name, error)
    cautions = (missing_class_caution(job.tasks), twice_corrected_caution(job.tasks))
    notes = [*_sentences(caught), *filter(None, cautions)]
    return _PendingCell(arm, fold, job, notes, time.perf_counter() - started)


def _sentences(caught: list[Any]) -> list[str]:
    return list(dict.fromkeys(str(warning.message) for warning in caught))
