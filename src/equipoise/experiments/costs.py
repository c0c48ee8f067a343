"""What the recipes of a comparison cost, measured on samples of the rows and a few gradient steps.

Costs are seconds of computing; beside them stands how much longer the clock ran. On a busy machine a short sample tells
the one well and the other badly, so the latter is that of all samples together.
"""

import math
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.classifiers.jobs import JobClassifier
from equipoise.deadline import Deadline
from equipoise.experiments.arms import make_recipe, recipe_parameters
from equipoise.experiments.plan import Cost, Costs
from equipoise.experiments.prepared import PreparedFold, PreparedFolds
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import READINGS, Readings
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise.machines import late, n_workers
from equipoise.processes import side_by_side
from equipoise.progress import OnProgress
from equipoise.samplers.resample import resample
from equipoise.sklearn_private import safe_indexing
from equipoise.training import Task, TrainedNetwork, fit

_MOMENT = 0.1  # seconds
_TINY = 1e-9
_WARM_ROWS = 100  # of a first call, which is slow in any process
_FEWEST_ROWS = 500  # of the first sample; the next ones are twice as large
_ENOUGH = 0.3  # seconds of computing on a sample that tell the time of all rows
_TOO_LONG = 3.0  # seconds by the clock, after which no larger sample is timed
_PROBE_STEPS = 15
_PROBE_STEPS_OF_IMAGES = 2
_PREDICTED_IMAGES = 100
_PROBE_NETWORKS = 20  # a process
_SHARE = 1 / 6  # of the time left, for these measurements
_FOLDS_READY = 2  # before the run
_GRACE = 1.0  # seconds at least, to end what is being timed
_FIRST_CALL = 0.2  # seconds of computing, the packages being loaded
_HINT_ROWS = 5000  # that `Recipe.cost` speaks of
_REPORT = 4.0  # seconds of computing, as measured for one recipe with terms


@dataclass
class Watch:
    """Seconds by the clock, and of computing by all threads of this process, of a work within the context."""

    wall: float = 0.0
    computing: float = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall, computing = self._began
        self.wall, self.computing = time.perf_counter() - wall, time.process_time() - computing

    @property
    def slowness(self) -> float:
        """How much longer the clock ran than there was computing."""
        return self.wall / max(_TINY, self.computing)


Timed = tuple[float, Watch]
"""Estimated seconds of computing, and what was timed for that."""


def measured_costs(
    folds: PreparedFolds,
    protocol: Protocol,
    deadline: Deadline,
    on_progress: OnProgress,
    timings: dict[str, float] | None = None,
) -> Costs:
    """Measure the costs of the recipes of a protocol on its first fold.

    Measuring takes a sixth of the deadline, the quickest recipes first; what is not measured then is estimated from a
    step of a network by `Recipe.cost` and `Recipe.growth`. ``timings`` are seconds of computing on the rows by recipe,
    as measured before: those are not timed again, others are added.
    """
    of_rows = {} if timings is None else timings
    on_progress("planning", 0, 0)
    fold, of_driver = folds.numbers(folds.of(0)[0]), list[Watch]()
    for another in folds.of(0)[1:_FOLDS_READY]:  # the first loads packages, too; the work is kept
        with Watch() as preparing:
            folds.numbers(another)
        of_driver.append(preparing)
    start_processes(deadline.left / 2)
    within = deadline.part(_SHARE)
    a_step, watches = _network_step_seconds(fold, protocol, within)
    a_view = 0.0
    if protocol.images:
        a_view, watch = _view_seconds(fold, protocol)
        a_step = a_step if watches else a_step / max(1.0, watch.slowness)  # a bound by the clock
        watches.append(watch)
    n, found = len(fold.y_train), dict[str, Cost]()
    hinted = protocol.n_members * recipes.classifier("none").planned_steps(_HINT_ROWS) * a_step  # `none` on so many
    ends, slowness = time.time() + within.left, _together(watches).slowness if watches else 1.0
    limits = {name: ends - slowness * _of_sample(name, n, hinted) for name in protocol.recipes if name not in of_rows}
    for name, (seconds, watch) in _timed_on_rows(limits, fold, protocol, within.left, on_progress).items():
        of_rows[name] = seconds
        watches.append(watch)
    for name in protocol.recipes:
        recipe, hint = recipes.get(name), _hint(name, n, hinted)
        plain = protocol.n_members * protocol.max_steps * a_step
        if protocol.images:
            found[name] = Cost(_views(name, protocol) * a_view, recipe.cost * plain)
        elif recipes.is_neural(name):
            makes_rows = _has_rows(name, protocol)
            steps = plain if recipe.slow and makes_rows else recipe.cost * plain  # slow are its rows, not its steps
            found[name] = Cost(hint, steps, measured=False) if makes_rows else Cost(0.0, steps)
        else:
            found[name] = Cost(*((0.0, hint) if name == recipes.AUTO else (hint, 0.0)), measured=False)
        if name in of_rows:
            found[name] = _timed(name, found[name], of_rows[name], protocol)
    with Watch() as scoring:
        _score(fold, protocol)
    of_driver.append(scoring)
    pace = _together(watches or of_driver).slowness
    by_clock = _together(of_driver).slowness / pace  # one process has more of a busy machine than each of several
    of_fold, of_score, of_report = (by_clock * seconds for seconds in (preparing.computing, scoring.computing, _REPORT))
    explained = not protocol.images
    return Costs(found, of_fold, of_score, of_report, pace, explained=explained, ready=_FOLDS_READY)


