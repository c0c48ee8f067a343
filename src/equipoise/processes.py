"""Jobs in processes side by side, which go on if one job fails or its process dies."""

import math
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from threading import Thread, Timer
from typing import Any, TypeVar

import cloudpickle
from joblib import Parallel, cpu_count, delayed

from equipoise import forking
from equipoise.machines import cluster_in_use, late

T = TypeVar("T")

_STOP = "stop"


def side_by_side(
    function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], n_jobs: int, seconds: float | None = None
) -> Iterator[tuple[int, T | Exception]]:
    """Call a function on the arguments of each job, in processes, and yield results or errors.

    Processes are those of the current `backend`.

    The kernel kills a process when memory runs out, and joblib then gives up all jobs of the pool without naming the
    process. Unfinished jobs go to a new pool; if that dies as well, to one process after the other, where each has more
    memory and a death has a known cause.

    Jobs are tuples of arguments; ``n_jobs=1`` calls the function in this process, and does not end it. After
    ``seconds`` processes are ended and no job begins. Yields number and outcome of each job that had begun, in the
    order of completion: `ChildProcessError` if its process died again when it ran alone, `TimeoutError` if it was
    ended.
    """
    ends = math.inf if seconds is None else time.monotonic() + seconds
    if (cluster := cluster_in_use()) is not None:
        yield from cluster.run(outcome_of, ((function, *arguments) for arguments in jobs), ends)
        return
    if n_jobs == 1:
        for number, arguments in enumerate(jobs):
            if time.monotonic() >= ends:
                return
            yield number, outcome_of(function, *arguments)
        return
    with _workers_ended(ends):
        yield from _side_by_side(function, dict(enumerate(jobs)), n_jobs, ends)


def on_workers(function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, T]]:
    """Call a function on the arguments of each job, on the workers of the current `backend`, else in this process.

    A job is taken from ``jobs`` when its turn comes. Yields its number and result, in the order of completion. Raises
    the error of a job.
    """
    for number, outcome in side_by_side(function, jobs, 1):
        if isinstance(outcome, Exception):
            raise outcome
        yield number, outcome


def in_time(function: Callable[..., T], *arguments: Any, seconds: float) -> T:
    """Call a function in a process of this machine that is ended at a time limit.

    Raises TimeoutError if it took longer, and errors of the function.
    """
    ends = time.monotonic() + seconds
    with _workers_ended(ends):
        for _, outcome in _side_by_side(function, {0: arguments}, max(2, cpu_count()), ends):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
    raise late()


def _side_by_side(
    function: Callable[..., T], left: dict[int, tuple[Any, ...]], n_jobs: int, ends: float
) -> Iterator[tuple[int, T | Exception]]:
    suspects: set[int] = set()
    while left and time.monotonic() < ends:
        in_hand: set[int] = set()
        try:
            for number, outcome in _pool(function, left.copy(), n_jobs, in_hand):
                del left[number]
                yield number, outcome
        except BrokenProcessPool:
            in_hand &= left.keys()
            if time.monotonic() >= ends:
                yield from ((number, late()) for number in sorted(in_hand))
                return
            for number in sorted(in_hand & suspects):
                yield number, _alone(function, left.pop(number), n_jobs)
            suspects |= in_hand


def _pool(
    function: Callable[..., T], jobs: dict[int, tuple[Any, ...]], n_jobs: int, in_hand: set[int]
) -> Iterator[tuple[int, T | Exception]]:
    folder = _folder().name
    os.makedirs(folder, exist_ok=True)
    if function.__module__.startswith(f"{__package__}."):
        forking.begin(function.__module__)

    def handed_over() -> Iterator[Any]:
        for number, arguments in jobs.items():
            in_hand.add(number)
            yield delayed(_to_file)(folder, number, function, arguments)

    with forking.forked() as parent:
        parallel = Parallel(
            n_jobs=n_jobs,
            batch_size=1,
            pre_dispatch="n_jobs",  # so that jobs in hand are running
            return_as="generator_unordered",
            initializer=_begin,
            initargs=(parent, folder),
        )
        files = parallel(handed_over())
    for number, file in files:
        outcome = cloudpickle.loads(Path(file).read_bytes())
        Path(file).unlink()
        yield number, outcome


@contextmanager
def _workers_ended(ends: float) -> Iterator[None]:
    """End all workers at a time, by a file that they watch."""
    stop = Path(_folder().name) / _STOP
    stop.unlink(missing_ok=True)
    if ends == math.inf:
        yield
        return
    timer = Timer(max(0.0, ends - time.monotonic()), stop.touch)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _folder() -> TemporaryDirectory[str]:
    """Create the folder for the results of the workers of this process."""
    return TemporaryDirectory(prefix="equipoise-")


def _to_file(folder: str, number: int, function: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[int, str]:
    """Compute a job, and return its number and the file of its result.

    All workers of a pool answer through one pipe, and a process that dies within an answer would block the driver
    forever. A short answer is written at once or not at all.
    """
    descriptor, file = mkstemp(dir=folder)
    with open(descriptor, "wb") as stream:
        cloudpickle.dump(outcome_of(function, *arguments), stream)
    return number, file


def _alone(function: Callable[..., T], arguments: tuple[Any, ...], n_jobs: int) -> T | Exception:
    try:
        [(_, outcome)] = _pool(function, {0: arguments}, n_jobs, set())
        return outcome
    except BrokenProcessPool:
        return ChildProcessError(
            "The process that computed this was ended from outside, and again when it ran by itself: most likely "
            "it needs more memory than there is."
        )


def _begin(parent: int, folder: str) -> None:
    """Let this worker end with its parent, which ends with the driver, or at a time limit, and only then.

    joblib's would stay for five minutes.

    Ctrl-C in a terminal reaches all processes; the driver alone handles it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        stop = Path(folder) / _STOP
        while os.getppid() == parent and not stop.exists():
            time.sleep(0.25)
        if os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def outcome_of(function: Callable[..., T], *arguments: Any) -> T | Exception:
    """Return the result or the error of a call; the traceback is in the notes of the error."""
    try:
        return function(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())
        return error
