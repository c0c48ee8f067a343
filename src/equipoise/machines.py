"""Backends for jobs side by side: processes of this machine, or the workers of a Dask or Ray cluster.

Both clusters repeat the task of a dead worker on another one. joblib's backends for them are not used: that of Ray
returns no result before all are complete, and its actors die with their worker; with that of Dask, one failed task
ends all, and scikit-learn's own loops in this process would go to the cluster, too.
"""

import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

import cloudpickle
from joblib import cpu_count

T = TypeVar("T")

_SECONDS = 15.0  # for a cluster to answer


@dataclass(frozen=True)
class Cluster:
    """The workers of a `backend`."""

    send: Callable[[bytes], Future[Any]]  # ``(pickled call) -> future``
    n_workers: Callable[[], int]  # ``() -> int``, the current number
    killed: tuple[type[Exception], ...]  # errors of a task whose workers died again and again

    def run(
        self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]], ends: float = math.inf
    ) -> Iterator[tuple[int, T | Exception]]:
        """Call a function on the arguments of each job, and yield job numbers and results in order of completion.

        A job is taken from ``jobs`` when there is a worker for it.

        At the time ``ends`` of `time.monotonic`, what still runs is given up, as a `TimeoutError`.

        Raises ConnectionError if the cluster cannot be reached any more.
        """
        waiting, sent = iter(enumerate(jobs)), dict[Future[Any], int]()

        def send() -> None:
            if time.monotonic() >= ends:
                return
            room = max(1, self.n_workers()) - len(sent)  # waiting tasks would be blamed for the death of a worker
            for number, arguments in islice(waiting, max(0, room)):
                sent[self.send(cloudpickle.dumps((function, arguments)))] = number

        send()
        while sent:
            seconds = None if ends == math.inf else max(0.0, ends - time.monotonic())
            if not (completed := wait(sent, seconds, return_when=FIRST_COMPLETED).done):
                for future, number in sent.items():
                    future.cancel()
                    yield number, late()
                return
            for future in completed:
                number = sent.pop(future)
                send()  # first, so that the worker is not idle meanwhile
                yield number, self._outcome(future)

    def _outcome(self, future: Future[Any]) -> Any:
        try:
            return future.result()
        except self.killed:
            return ChildProcessError(
                "The worker that computed this died, and so did the workers that tried it again: most likely it needs "
                "more memory than a worker has."
            )
        except CancelledError as error:
            raise ConnectionError("The cluster cannot be reached any more: see that its scheduler runs.") from error


def late() -> TimeoutError:
    """Return the error of a job that was ended."""
    return TimeoutError("It took longer than the time limit allows.")


def _call(pickled: bytes) -> Any:
    """Run a call that is pickled as one piece, so that clusters do not search its arguments for tasks."""
    function, arguments = cloudpickle.loads(pickled)
    return function(*arguments)


_in_use: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


def cluster_in_use() -> Cluster | None:
    """Return the cluster of the current `backend`; None if jobs run on this machine."""
    return _in_use.get()


def n_workers() -> int:
    """Number of processes that run at once: one a core of this machine, or the workers of the cluster in use.

    At least 2 on a cluster, as 1 means this process.
    """
    cluster = cluster_in_use()
    return cpu_count() if cluster is None else max(2, cluster.n_workers())


@contextmanager
def backend(name: str = "local", address: str | None = None) -> Iterator[None]:
    """Run jobs on the workers of a cluster within the context.

    A task is a stack of networks, or a cell that trains alone. Results return to this process, which alone writes
    files. The task of a dead worker is repeated on another one. Workers need the package only.

    Parameters
    ----------
    name : {"local", "dask", "ray"}
        "local" is this machine, without a cluster.
    address : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, or of Ray's head node, such as ``10.0.0.1:6379``.
        By default a cluster of one worker a core runs on this machine within the context.

    Raises
    ------
    ValueError
        If the backend is unknown, "local" has an address, or the cluster has no suitable workers.
    ImportError
        If the packages of the extra are missing.
    ConnectionError
        If no cluster answers at the address.

    Examples
    --------
    >>> with backend("local"):
    ...     n_workers() >= 1
    True
    """
    if name not in _CLUSTERS:
        raise ValueError(f"There is no backend {name!r}: choose from {', '.join(_CLUSTERS)}.")
    if name == "local" and address is not None:
        raise ValueError(
            f"An address is that of a cluster, but backend='local' and address={address!r}: name its kind."
        )
    with _CLUSTERS[name](address) as cluster:
        token = _in_use.set(cluster)
        try:
            yield
        finally:
            _in_use.reset(token)


@contextmanager
def _this_machine(address: None) -> Iterator[None]:
    yield


@contextmanager
def _dask(address: str | None) -> Iterator[Cluster]:
    try:
        import dask
        from distributed import Client, KilledWorker, LocalCluster
    except ImportError as error:
        raise _missing("dask") from error
    quiet = {"distributed.admin.large-graph-warning-threshold": "1TB"}  # arguments are sent with their task
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(quiet))
        if address is None:
            local = LocalCluster(n_workers=cpu_count(), threads_per_worker=1, dashboard_address=None)
            place = stack.enter_context(local)
        else:
            place = _answering("Dask scheduler", address)
        client = stack.enter_context(Client(place, timeout=_SECONDS, set_as_default=False))
        _check_workers(client)
        send = partial(client.get_executor(pure=False).submit, _call)
        yield Cluster(send, lambda: len(client.nthreads()), (KilledWorker,))


def _check_workers(client: Any) -> None:
    """Refuse workers of many threads: warnings and torch's global generator belong to a process."""
    how = "start them with `dask worker --nthreads 1`, and as many as there are cores with --nworkers"
    try:
        client.wait_for_workers(1, timeout=_SECONDS)
    except TimeoutError as error:
        raise ValueError(f"The Dask scheduler has no workers: {how}.") from error
    if (most := max(client.nthreads().values())) > 1:
        raise ValueError(f"A Dask worker must run one task at a time, but one has {most} threads: {how}.")


@contextmanager
def _ray(address: str | None) -> Iterator[Cluster]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here reports to nobody
    try:
        import ray
        from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError
    except ImportError as error:
        raise _missing("ray") from error
    place: dict[str, Any] = {"address": "local", "num_cpus": cpu_count(), "include_dashboard": False}
    if address is not None:
        place = {"address": _answering("Ray cluster", address)}
    ray.init(**place, log_to_driver=False, logging_level=logging.ERROR)
    try:
        call, killed = ray.remote(_call), (WorkerCrashedError, OutOfMemoryError, NodeDiedError)
        yield Cluster(
            lambda pickled: call.remote(pickled).future(), lambda: int(ray.cluster_resources().get("CPU", 0)), killed
        )
    finally:
        ray.shutdown()


_CLUSTERS: dict[str, Callable[[Any], Any]] = {"local": _this_machine, "dask": _dask, "ray": _ray}


def _missing(extra: str) -> ImportError:
    return ImportError(f"The backend {extra!r} needs the packages of an extra: pip install 'equipoise[{extra}]'.")


def _answering(what: str, address: str) -> str:
    """Return an address once it answers: the clusters' own errors are long."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"No {what} answers at {address!r} ({error}): see that it runs, and its port.") from error
    return address
