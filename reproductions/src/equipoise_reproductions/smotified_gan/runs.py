"""Run every method on every data set; rows and networks are stored as they are made, so that a stopped run goes on."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from equipoise import datasets
from equipoise.experiments import Store
from equipoise.experiments.study import open_store
from equipoise.training.machines import n_workers
from equipoise.training.processes import side_by_side
from equipoise_reproductions import suite
from equipoise_reproductions.smotified_gan import protocol
from equipoise_reproductions.smotified_gan.made import key, make_rows, methods_of
from equipoise_reproductions.smotified_gan.networks import n_networks, train_networks
from equipoise_reproductions.smotified_gan.protocol import Effort, Method, Source
from equipoise_reproductions.smotified_gan.rows import Split, class_counts, splits

OnProgress = Callable[[str, int, int], None]


def obtainable(effort: Effort) -> tuple[list[Source], list[Source]]:
    """Tell the data sets that can be had, and are small enough for an effort, from those that cannot.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    loaders = {source.name: partial(datasets.load, source.name) for source in protocol.SOURCES}
    found, missing = suite.obtainable(loaders)
    small = [name for name, dataset in found if len(dataset.y) <= effort.most_rows]
    return [s for s in protocol.SOURCES if s.name in small], [s for s in protocol.SOURCES if s.name in missing]


def run_all(
    folder: Path, sources: Sequence[Source], effort: Effort, on_progress: OnProgress
) -> Iterator[Sequence[Source]]:
    """Make rows and train networks where they are not yet stored; after each set, yield those that are finished."""
    divided = [splits(source, effort) for source in sources]
    making = _Counter("resampling", sum(len(_jobs(parts)) for parts in divided), on_progress)
    networks = [n_networks(source, parts, effort) for source, parts in zip(sources, divided, strict=True)]
    training = _Counter("training", sum(networks), on_progress)
    for n_finished, (source, parts, wanted) in enumerate(zip(sources, divided, networks, strict=True), start=1):
        with open_store(folder, source.name, effort) as store:
            for split in parts:
                store.add_fold(split.fold, split.y, 2)
            store.put("counts", class_counts(parts[0]))
            _make_all(source, parts, effort, store, making)
            training.add(len(store.done()))
            if len(store.done()) < wanted:
                train_networks(source, parts, effort, store, training.add)
        yield sources[:n_finished]


class _Counter:
    """Counts work of a kind, and tells of it."""

    def __init__(self, kind: str, total: int, tell: OnProgress) -> None:
        self._kind, self._done, self._total, self._tell = kind, 0, total, tell

    def add(self, n: int) -> None:
        self._done += n
        self._tell(self._kind, self._done, self._total)


def _jobs(parts: Sequence[Split]) -> list[tuple[Method, Split]]:
    return [(method, split) for split in parts for method in methods_of(split) if method.makes_rows]


def _make_all(source: Source, parts: Sequence[Split], effort: Effort, store: Store, making: _Counter) -> None:
    pending = [(method, split) for method, split in _jobs(parts) if store.get(key(method, split)) is None]
    making.add(len(_jobs(parts)) - len(pending))
    jobs = [(source, split, method, effort) for method, split in pending]
    for _, made in side_by_side(_made, jobs, n_workers()):
        if isinstance(made, Exception):
            raise made
        store.put(*made)
        making.add(1)


def _made(source: Source, split: Split, method: Method, effort: Effort) -> tuple[str, dict[str, Any]]:
    return key(method, split), make_rows(source, split, method, effort)
