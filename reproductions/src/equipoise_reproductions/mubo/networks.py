"""Networks trained on the rows of every sampler and search, all runs in one call."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler

from equipoise.experiments import Store
from equipoise.experiments.protocol import Fold
from equipoise.experiments.store import Cell
from equipoise.samplers import GANDiagnosticsWarning
from equipoise.samplers.mubo_variants import VARIANTS
from equipoise.samplers.resample import resample
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit
from equipoise.training.machines import n_workers
from equipoise_reproductions.mubo.protocol import ANEW, BASELINES, GANS, PAPER, RANDOM, SEARCHES, Effort
from equipoise_reproductions.mubo.rows import Ints, Rows
from equipoise_reproductions.mubo.searches import OnStep, cell, history, search_network, stored

Cells = list[tuple[str, int]]

_RANDOM_ROWS, _SAMPLERS = 1, 2  # streams of chance beside that of a run


def train_networks(rows: Rows, effort: Effort, store: Store, on_steps: OnStep) -> None:
    """Train a network a run for every sampler, and on the rows of every search and as many at random.

    All in one call, but where GANs make the rows: these take so long that each is stored for itself.
    """
    tables, settings = [Table(X, rows.y, 2) for X in rows.scaled], training_settings(store)
    portions = _portions(networks_missing(store, effort))
    for number, portion in enumerate(portions):

        def keep(networks: dict[int, TrainedNetwork], portion: Cells = portion) -> None:
            store.add([_trained(rows, tables, *portion[n], network) for n, network in networks.items()])

        def tell(done: int, total: int, number: int = number) -> None:
            on_steps(number * total + done, len(portions) * total)

        tasks = [_task(rows, tables[run], settings, name, run, effort, store) for name, run in portion]
        fit(tasks, n_jobs=n_workers(), on_progress=tell, on_stack=keep)


def _portions(cells: Cells) -> list[Cells]:
    slow = {method.name for method in GANS}
    together = [cell for cell in cells if cell[0] not in slow]
    return [*([together] if together else []), *([cell] for cell in cells if cell[0] in slow)]


def training_settings(store: Store) -> Settings:
    """How networks train on rows: as the paper's inner loop does, for the steps that its search's network made.

    The steps are the mean over runs of those that shaped the network that is returned: a rejection undoes its own.
    """
    told = history(store, PAPER)
    assert told is not None
    n_steps = int(told.loc[told["accepted"], "steps"].sum() / told["chain"].nunique())
    mode = VARIANTS["paper"]
    return replace(
        mode.search.settings,
        network=search_network(mode),
        max_steps=n_steps,
        epoch_steps=max(1, n_steps // 100),
        gradient_tolerance=None,
        keep_optimizer=False,
    )


def networks_missing(store: Store, effort: Effort) -> Cells:
    """List what is to be trained and is not stored: a column and a run each."""
    searched = [method.name for method in SEARCHES if stored(store, method.name, effort)]
    names = [method.name for method in BASELINES] + [name + kind for name in searched for kind in (ANEW, RANDOM)]
    done = store.done()
    return [(name, run) for name in names for run in range(effort.runs) if (name, run, 0) not in done]


def _task(rows: Rows, table: Table, settings: Settings, name: str, run: int, effort: Effort, store: Store) -> Task:
    fold, method = rows.folds[run], next((method for method in BASELINES if method.name == name), None)
    if method is None:
        found = np.array(store.get(f"rows/{name.partition(':')[0]}")[run])
        return Task(
            table, fold.seed, settings, found if name.endswith(ANEW) else _as_many_at_random(found, rows.y, fold)
        )
    if method.is_gan:
        made, health = _made_by_gan(table, fold, method.sampler, effort.gan_epochs_of(rows.source))
        store.put(f"health/{name}/{run}", health)
        return Task(table, fold.seed, settings, _behind(fold, len(table), len(made)), made)
    return Task(table, fold.seed, settings, *_resampled(table, fold, method.sampler))


def _made_by_gan(table: Table, fold: Fold, sampler: Any, epochs: int) -> tuple[Table, dict[str, Any]]:
    """Return the rows that a GAN makes of training rows within 0 and 1, where it can reach them, and their health."""
    sampler = clone(sampler).set_params(max_epochs=epochs, random_state=fold.seed + _SAMPLERS * 10_000)
    scaler, n = MinMaxScaler().fit(table.X[fold.train]), len(fold.train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GANDiagnosticsWarning)  # the page has the figures
        X, y = sampler.fit_resample(scaler.transform(table.X[fold.train]), table.y[fold.train])
    made = Table(scaler.inverse_transform(X[n:]).astype(table.X.dtype), y[n:], 2)
    return made, sampler.diagnostics_.iloc[0].to_dict()


def _resampled(table: Table, fold: Fold, sampler: Any) -> tuple[Ints, Table | None]:
    """Rows to train on, and those that the sampler made."""
    if sampler is None:
        return fold.train, None
    drawn = resample(sampler, table.X[fold.train], table.y[fold.train], fold.seed + _SAMPLERS * 10_000)
    rows = np.where(drawn.synthetic, len(table) - 1 + drawn.synthetic.cumsum(), fold.train[drawn.sources])
    made = Table(drawn.X[drawn.synthetic], drawn.y[drawn.synthetic], 2) if drawn.synthetic.any() else None
    return rows, made


def _behind(fold: Fold, n_rows: int, n_made: int) -> Ints:
    return np.concatenate([fold.train, n_rows + np.arange(n_made)])


def _as_many_at_random(found: Ints, y: Ints, fold: Fold) -> Ints:
    """Draw as many majority rows as a search returned, with repetitions if it did, beside its minority rows."""
    rng = np.random.default_rng(fold.seed + _RANDOM_ROWS * 10_000)
    chosen, others = found[y[found] == 0], fold.train[y[fold.train] == 0]
    repeats = len(np.unique(chosen)) < len(chosen)
    return np.concatenate([found[y[found] == 1], rng.choice(others, len(chosen), replace=repeats)])


def _trained(rows: Rows, tables: Sequence[Table], name: str, run: int, network: TrainedNetwork) -> Cell:
    fold = rows.folds[run]
    proba = FittedEnsemble([network], np.arange(2)).predict_proba(tables[run].X[fold.test])
    return cell(name, rows, fold, proba, network.seconds)
