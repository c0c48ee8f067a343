"""Search and train for every column on every run of a data set; each column is stored as it is finished."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import cpu_count
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from equipoise.bilevel.row_search import new_chains, search_rows
from equipoise.bilevel.rows import RowProblem
from equipoise.experiments import Store
from equipoise.experiments.compare import versions
from equipoise.experiments.protocol import Fold
from equipoise.experiments.store import Cell
from equipoise.reproductions.mubo.protocol import (
    ANEW,
    BASELINES,
    CURVES,
    HIDDEN,
    N_ITER_NO_CHANGE,
    PAPER,
    RANDOM,
    SEARCHES,
    SOUND,
    TEST_SHARE,
    Effort,
    Method,
    Source,
    at_epochs,
)
from equipoise.reproductions.mubo.turned import turned
from equipoise.reproductions.mubo.watch import Watch
from equipoise.samplers import MUBO, resample
from equipoise.samplers.mubo_modes import MODES, Mode
from equipoise.training import FittedStack, Settings, Table, Task, TrainedNetwork, fit
from equipoise.training.task import NetworkFactory

OnProgress = Callable[[str, int, int], None]
OnStep = Callable[[int, int], None]
Job = tuple[Source, Sequence[Method]]
Ints = NDArray[np.int64]

_RANDOM_ROWS, _SAMPLERS = 1, 2  # streams of chance beside that of a run
_PARTS = 1000  # that the progress of a search or of a training is told in


class Rows:
    """The rows of a data set as numbers, 1 for the minority, and the test rows of each run.

    Parameters
    ----------
    source : Source
    n_runs : int

    Raises
    ------
    OSError
        If the data set cannot be had.
    """

    def __init__(self, source: Source, n_runs: int) -> None:
        data = source.load()
        self.source, self.n_features = source, data.X.shape[1]
        self.X = pd.get_dummies(data.X).to_numpy(dtype=np.float64)
        self.y: Ints = (data.y == data.rare).to_numpy().astype(np.int64)
        self.folds = [self._fold(run) for run in range(n_runs)]

    def _fold(self, run: int) -> Fold:
        train, test = train_test_split(np.arange(len(self.y)), test_size=TEST_SHARE, stratify=self.y, random_state=run)
        return Fold(run, 0, np.sort(train), np.sort(test), seed=1000 + run)

    @cached_property
    def scaled(self) -> list[NDArray[np.float32]]:
        """All rows for each run, features brought to mean 0 and deviation 1 on its training rows."""
        return [StandardScaler().fit(self.X[fold.train]).transform(self.X).astype(np.float32) for fold in self.folds]

    def as_authors(self) -> list[NDArray[np.float32]]:
        """All rows for each run as the authors' code takes them, but for the range: that of the training rows."""
        if not self.source.scaled:
            return [self.X.astype(np.float32)] * len(self.folds)
        return [MinMaxScaler().fit(self.X[fold.train]).transform(self.X).astype(np.float32) for fold in self.folds]


def obtainable(sources: Sequence[Source]) -> tuple[list[Source], dict[str, str]]:
    """Tell the data sets that can be had from those that cannot: a sentence for each of these, by title."""
    found = [source for source in sources if _can_be_had(source)]
    missing = {
        source.title: f"{source.needs} are not in the data home and cannot be fetched here."
        for source in sources if source not in found
    }  # fmt: skip
    return found, missing


def _can_be_had(source: Source) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each failed download
        try:
            source.load()
        except (OSError, ValueError):
            return False
    return True


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
        with open_store(folder, source, effort) as store:
            for method in methods:
                if not _stored(store, method.name, effort):
                    rows = rows or Rows(source, effort.runs)
                    search(rows, method, effort, store, searching.step)
                searching.next()
            if _networks_missing(store, effort):
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


def _stored(store: Store, name: str, effort: Effort) -> bool:
    return {(name, run, 0) for run in range(effort.runs)} <= store.done()


# Searches


