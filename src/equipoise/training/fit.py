"""`fit`: tasks in, trained networks out."""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import replace
from threading import Event, RLock

import torch

from equipoise.losses.base import TwiceCorrectedWarning
from equipoise.processes import outcome_of, side_by_side
from equipoise.progress import OnSteps
from equipoise.training.autograd import trainable
from equipoise.training.cautions import (
    MissingClassWarning,
    missing_class_caution,
    twice_corrected_caution,
)
from equipoise.training.loop import StackTraining
from equipoise.training.results import TrainedNetwork
from equipoise.training.stacks import build_stack, plan_stacks
from equipoise.training.tally import Tally, tallies, tally_in_use
from equipoise.training.task import Task

Networks = dict[int, TrainedNetwork]
Stack = dict[int, Task]


def fit(
    tasks: Sequence[Task],
    *,
    n_jobs: int = 1,
    max_time: float | None = None,
    whole: bool = False,
    on_progress: OnSteps | None = None,
    on_stack: Callable[[Networks], None] | None = None,
    on_failure: Callable[[list[int], Exception], None] | None = None,
) -> list[TrainedNetwork]:
    """Train one network a task, as many at once as fit the machine.

    Tasks of the same settings train as one stack; rows, weights, seeds, numbers of features and of classes may differ.
    The result of a task is the same, to rounding, as if it were trained alone.

    Parameters
    ----------
    tasks : sequence of Task
    n_jobs : int, default=1
        Number of processes that train stacks side by side, with one thread each. 1 trains in this process: perceptrons
        on the CPU, as many or more than torch has threads, in a stack a thread; others one stack after the other with
        all of torch's threads, which wait for each other at every step.
    max_time : float, optional
        Time limit in seconds for all tasks, divided among stacks by their gradient steps.
    whole : bool, default=False
        Whether networks that would not make all of their steps in this time are of no use: they end as soon as they
        are seen to be too slow.
    on_progress : callable, optional
        Called with the numbers of network steps done and in all, now and then, perhaps from another thread.
    on_stack : callable, optional
        Called after each stack with its networks by task number, for instance to store them.
    on_failure : callable, optional
        Called with the task numbers of a stack that failed and the error, such as a lack of memory; other stacks go
        on. Without it, the error is raised.

    Returns
    -------
    list of TrainedNetwork
        In the order of the tasks, without failed ones.

    Raises
    ------
    ValueError
        If a loss, name or shape of a task is not valid; see `Settings`.
    ChildProcessError
        If the process of a stack was killed, and again when it ran alone.

    Warns
    -----
    MissingClassWarning
        Once, if more than a tenth of the batches lack a class, although a transform balances them.
    TwiceCorrectedWarning
        Once, if the loss corrects for class priors that batches or weights balance.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.training import Settings, Table, Task, fit
    >>> table = Table(np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2, n_classes=2)
    >>> networks = fit([Task(table, seed=seed, settings=Settings(max_steps=20)) for seed in range(8)])
    >>> len(networks), networks[0].weights["weights.0"].shape
    (8, (4, 256))
    """
    if (caution := missing_class_caution(tasks)) is not None:
        warnings.warn(caution, MissingClassWarning, stacklevel=2)
    if (caution := twice_corrected_caution(tasks)) is not None:
        warnings.warn(caution, TwiceCorrectedWarning, stacklevel=2)
    counter = _Counter(sum(task.planned_steps for task in tasks), on_progress)
    n_threads = torch.get_num_threads()
    on_threads = n_jobs == 1 < n_threads <= len(tasks) and all(map(_has_own_state, tasks))
    with _one_thread_a_stack() if on_threads else nullcontext():
        plan = plan_stacks(tasks, n_threads if on_threads else n_jobs)
    stacks = [{number: tasks[number] for number in numbers} for numbers in plan]
    work = stacks, max_time, whole, counter
    if on_threads:
        trained = _on_threads(*work, n_threads)
    else:
        trained = _one_by_one(*work) if n_jobs == 1 else _side_by_side(*work, n_jobs)
    results: Networks = {}
    with _closed(trained):
        for stack, networks in trained:
            counter.settle(_steps(stack))
            if isinstance(networks, Exception):
                if on_failure is None:
                    raise networks
                on_failure(list(stack), networks)
            else:
                results |= networks
                if on_stack is not None:
                    on_stack(networks)
    return [results[number] for number in sorted(results)]


