"""Networks trained on the rows of every sampler and search, all runs in one call."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import cpu_count

from equipoise.experiments import Store
from equipoise.experiments.protocol import Fold
from equipoise.experiments.store import Cell
from equipoise.reproductions.mubo.protocol import ANEW, BASELINES, PAPER, RANDOM, SEARCHES, Effort
from equipoise.reproductions.mubo.rows import Ints, Rows
from equipoise.reproductions.mubo.searches import OnStep, cell, history, search_network, stored
from equipoise.samplers import resample
from equipoise.samplers.mubo_modes import MODES
from equipoise.training import FittedStack, Settings, Table, Task, TrainedNetwork, fit

_RANDOM_ROWS, _SAMPLERS = 1, 2  # streams of chance beside that of a run


def train_networks(rows: Rows, effort: Effort, store: Store, on_steps: OnStep) -> None:
    """Train a network a run for every sampler, and on the rows of every search and as many at random, in one call."""
    tables = [Table(X, rows.y, 2) for X in rows.scaled]
    settings = training_settings(store)
    owners, tasks = [], []
    for name, run, task in _tasks(rows, tables, settings, networks_missing(store, effort), store):
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
        mode.search.settings, network=search_network(mode), max_steps=n_steps, epoch_steps=max(1, n_steps // 100),
        gradient_tolerance=None, keep_optimizer=False,
    )  # fmt: skip


def networks_missing(store: Store, effort: Effort) -> list[str]:
    """List what is to be trained, and is not stored for all runs."""
    searched = [method.name for method in SEARCHES if stored(store, method.name, effort)]
    names = [method.name for method in BASELINES] + [name + kind for name in searched for kind in (ANEW, RANDOM)]
    return [name for name in names if not stored(store, name, effort)]


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
    return cell(name, rows, fold, proba, network.seconds)