def search(rows: Rows, method: Method, effort: Effort, store: Store, on_step: OnStep) -> None:
    """Search for all runs; keep the history, the rows returned, and what the networks say of the test rows."""
    find = _search_sound if method is SOUND else _search_in_lockstep
    history, found, stacks, X = find(rows, method, effort, on_step)
    seconds = history.groupby("chain")["seconds"].sum()
    store.put(f"history/{method.name}", history.to_dict("list"))
    store.put(f"rows/{method.name}", [part.tolist() for part in found])
    for fold in rows.folds:
        store.add_fold(fold, rows.y, 2)
    store.add([
        _cell(method.name, rows, fold, stack.predict_proba(table[fold.test]), seconds[run])
        for run, (fold, stack, table) in enumerate(zip(rows.folds, stacks, X, strict=True))
    ])  # fmt: skip


Found = tuple[pd.DataFrame, list[Ints], list[FittedStack], list[NDArray[Any]]]
"""The history, and for each run the rows returned, the network, and the table that it reads."""


def _search_in_lockstep(rows: Rows, method: Method, effort: Effort, on_step: OnStep) -> Found:
    assert method.mode is not None
    mode = MODES[method.mode]
    X = rows.scaled if mode.standardize else rows.as_authors()
    chains = [
        new_chains(_problem(table, rows.y, fold), [fold.seed], bootstrap=mode.bootstrap)[0]
        for table, fold in zip(X, rows.folds, strict=True)
    ]
    watch = Watch(mode.search.objective, chains, [fold.test for fold in rows.folds])
    epochs = effort.epochs_of(rows.source, method)
    plan = replace(
        mode.search, settings=replace(mode.search.settings, network=_network(mode)), objective=watch,
        max_iter=effort.max_iter, max_epochs=epochs, look_epochs=min(mode.search.look_epochs, epochs),
        n_iter_no_change=N_ITER_NO_CHANGE,
    )  # fmt: skip
    history = watch.history(search_rows(plan, chains, on_step=on_step))
    networks = [chain.best if mode.returns_best else chain.network for chain in chains]
    stacks = [FittedStack([network], np.arange(2)) for network in networks if network is not None]
    return history, [chain.rows() for chain in chains], stacks, list(X)


def _network(mode: Mode) -> NetworkFactory:
    made = mode.network(HIDDEN, 2)
    assert callable(made)
    return turned(made)


def _problem(X: NDArray[np.float32], y: Ints, fold: Fold) -> RowProblem:
    rare, other = (fold.train[y[fold.train] == code] for code in (1, 0))
    return RowProblem(X, y, 2, rare, {0: other})


def _search_sound(rows: Rows, method: Method, effort: Effort, on_step: OnStep) -> Found:
    """Search as a user would, one run after the other."""
    histories, found, stacks = [], [], []
    for run, fold in enumerate(rows.folds):
        mubo = MUBO(max_iter=effort.max_iter, hidden_layer_sizes=HIDDEN, random_state=fold.seed)
        mubo.fit_resample(rows.X[fold.train], rows.y[fold.train])
        histories.append(mubo.history_.assign(chain=run))
        found.append(fold.train[mubo.sample_indices_])
        stacks.append(mubo.classifier_)
        on_step(run + 1, len(rows.folds))
    return pd.concat(histories, ignore_index=True), found, stacks, [rows.X] * len(rows.folds)


def history(store: Store, method: Method) -> pd.DataFrame | None:
    """Read the history of a search; None if it is not stored."""
    stored = store.get(f"history/{method.name}")
    return None if stored is None else pd.DataFrame(stored)


# Networks on rows


def train_networks(rows: Rows, effort: Effort, store: Store, on_steps: OnStep) -> None:
    """Train a network a run for every sampler, and on the rows of every search and as many at random, in one call."""
    tables = [Table(X, rows.y, 2) for X in rows.scaled]
    settings = training_settings(store)
    owners, tasks = [], []
    for name, run, task in _tasks(rows, tables, settings, _networks_missing(store, effort), store):
        owners.append((name, run))
        tasks.append(task)

    def keep(networks: dict[int, TrainedNetwork]) -> None:
        store.add([_trained(rows, tables, *owners[number], network) for number, network in networks.items()])

    fit(tasks, n_jobs=cpu_count(), on_progress=on_steps, on_stack=keep)


