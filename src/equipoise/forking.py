"""Workers of joblib as forks of a server that has loaded what they need.

A process of its own computes for seconds to import torch and scikit-learn, on a busy machine for half a minute, and
again after each time limit at which workers are ended. The server does so once, beside what this process does
meanwhile. It never computes and has no threads and no accelerator, so it can be forked.
"""

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import resource_tracker
from typing import Any

OF_COMPARISONS = ("equipoise.experiments", "torch.fx.experimental.symbolic_shapes")
"""Modules that fits and scores need; the last one is loaded by the first gradient step."""


@cache
def _workers() -> Any:
    """Return the module of forked workers.

    None where a process cannot be forked safely, or Python or joblib are others within than it was written for.
    """
    if sys.platform != "linux":
        return None
    try:
        from equipoise import forked_workers
    except (ImportError, AttributeError):
        return None
    return forked_workers


def begin(*modules: str) -> None:
    """Let the server begin to load modules, if it does not run, and return at once.

    Without effect where there are no forked workers, or the path of the folder for temporary files is too long for a
    socket; there each worker loads what it needs.
    """
    if (workers := _workers()) is None:
        return
    if workers.server._forkserver_pid is None:
        workers.server.set_forkserver_preload([*modules])
        atexit.unregister(_end)
        atexit.register(_end)
    with suppress(OSError):
        resource_tracker.ensure_running()  # the server would start it, which unblocks Ctrl-C
    before, mask = dict(os.environ), signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # also while it loads
    os.environ.update(dict.fromkeys(workers.THREADS, "1"))  # a fork would have libraries, but not their threads
    try:
        with suppress(OSError):
            workers.server.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name in workers.THREADS:
            os.environ.pop(name)
            os.environ.update({name: before[name]} if name in before else {})


def _end() -> None:
    """End the server with this process: while it still loads modules it would see that late, and keep the output."""
    if (workers := _workers()) is not None and workers.server._forkserver_pid is not None:
        with suppress(OSError):
            os.kill(workers.server._forkserver_pid, signal.SIGKILL)
            os.waitpid(workers.server._forkserver_pid, 0)


@contextmanager
def forked() -> Iterator[int]:
    """Let joblib take forks of the server for the workers that it begins; yields the process that workers end with."""
    begin()
    if (workers := _workers()) is None or workers.server._forkserver_pid is None:
        yield os.getpid()
        return
    with workers.begun_by_joblib():
        yield workers.server._forkserver_pid
