"""What the recipes of a comparison cost, measured on samples of the rows and a few gradient steps."""

import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.classifiers.jobs import JobClassifier
from equipoise.datasets import Dataset
from equipoise.deadline import Deadline
from equipoise.experiments.arms import make_recipe
from equipoise.experiments.plan import Cost, Costs
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import READINGS, Readings
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise.progress import OnProgress
from equipoise.samplers.resample import resample
from equipoise.sklearn_private import safe_indexing
from equipoise.training import Task, TrainedNetwork, fit
from equipoise.training.machines import n_workers
from equipoise.training.processes import side_by_side

_WARM_ROWS = 100  # of a first call, which is slow in any process
_FEWEST_ROWS = 500  # of the first sample; the next ones are twice as large
_ENOUGH = 0.3  # seconds of computing on a sample that tell the time of all rows
_TOO_LONG = 3.0  # seconds by the clock, after which no larger sample is timed
_PROBE_STEPS = 15
_PROBE_STEPS_OF_IMAGES = 3
_PROBE_NETWORKS = 20  # a process
_SHARE = 0.25  # of the time left, for these measurements
_HINT_ROWS = 5000  # that `Recipe.cost` speaks of
_REPORT = 5.0  # seconds, and half of the time of the scores


def measured_costs(
    dataset: Dataset, codes: NDArray[np.int64], protocol: Protocol, deadline: Deadline, on_progress: OnProgress
) -> Costs:
    """Measure the costs of the recipes of a protocol on its first fold.

    Parameters
    ----------
    dataset : Dataset
    codes : ndarray of shape (n,)
    protocol : Protocol
        As wished for.
    deadline : Deadline
        Measuring takes a small part of it; what is not measured then is estimated by `Recipe.cost` and
        `Recipe.growth`.
    on_progress : callable

    Returns
    -------
    Costs
    """
    on_progress("planning", 0, 0)
    started = time.perf_counter()
    native = any(recipes.get(name).native for name in protocol.recipes)
    fold = PreparedFold.of(dataset, codes, next(protocol.splits.folds(dataset, codes, 0)), native=native)
    prepared = time.perf_counter() - started
    within = deadline.part(_SHARE)
    timed = [name for name in protocol.recipes if not recipes.get(name).slow and _has_rows(name, protocol)]
    timed = sorted(timed, key=lambda name: recipes.get(name).cost)
    jobs = [(name, protocol, fold.seen(native=recipes.get(name).native).X_train, fold.y_train) for name in timed]
    of_rows: dict[str, float] = {}
    for done, (number, outcome) in enumerate(side_by_side(rows_seconds, jobs, n_workers(), within.left / 2), start=1):
        on_progress("planning", done, len(jobs))
        if not isinstance(outcome, Exception):
            of_rows[timed[number]] = outcome
    a_step = _network_step_seconds(fold, protocol, within)
    n, found = len(fold.y_train), dict[str, Cost]()
    hinted = protocol.n_members * recipes.classifier("none").planned_steps(_HINT_ROWS) * a_step  # `none` on so many
    for name in protocol.recipes:
        recipe = recipes.get(name)
        hint = recipe.cost * hinted * (n / _HINT_ROWS) ** recipe.growth
        around, measured = of_rows.get(name, hint), name in of_rows
        if recipes.is_neural(name):
            plain = protocol.n_members * protocol.max_steps * a_step
            made = protocol.n_members * around if measured else hint
            makes_rows = _has_rows(name, protocol)
            steps = plain if recipe.slow and makes_rows else recipe.cost * plain  # slow are its rows, not its steps
            found[name] = Cost(made, steps, measured) if makes_rows else Cost(0.0, steps)
        elif name == recipes.AUTO:
            found[name] = Cost(0.0, around, measured)  # it keeps to any time limit
        else:
            found[name] = Cost(around, 0.0, measured)
    score = _score_seconds(fold, protocol)
    scores = score * len(protocol.recipes) * protocol.n_folds * protocol.n_repeats
    return Costs(found, prepared, score, _REPORT + scores / 2, explained=not dataset.images)


def resumed_costs(
    store: Store,
    dataset: Dataset,
    codes: NDArray[np.int64],
    protocol: Protocol,
    deadline: Deadline,
    on_progress: OnProgress,
) -> Costs:
    """Measure the recipes that miss results; others cost what they took."""
    costs = Costs({})
    done = Counter(arm for arm, _, _ in store.done())
    missing = [name for name in protocol.recipes if done[name] < protocol.n_folds * protocol.n_repeats]
    if missing:
        costs = measured_costs(dataset, codes, replace(protocol, recipes=tuple(missing)), deadline, on_progress)
    took = {name: Cost(store.mean_seconds(name) or 0.0) for name in protocol.recipes if name not in missing}
    if recipes.AUTO in missing and protocol.auto_seconds is not None:
        took[recipes.AUTO] = Cost(min(protocol.auto_seconds, costs.recipes[recipes.AUTO].at(1.0)))
    return replace(costs, recipes={**costs.recipes, **took})


def _has_rows(name: str, protocol: Protocol) -> bool:
    """Whether the time of a recipe depends on the rows: it makes rows, or is a model of its own."""
    return not recipes.is_neural(name) or _sampler(name, protocol) is not None