def timed_after_all(
    costs: Mapping[str, Cost], folds: PreparedFolds, protocol: Protocol, seconds: float, on_progress: OnProgress
) -> dict[str, Cost]:
    """Time recipes whose costs are guesses, for some seconds, and return what those cost that ended."""
    limits, fold = dict.fromkeys(costs, time.time() + seconds), folds.numbers(folds.of(0)[0])
    found = _timed_on_rows(limits, fold, replace(protocol, auto_seconds=None), seconds, on_progress)
    return {name: _timed(name, costs[name], of_rows, protocol) for name, (of_rows, _) in found.items()}


def _timed(name: str, guess: Cost, of_rows: float, protocol: Protocol) -> Cost:
    """Return the cost of a recipe that takes so many seconds of computing on the rows."""
    if name == recipes.AUTO:
        return Cost(0.0, of_rows)  # it keeps to any time limit
    return Cost(protocol.n_members * of_rows if recipes.is_neural(name) else of_rows, guess.steps)


def _timed_on_rows(
    limits: Mapping[str, float], fold: PreparedFold, protocol: Protocol, seconds: float, on_progress: OnProgress
) -> dict[str, Timed]:
    """Time recipes on the rows of a fold, the quickest first; a limit is the last time at which one may begin."""
    names = [name for name in limits if not recipes.get(name).slow and _has_rows(name, protocol)]
    names = sorted(names, key=lambda name: recipes.get(name).cost)
    rows = {native: (fold.seen(native=native).X_train, fold.y_train) for native in (False, True)}
    jobs = [(name, protocol, *rows[recipes.get(name).native], limits[name]) for name in names]
    found = dict[str, Timed]()
    outcomes = side_by_side(rows_seconds, jobs, n_workers(), max(_GRACE, seconds))
    for done, (number, outcome) in enumerate(outcomes, start=1):
        on_progress("planning", done, len(jobs))
        if not isinstance(outcome, Exception):
            found[names[number]] = outcome
    return found


def _hint(name: str, n_rows: int, hinted: float) -> float:
    """Seconds of computing for a recipe by its record, from those of `none` on the rows that records speak of."""
    recipe = recipes.get(name)
    return recipe.cost * hinted * (n_rows / _HINT_ROWS) ** recipe.growth


def _of_sample(name: str, n_rows: int, hinted: float) -> float:
    """Seconds of computing for the first sample of a recipe, by its record; networks are only begun."""
    of_rows = 0.0 if recipes.is_neural(name) else _hint(name, min(_FEWEST_ROWS, n_rows), hinted)
    return _FIRST_CALL + of_rows


def _together(watches: Sequence[Watch]) -> Watch:
    return Watch(sum(watch.wall for watch in watches), sum(watch.computing for watch in watches))


def seconds_to_report(scoring: Watch) -> float:
    """Seconds by the clock to write a report, at the pace of the scoring before."""
    return _REPORT * max(1.0, scoring.slowness)


def start_processes(seconds: float | None = None) -> None:
    """Wait for the processes, which load what recipes need as they begin: it is part of the time of none."""
    for _ in side_by_side(loaded, [()] * n_workers(), n_workers(), seconds):
        pass


def loaded() -> None:
    """Do nothing, in a process that has loaded this module for it, for as long as the others need to get work, too."""
    time.sleep(_MOMENT)


def resumed_costs(
    store: Store,
    folds: PreparedFolds,
    protocol: Protocol,
    deadline: Deadline,
    on_progress: OnProgress,
    timings: dict[str, float],
) -> Costs:
    """Measure the recipes that miss results; others cost what they took."""
    costs = Costs({})
    done = Counter(arm for arm, _, _ in store.done())
    missing = [name for name in protocol.recipes if done[name] < protocol.n_folds * protocol.n_repeats]
    if missing:
        costs = measured_costs(folds, replace(protocol, recipes=tuple(missing)), deadline, on_progress, timings)
    took = {
        name: Cost((store.mean_seconds(name) or 0.0) / costs.pace) for name in protocol.recipes if name not in missing
    }
    if recipes.AUTO in missing and protocol.auto_seconds is not None:
        took[recipes.AUTO] = Cost(min(protocol.auto_seconds, costs.recipes[recipes.AUTO].at(1.0)))
    return replace(costs, recipes={**costs.recipes, **took})


