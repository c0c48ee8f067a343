"""Run every column on every data set; each column is stored as it is finished, so that a stopped run goes on."""

from collections.abc import Sequence
from pathlib import Path

from equipoise.progress import OnProgress
from equipoise_reproductions.mubo.networks import networks_missing, train_networks
from equipoise_reproductions.mubo.protocol import CURVES, SEARCHES, SOUND, Effort, Method, Source, at_epochs
from equipoise_reproductions.mubo.rows import Rows
from equipoise_reproductions.mubo.searches import search, stored
from equipoise_reproductions.study import open_store

Job = tuple[Source, Sequence[Method]]

_PARTS = 1000  # that the progress of a search or of a training is told in


def jobs(sources: Sequence[Source]) -> list[Job]:
    """List what is to be searched: set by set as the paper has it, then other limits on epochs, then the sound mode."""
    published = [method for method in SEARCHES if method is not SOUND]
    curves = [(s, [at_epochs(epochs) for epochs in CURVES[s.name]]) for s in sources if s.name in CURVES]
    return [*((s, published) for s in sources), *curves, *((s, [SOUND]) for s in sources)]


def run_jobs(folder: Path, jobs: Sequence[Job], effort: Effort, on_progress: OnProgress) -> None:
    """Search, and train the networks that follow, where they are not yet stored."""
    searching = _Progress("searching", sum(len(methods) for _, methods in jobs), on_progress)
    training = _Progress("training", len(jobs), on_progress)
    for source, methods in jobs:
        rows = None
        with open_store(folder, source.name, effort) as store:
            for method in methods:
                if not stored(store, method.name, effort):
                    rows = rows or Rows(source, effort.runs)
                    search(rows, method, effort, store, searching.step)
                searching.next()
            if networks_missing(store, effort):
                train_networks(rows or Rows(source, effort.runs), effort, store, training.step)
            training.next()


class _Progress:
    """Progress through jobs of a kind, each told in parts."""

    def __init__(self, kind: str, n_jobs: int, tell: OnProgress) -> None:
        self._kind, self._n_jobs, self._done, self._tell = kind, n_jobs, 0, tell

    def step(self, done: int, total: int) -> None:
        self._tell(self._kind, self._done * _PARTS + _PARTS * done // total, self._n_jobs * _PARTS)

    def next(self) -> None:
        self._done += 1
        self.step(0, 1)