def training_settings(store: Store) -> Settings:
    """How networks train on rows: as the paper's inner loop does, for the steps that its search's network made.

    The steps are the mean over runs of those that shaped the network that is returned: a rejection undoes its own.
    """
    told = history(store, PAPER)
    assert told is not None
    n_steps = int(told.loc[told["accepted"], "steps"].sum() / told["chain"].nunique())
    mode = MODES["paper"]
    return replace(
        mode.search.settings, network=_network(mode), max_steps=n_steps, epoch_steps=max(1, n_steps // 100),
        gradient_tolerance=None, keep_optimizer=False,
    )  # fmt: skip


def _networks_missing(store: Store, effort: Effort) -> list[str]:
    searched = [method.name for method in SEARCHES if _stored(store, method.name, effort)]
    names = [method.name for method in BASELINES] + [name + kind for name in searched for kind in (ANEW, RANDOM)]
    return [name for name in names if not _stored(store, name, effort)]


def _tasks(
    rows: Rows, tables: Sequence[Table], settings: Settings, names: Sequence[str], store: Store
) -> Iterator[tuple[str, int, Task]]:
    samplers = {method.name: method.sampler for method in BASELINES}
    for name in names:
        for run, (table, fold) in enumerate(zip(tables, rows.folds, strict=True)):
            if name in samplers:
                made = _resampled(table, fold, samplers[name])
            else:
                found = np.array(store.get(f"rows/{name.partition(':')[0]}")[run])
                made = (found if name.endswith(ANEW) else _as_many_at_random(found, rows.y, fold)), None
            yield name, run, Task(table, fold.seed, settings, *made)


def _resampled(table: Table, fold: Fold, sampler: Any) -> tuple[Ints, Table | None]:
    """Rows to train on, and those that the sampler made."""
    if sampler is None:
        return fold.train, None
    drawn = resample(sampler, table.X[fold.train], table.y[fold.train], fold.seed + _SAMPLERS * 10_000)
    rows = np.where(drawn.made, len(table) - 1 + drawn.made.cumsum(), fold.train[drawn.sources])
    made = Table(drawn.X[drawn.made], drawn.y[drawn.made], 2) if drawn.made.any() else None
    return rows, made


def _as_many_at_random(found: Ints, y: Ints, fold: Fold) -> Ints:
    """Draw as many majority rows as a search returned, with repetitions if it did, beside its minority rows."""
    rng = np.random.default_rng(fold.seed + _RANDOM_ROWS * 10_000)
    chosen, others = found[y[found] == 0], fold.train[y[fold.train] == 0]
    repeats = len(np.unique(chosen)) < len(chosen)
    return np.concatenate([found[y[found] == 1], rng.choice(others, len(chosen), replace=repeats)])


def _trained(rows: Rows, tables: Sequence[Table], name: str, run: int, network: TrainedNetwork) -> Cell:
    fold = rows.folds[run]
    proba = FittedStack([network], np.arange(2)).predict_proba(tables[run].X[fold.test])
    return _cell(name, rows, fold, proba, network.seconds)


def _cell(name: str, rows: Rows, fold: Fold, proba: NDArray[Any], seconds: float) -> Cell:
    confusion = confusion_matrix(rows.y[fold.test], proba.argmax(axis=1), labels=[0, 1])
    return Cell(name, fold.repeat, fold.number, float(seconds), proba.astype(np.float32), confusion)


def open_store(folder: Path, source: Source, effort: Effort) -> Store:
    """Open the store of a data set, made if need be.

    Raises
    ------
    ValueError
        If it holds results of another effort.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / f"{source.name}.sqlite")
    stored, request = store.get("effort"), asdict(effort)
    if stored is None:
        store.put("versions", versions())
        store.put("effort", request)
    elif stored != request:
        store.close()
        raise ValueError(
            f"{folder} holds results of another effort ({json.dumps(stored)}, now {json.dumps(request)}): "
            f"choose another --out, or give --quick as before."
        )
    return store
