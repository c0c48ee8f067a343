"""The workers of `equipoise.forking`, on internal parts of multiprocessing and of joblib 1.5 and 1.6."""

import gc
import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import context, forkserver, popen_forkserver, reduction, spawn, util
from threading import current_thread, main_thread
from typing import Any

from joblib._memmapping_reducer import TemporaryResourcesManager
from joblib.externals.loky.backend import context as loky
from joblib.externals.loky.backend.resource_tracker import _resource_tracker as tracker
from threadpoolctl import threadpool_limits

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that name the threads of a worker."""

server: Any = forkserver.ForkServer()
"""The server of all workers, and of no program that has one of its own."""

_METHOD = "equipoise"


@contextmanager
def begun_by_joblib() -> Iterator[None]:
    """Let joblib begin these workers."""
    before = loky.get_start_method()
    loky.set_start_method(_METHOD, force=True)
    try:
        yield
    finally:
        loky.set_start_method(before, force=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Answer Ctrl-C when this has ended."""
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    pressed: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *known: pressed.append(known))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and callable(before):
        before(*pressed[0])


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
        self.sentinel, pipe = server.connect_to_new_process(self._fds)
        with open(pipe, "wb") as stream:
            stream.write(content.getbuffer())
        self.finalizer = util.Finalize(self, os.close, (self.sentinel,))
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
        n_threads = int(self.env[THREADS[0]])
        threadpool_limits(n_threads)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(n_threads)
        super().run()


class _Context(loky.LokyContext):
    """The context of joblib, with these workers."""

    _name = _METHOD
    Process = _Worker


# Ctrl-C between two of its lines, and joblib would delete a folder again, and print a traceback.
TemporaryResourcesManager._clean_temporary_resources = _uninterrupted()(
    TemporaryResourcesManager._clean_temporary_resources
)
vars(context)["_concrete_contexts"][_METHOD] = _Context()
loky.START_METHODS.append(_METHOD)
