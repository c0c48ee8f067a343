"""Networks trained on the rows of every sampler and search, all runs in one call."""

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler

from equipoise.experiments import Arm, Store
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import Fold
from equipoise.progress import OnSteps
from equipoise.samplers import GANDiagnosticsWarning
from equipoise.samplers.mubo_variants import VARIANTS
from equipoise.samplers.resample import resample
from equipoise.training import Settings, Table
from equipoise_reproductions.mubo.protocol import ANEW, BASELINES, GANS, PAPER, RANDOM, SEARCHES, Effort
from equipoise_reproductions.mubo.rows import Ints, Rows
from equipoise_reproductions.mubo.searches import history, search_network, stored
from equipoise_reproductions.networks import AS_SET, Drawn, Network

Cells = list[tuple[str, int]]

_RANDOM_ROWS, _SAMPLERS = 1, 2  # streams of chance beside that of a run


def train_networks(rows: Rows, effort: Effort, store: Store, on_steps: OnSteps) -> None:
    """Train a network a run for every sampler, and on the rows of every search and as many at random.

    All in one call, but where GANs make the rows: these take so long that each is stored for itself.
    """
    settings, portions = training_settings(store), _portions(networks_missing(store, effort))
    for number, portion in enumerate(portions):

        def tell(kind: str, done: int, total: int, number: int = number) -> None:
            if kind == "training":
                on_steps(number * total + done, len(portions) * total)

        wanted = [
            (
                Arm(name, name, partial(_network, rows, settings, name, effort, store), figures=_health),
                rows.folds[run],
            )
            for name, run in portion
        ]
        run_cells(wanted, rows.prepared, AS_SET, store, tell)


def _portions(cells: Cells) -> list[Cells]:
    slow = {method.name for method in GANS}
    together = [cell for cell in cells if cell[0] not in slow]
    return [*([together] if together else []), *([cell] for cell in cells if cell[0] in slow)]


def training_settings(store: Store) -> Settings:
    """How networks train on rows: as the paper's inner loop does, for the steps that its search's network made.

    The steps are the mean over runs of those that shaped the network that is returned: a rejection undoes its own.
    """
    steps = history(store, PAPER)
    assert steps is not None
    n_steps = int(steps.loc[steps["accepted"], "steps"].sum() / steps["chain"].nunique())
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


def _network(
    rows: Rows, settings: Settings, name: str, effort: Effort, store: Store, fold: PreparedFold, protocol: Protocol
) -> Network:
    method = next((method for method in BASELINES if method.name == name), None)
    if method is None:
        found = np.array(store.get(f"rows/{name.partition(':')[0]}")[fold.fold.repeat])
        drawn = found if name.endswith(ANEW) else as_many_at_random(found, rows.y, fold.fold)
        places = np.searchsorted(fold.fold.train, drawn)
        return Network(settings, fold.fold.seed, lambda table: (places, None))
    if method.sampler is None:
        return Network(settings, fold.fold.seed)
    seed = fold.fold.seed + _SAMPLERS * 10_000
    if method.is_gan:
        epochs = effort.gan_epochs_of(rows.source)
        return Network(settings, fold.fold.seed, GANRows(clone(method.sampler), epochs, seed))
    return Network(settings, fold.fold.seed, partial(resampled, method.sampler, seed))


def _health(model: Network) -> list[dict[str, Any]]:
    return [model.draw.health] if isinstance(model.draw, GANRows) else []


class GANRows:
    """The rows that a GAN makes of training rows within 0 and 1, where it can reach them, and their ``health``."""

    def __init__(self, sampler: Any, epochs: int, seed: int) -> None:
        self._sampler = sampler.set_params(max_epochs=epochs, random_state=seed)
        self.health: dict[str, Any] = {}

    def __call__(self, table: Table) -> Drawn:
        """Return all rows of the table and those that were made."""
        scaler, n = MinMaxScaler().fit(table.X), len(table)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GANDiagnosticsWarning)  # the page has the figures
            X, y = self._sampler.fit_resample(scaler.transform(table.X), table.y)
        self.health = self._sampler.diagnostics_.iloc[0].to_dict()
        made = Table(scaler.inverse_transform(X[n:]).astype(table.X.dtype), y[n:], 2)
        return np.arange(n + len(made)), made


def resampled(sampler: Any, seed: int, table: Table) -> Drawn:
    """Rows to train on, and those that the sampler made."""
    drawn = resample(sampler, table.X, table.y, seed)
    rows = np.where(drawn.synthetic, len(table) - 1 + drawn.synthetic.cumsum(), drawn.sources)
    made = Table(drawn.X[drawn.synthetic], drawn.y[drawn.synthetic], 2) if drawn.synthetic.any() else None
    return rows, made


def as_many_at_random(found: Ints, y: Ints, fold: Fold) -> Ints:
    """Draw as many majority rows as a search returned, with repetitions if it did, beside its minority rows."""
    rng = np.random.default_rng(fold.seed + _RANDOM_ROWS * 10_000)
    chosen, others = found[y[found] == 0], fold.train[y[fold.train] == 0]
    repeats = len(np.unique(chosen)) < len(chosen)
    return np.concatenate([found[y[found] == 1], rng.choice(others, len(chosen), replace=repeats)])