def _sampler(name: str, protocol: Protocol) -> Any:
    return getattr(make_recipe(name, protocol, 0), "sampler", None)


def rows_seconds(name: str, protocol: Protocol, X: Any, y: NDArray[np.int64]) -> float:
    """Estimate the seconds of a process that a recipe takes on rows, beside the steps that all networks make.

    Samples of 500, 1,000, 2,000, ... rows are timed until one takes long enough; its time grows by `Recipe.growth`.
    """
    n_rows, growth = min(_FEWEST_ROWS, len(y)), recipes.get(name).growth
    _seconds_of(name, protocol, X, y, min(_WARM_ROWS, len(y)))
    while True:
        started, computed = time.perf_counter(), time.process_time()
        seconds = _seconds_of(name, protocol, X, y, n_rows)
        enough = time.process_time() - computed > _ENOUGH or time.perf_counter() - started > _TOO_LONG
        if n_rows == len(y) or enough:  # on a busy machine, waiting tells nothing of more rows
            return seconds * (len(y) / n_rows) ** growth
        n_rows = min(len(y), 2 * n_rows)


def _seconds_of(name: str, protocol: Protocol, X: Any, y: NDArray[np.int64], n_rows: int) -> float:
    rows = _sample(y, n_rows)
    X, y = safe_indexing(X, rows), y[rows]
    started = time.perf_counter()
    if (sampler := _sampler(name, protocol)) is not None:
        resample(sampler, X, y, 0)
        return time.perf_counter() - started
    model = make_recipe(name, protocol, 0)
    if not isinstance(model, JobClassifier):
        model.fit(X, y)
        return time.perf_counter() - started
    job = model.prepare(X, y)
    around, networks = time.perf_counter() - started, _probes(job.tasks)
    started = time.perf_counter()
    job.finish(networks)
    of_steps = sum(n.seconds * task.planned_steps for n, task in zip(networks, job.tasks, strict=True)) / _PROBE_STEPS
    return around + time.perf_counter() - started + of_steps


def _sample(y: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """Return rows with the shares of the classes, and at least ten of each class where there are as many."""
    if n_rows >= len(y):
        return np.arange(len(y))
    rng, counts = np.random.default_rng(0), np.bincount(y)
    sizes = np.minimum(counts, np.maximum(10, counts * n_rows // len(y)))
    drawn = [rng.choice(np.flatnonzero(y == code), size, replace=False) for code, size in enumerate(sizes)]
    return np.sort(np.concatenate(drawn))


def _network_step_seconds(fold: PreparedFold, protocol: Protocol, within: Deadline) -> float:
    """Time a gradient step of one network, with all processes at work as they will be; at least what could be seen."""
    n_networks = 1 if protocol.images else max(1, min(_PROBE_NETWORKS, protocol.n_folds * protocol.n_members))
    began = within.spent
    job = replace(protocol, n_members=n_networks), fold.X_train, fold.y_train
    outcomes = [outcome for _, outcome in side_by_side(step_seconds, [job] * n_workers(), n_workers(), within.left)]
    found = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    return float(np.mean(found)) if found else (within.spent - began) / (2 * _PROBE_STEPS * n_networks)


def step_seconds(protocol: Protocol, X: NDArray[Any], y: NDArray[np.int64]) -> float:
    """Return the seconds of a process for a gradient step of one network."""
    steps = _PROBE_STEPS_OF_IMAGES if protocol.images else _PROBE_STEPS
    networks = _probes(make_recipe("none", protocol, 0).prepare(X, y).tasks, steps)
    return sum(network.seconds for network in networks) / (steps * len(networks))


def _probes(tasks: Sequence[Task], steps: int = _PROBE_STEPS) -> list[TrainedNetwork]:
    """Train a few steps of each task, twice: the first steps of a process are slow."""
    short = [replace(task, settings=replace(task.settings, max_steps=steps)) for task in tasks]
    fit(short)
    return fit(short)


def _score_seconds(fold: PreparedFold, protocol: Protocol) -> float:
    """Time the scores of a cell in every reading, its decision tuned on the other folds of the repeat."""
    rng = np.random.default_rng(0)
    sides = [fold.y_test, fold.y_train[: (protocol.n_folds - 1) * len(fold.y_test)]]
    cells, folds = [], []
    for number, codes in enumerate(sides):
        proba = rng.dirichlet(np.ones(fold.n_classes), len(codes)).astype(np.float32)
        proba[np.arange(len(codes)), codes] += 0.5
        proba /= proba.sum(axis=1, keepdims=True)
        counts, priors = np.bincount(codes, minlength=fold.n_classes), np.full(fold.n_classes, 1 / fold.n_classes)
        cells.append(Cell("", 0, number, 0.0, proba, None, priors=priors.tolist()))
        sides_of = fold.counts.tolist(), counts.tolist(), fold.mass.tolist()
        folds.append(StoredFold(0, number, 0, np.arange(len(codes)), codes, *sides_of, None))
    readings = Readings(cells, folds, int(fold.counts.argmin()))
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that is missing
        for metric in METRICS.values():
            for reading in READINGS:
                readings.score(cells[0], metric, reading)
    return time.perf_counter() - started
