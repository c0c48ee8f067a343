"""Jobs in processes side by side: one that fails, or whose process dies, does not stop the others."""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import current_process
from threading import Thread
from typing import Any, TypeVar

from joblib import Parallel, delayed

from equipoise.training.machines import cluster_in_use

T = TypeVar("T")


def side_by_side(
    function: Callable[..., T], jobs: Sequence[tuple[Any, ...]], n_jobs: int
) -> Iterator[tuple[int, T | Exception]]:
    """Call a function on the arguments of each job, in processes, and yield what it returned or raised.

    On the cluster of the `backend` that is entered; otherwise in processes of this machine.

    The kernel kills a process when memory runs out, and joblib then gives up all jobs of the pool without saying
    whose process it was. What the pool had in hand goes to a fresh one; when that dies as well, to one process
    after the other, where there is more memory for each and a death has one culprit.

    Parameters
    ----------
    function : callable
    jobs : sequence of tuple
        Arguments, a tuple a job.
    n_jobs : int
        Processes of this machine; 1 calls the function in this one.

    Yields
    ------
    number : int
        Of the job, in the order in which they end.
    outcome : object or Exception
        `ChildProcessError` if the job's process died again when nothing else ran.
    """
    if (cluster := cluster_in_use()) is not None:
        yield from cluster.run(outcome_of, [(function, *arguments) for arguments in jobs])
        return
    left = dict(enumerate(jobs))
    suspects: set[int] = set()
    while left:
        in_hand: set[int] = set()
        try:
            for number, outcome in _pool(function, left.copy(), n_jobs, in_hand):
                del left[number]
                yield number, outcome
        except BrokenProcessPool:
            in_hand &= left.keys()
            for number in sorted(in_hand & suspects):
                yield number, _alone(function, left.pop(number), n_jobs)
            suspects |= in_hand


def _pool(
    function: Callable[..., T], jobs: dict[int, tuple[Any, ...]], n_jobs: int, in_hand: set[int]
) -> Iterator[tuple[int, T | Exception]]:
    def handed_over() -> Iterator[Any]:
        for number, arguments in jobs.items():
            in_hand.add(number)
            yield delayed(_in_worker)(os.getpid(), number, function, arguments)

    yield from Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")(handed_over())


def _alone(function: Callable[..., T], arguments: tuple[Any, ...], n_jobs: int) -> T | Exception:
    try:
        [(_, outcome)] = _pool(function, {0: arguments}, n_jobs, set())
        return outcome
    except BrokenProcessPool:
        return ChildProcessError(
            "The process that computed this was ended from outside, and again when it ran by itself: most likely "
            "it needs more memory than there is."
        )


def _in_worker(
    driver: int, number: int, function: Callable[..., T], arguments: tuple[Any, ...]
) -> tuple[int, T | Exception]:
    if current_process().name.startswith("LokyProcess"):
        _end_with(driver)
    return number, outcome_of(function, *arguments)


@cache
def _end_with(driver: int) -> None:
    """Have this worker end once its driver is gone; joblib's would keep its memory for five minutes more."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(0.5)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def outcome_of(function: Callable[..., T], *arguments: Any) -> T | Exception:
    """Return what a call returned or raised; where it was raised is kept in the error's notes."""
    try:
        return function(*arguments)
    except Exception as error:
        error.add_note(traceback.format_exc())
        return error