@contextmanager
def _closed(trained: Generator[object, None, None]) -> Iterator[None]:
    """End the processes at once after an error."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of joblib, about jobs that were given up
            trained.close()


class _Counter:
    """Network steps done, for progress reports; a finished stack counts all its steps."""

    def __init__(self, total: int, tell: OnSteps | None) -> None:
        self.total, self.settled, self.running, self._tell = total, 0, 0, tell
        self._told, self._tally, self._lock = 0, tally_in_use(), RLock()

    def advance(self, steps: int) -> None:
        with self._lock:
            self._report(self.settled, self.running + steps)

    def settle(self, steps: int) -> None:
        with self._lock:
            self._report(self.settled + steps, max(0, self.running - steps))

    def look(self, done: int) -> None:
        """Report what processes have done, in stacks that are settled and in others."""
        with self._lock:
            self._report(self.settled, max(0, done - self.settled))

    def _report(self, settled: int, running: int) -> None:
        self.settled, self.running = settled, running
        before, self._told = self._told, max(self._told, min(self.total, self.settled + self.running))
        if self._tally is not None:
            self._tally(self._told - before)
        if self._tell is not None:
            self._tell(self._told, self.total)


def _steps(stack: Stack) -> int:
    return sum(task.planned_steps for task in stack.values())


def _one_by_one(
    stacks: Sequence[Stack], max_time: float | None, whole: bool, counter: _Counter
) -> Generator[tuple[Stack, Networks | Exception], None, None]:
    deadline = None if max_time is None else time.monotonic() + max_time
    left = sum(map(_steps, stacks))
    for stack in stacks:
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic()) * _steps(stack) / left
        left -= _steps(stack)
        yield stack, outcome_of(_train, stack, seconds, counter.advance, whole)


def _has_own_state(task: Task) -> bool:
    """Whether a task trains without torch's global random numbers and settings, so that threads do not meet."""
    settings = task.settings
    global_draws = settings.batch_transform is not None and settings.mixing is None and settings.augmentation is None
    return isinstance(settings.network, tuple) and settings.device == "cpu" and not global_draws and not settings.outer


@contextmanager
def _one_thread_a_stack() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _on_threads(
    stacks: Sequence[Stack], max_time: float | None, whole: bool, counter: _Counter, n_threads: int
) -> Generator[tuple[Stack, Networks | Exception], None, None]:
    """Train stacks on Python's threads: products of small matrices gain little from several of torch's."""
    shares, ended = _shares(stacks, max_time, n_threads), Event()

    def advance(steps: int) -> None:
        if ended.is_set():
            raise CancelledError
        counter.advance(steps)

    with _one_thread_a_stack(), ThreadPoolExecutor(n_threads) as pool:
        jobs = {
            pool.submit(copy_context().run, outcome_of, _train, stack, seconds, advance, whole): stack
            for stack, seconds in zip(stacks, shares, strict=True)
        }
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        finally:
            ended.set()
            for job in jobs:
                job.cancel()


def _shares(stacks: Sequence[Stack], max_time: float | None, n_jobs: int) -> list[float | None]:
    """Divide a time limit among stacks that train side by side."""
    steps = list(map(_steps, stacks))
    longest = max(steps, default=1)
    in_turn = math.ceil(sum(steps) / (n_jobs * longest)) * longest  # steps of a process
    return [None if max_time is None else max_time * own / in_turn for own in steps]


def _side_by_side(
    stacks: Sequence[Stack], max_time: float | None, whole: bool, counter: _Counter, n_jobs: int
) -> Generator[tuple[Stack, Networks | Exception], None, None]:
    steps = list(map(_steps, stacks))
    shares, finished = _shares(stacks, max_time, n_jobs), set[int]()

    def look(made: list[Tally]) -> None:
        known = zip(steps, made, strict=True)
        counter.look(sum(all_ if n in finished else min(all_, each.steps) for n, (all_, each) in enumerate(known)))

    with tallies(len(stacks), look) as counts:
        jobs = [(*job, whole) for job in zip(stacks, shares, counts, strict=True)]
        for number, networks in side_by_side(_train, jobs, n_jobs):
            finished.add(number)
            yield stacks[number], networks


def _train(stack: Stack, seconds: float | None, on_steps: Callable[[int], None], whole: bool) -> Networks:
    members = list(stack.values())
    with trainable(), _denormals_flushed():
        if members[0].inner is not None:
            seconds = seconds if seconds is None else seconds / 2
            members = _with_found(members, seconds, on_steps)
        return dict(
            zip(stack, StackTraining(build_stack(members), members, seconds, on_steps, whole).run(), strict=True)
        )


def _with_found(tasks: Sequence[Task], seconds: float | None, on_steps: Callable[[int], None]) -> list[Task]:
    """Solve the outer problems of all tasks at once, on networks that are then dropped."""
    to_the_end = replace(tasks[0].settings, early_stopping=None, gradient_tolerance=None)
    first = []
    for task in tasks:
        assert task.inner is not None
        settings = replace(to_the_end, batch_transform=task.settings.batch_transform)
        first.append(replace(task, settings=settings, inner=None, start=None, **vars(task.inner)))
    networks = StackTraining(build_stack(first), first, seconds, on_steps).run()
    return [replace(task, found=network.found) for task, network in zip(tasks, networks, strict=True)]


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Round denormal numbers to zero, as processors are many times slower on them.

    Confident networks have such gradients: without this, steps of an untreated network on an easy table would take
    twice as long.
    """
    already = (torch.tensor(1e-40) * 1.0).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)