def _has_rows(name: str, protocol: Protocol) -> bool:
    """Whether the time of a recipe depends on the rows: it makes rows, or is a model of its own."""
    return not recipes.is_neural(name) or _sampler(name, protocol) is not None


def _sampler(name: str, protocol: Protocol) -> Any:
    return getattr(make_recipe(name, protocol, 0), "sampler", None)


def rows_seconds(name: str, protocol: Protocol, X: Any, y: NDArray[np.int64], ends: float = math.inf) -> Timed:
    """Estimate the seconds of computing that a recipe takes on rows, beside the steps that all networks make.

    Nothing begins after the time ``ends`` of `time.time`, nor what would take longer.

    Samples of 500, 1,000, 2,000, ... rows are timed until one takes long enough; its time grows by `Recipe.growth`.
    """
    if time.time() >= ends:
        raise late()
    n_rows, growth = min(_FEWEST_ROWS, len(y)), recipes.get(name).growth
    with Watch() as warming:
        _seconds_of(name, protocol, X, y, min(_WARM_ROWS, len(y)))
    if time.time() + warming.wall >= ends:
        raise late()
    while True:
        with Watch() as watch:
            seconds = _seconds_of(name, protocol, X, y, n_rows)
        if n_rows == len(y) or watch.computing > _ENOUGH or watch.wall > _TOO_LONG or time.time() + watch.wall >= ends:
            return seconds / watch.slowness * (len(y) / n_rows) ** growth, watch
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


def _network_step_seconds(fold: PreparedFold, protocol: Protocol, within: Deadline) -> tuple[float, list[Watch]]:
    """Time a gradient step of one network, with all processes at work as they will be; at least what could be seen."""
    n_networks = 1 if protocol.images else max(1, min(_PROBE_NETWORKS, protocol.n_folds * protocol.n_members))
    began = within.spent
    job = replace(protocol, n_members=n_networks), fold.X_train, fold.y_train
    jobs = side_by_side(step_seconds, [job] * n_workers(), n_workers(), within.left / (1 if protocol.images else 2))
    if found := [outcome for _, outcome in jobs if not isinstance(outcome, Exception)]:
        return float(np.mean([seconds for seconds, _ in found])), [watch for _, watch in found]
    return (within.spent - began) / (2 * _steps_of_probe(protocol) * n_networks), []


def _view_seconds(fold: PreparedFold, protocol: Protocol) -> Timed:
    """Time predictions from images of the test side, and return the seconds of one view of all of them."""
    job = make_recipe("none", protocol, 0).prepare(fold.X_train, fold.y_train)
    model, X = job.finish(_probes(job.tasks, 1)), fold.X_test[:_PREDICTED_IMAGES]
    with Watch() as watch:
        model.predict_proba(X)
    return watch.computing * len(fold.X_test) / len(X) / _views("none", protocol), watch


def _views(name: str, protocol: Protocol) -> int:
    """Views of an image from which the networks of a recipe predict."""
    return protocol.n_members * int(recipe_parameters(name, protocol)["views"])


def step_seconds(protocol: Protocol, X: NDArray[Any], y: NDArray[np.int64]) -> Timed:
    """Return the seconds of computing for a gradient step of one network."""
    steps = _steps_of_probe(protocol)
    tasks = make_recipe("none", protocol, 0).prepare(X, y).tasks
    with Watch() as watch:
        networks = _probes(tasks, steps)
    return sum(network.seconds for network in networks) / watch.slowness / (steps * len(networks)), watch


def _probes(tasks: Sequence[Task], steps: int = _PROBE_STEPS) -> list[TrainedNetwork]:
    """Train a few steps of each task, after half as many: the first steps of a process are slow."""
    for n_steps in (steps // 2, steps):
        networks = fit([replace(task, settings=replace(task.settings, max_steps=max(1, n_steps))) for task in tasks])
    return networks


def _steps_of_probe(protocol: Protocol) -> int:
    return _PROBE_STEPS_OF_IMAGES if protocol.images else _PROBE_STEPS


def _score(fold: PreparedFold, protocol: Protocol) -> None:
    """Score a cell in every reading, its decision tuned on the other folds of the repeat."""
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that is missing
        for metric in METRICS.values():
            for reading in READINGS:
                readings.score(cells[0], metric, reading)
