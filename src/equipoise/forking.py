"""Workers of joblib as forks of a server that has loaded what they need.

A process of its own computes for seconds to import torch and scikit-learn, on a busy machine for half a minute, and
again after each time limit at which workers are ended. The server does so once, beside what this process does
meanwhile. It never computes and has no threads and no accelerator, so it can be forked.
"""

import gc
import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import context, forkserver, popen_forkserver, reduction, spawn
from typing import Any

from joblib.externals.loky.backend import context as loky
from joblib.externals.loky.backend.resource_tracker import _resource_tracker as tracker
from threadpoolctl import threadpool_limits

OF_COMPARISONS = ("equipoise.experiments", "torch.fx.experimental.symbolic_shapes")
"""Modules that fits and scores need; the last one is loaded by the first gradient step."""

_METHOD = "equipoise"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_server: Any = forkserver.ForkServer()  # of its own, and of no program that has one


def begin(*modules: str) -> None:
    """Let the server begin to load modules, if it does not run, and return at once.

    Without effect where a process cannot be forked safely; there each worker loads what it needs.
    """
    if sys.platform != "linux":
        return
    if _server._forkserver_pid is None:
        _server.set_forkserver_preload([*modules])
    before, mask = dict(os.environ), signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # also while it loads
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # a fork would have libraries, but not their threads
    try:
        _server.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name in _THREADS:
            os.environ.pop(name)
            os.environ.update({name: before[name]} if name in before else {})


@contextmanager
def forked() -> Iterator[int]:
    """Let joblib take forks of the server for the workers that it begins; yields the process that workers end with."""
    if sys.platform != "linux":
        yield os.getpid()
        return
    begin()
    before = loky.get_start_method()
    loky.set_start_method(_METHOD, force=True)
    try:
        yield _server._forkserver_pid
    finally:
        loky.set_start_method(before, force=True)


class _Popen(popen_forkserver.Popen):
    """As its base, without the main program: what workers need of it is pickled, and a script may have no guard."""

    _fds: list[int]

    def _launch(self, process_obj: Any) -> None:
        known = spawn.get_preparation_data(process_obj.name)
        content = io.BytesIO()
        context.set_spawning_popen(self)
        try:
            reduction.dump({key: value for key, value in known.items() if not key.startswith("init_main")}, content)
            reduction.dump(process_obj, content)
        finally:
            context.set_spawning_popen(None)
        self.sentinel, pipe = _server.connect_to_new_process(self._fds)
        with open(pipe, "wb") as stream:
            stream.write(content.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


class _Worker(context.ForkServerProcess):
    """A worker with the resource tracker of joblib, and the numbers of threads that it names."""

    tracked_by: Any

    def __init__(self, env: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.env = dict(env)

    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:
        return _Popen(process_obj)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"tracked_by": reduction.DupFd(tracker.getfd())}

    def run(self) -> None:
        tracker._fd = self.tracked_by.detach()
        own: Any = forkserver._forkserver
        os.close(own._forkserver_alive_fd)  # so that the server ends with the driver
        gc.freeze()  # what the server loaded is no garbage, and stays shared with it
        os.environ.update(self.env)
        n_threads = int(self.env[_THREADS[0]])
        threadpool_limits(n_threads)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(n_threads)
        super().run()


class _Context(loky.LokyContext):
    """The context of joblib, with these workers."""

    _name = _METHOD
    Process = _Worker


vars(context)["_concrete_contexts"][_METHOD] = _Context()
loky.START_METHODS.append(_METHOD)
