"""Fit a comparison into a time budget: measure first, then cut repeats, steps and slow samplers, and say so."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

from equipoise import recipes
from equipoise.classifiers.base import LEAST_STEPS
from equipoise.datasets import Dataset
from equipoise.experiments.arms import make_recipe, recipe_arms
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.samplers.gan import GANOverSampler
from equipoise.samplers.resample import resample
from equipoise.training import Task, TrainedNetwork, fit
from equipoise.training.machines import n_workers

_PROBE_STEPS = 30
_PROBE_NETWORKS = 20  # a process
_SAMPLER_ROWS = 2000  # samplers are timed on so many rows; their time grows with the square of the rows
_SAMPLER_SHARE = 0.15  # of the budget that one sampler may take
_SEARCH_TRAININGS = 2.5  # plain trainings that a network with a loss to be searched for takes, its own among them
_NETWORK_SHARE = 0.7  # of the budget that networks may take; the rest is for resampling, boosting, scoring, refitting


def fit_to_budget(dataset: Dataset, codes: NDArray[np.int64], protocol: Protocol, seconds: float) -> Protocol:
    """Return the protocol, cut where it would not end within the budget, each cut noted in a sentence.

    Parameters
    ----------
    dataset : Dataset
    codes : ndarray of shape (n,)
    protocol : Protocol
        As wished for.
    seconds : float

    Returns
    -------
    Protocol
    """
    started = time.perf_counter()
    fold = PreparedFold.of(dataset, codes, next(protocol.splits.folds(dataset, codes, 0)))
    protocol = _without_slow_samplers(fold, protocol, seconds)
    a_step = _network_step_seconds(fold, protocol)
    trainings = sum(_trainings(recipe, protocol) for recipe in protocol.recipes if recipes.is_neural(recipe))
    auto = _auto_fit(fold, protocol) if recipes.AUTO in protocol.recipes else AutoFit()
    fixed = protocol.n_folds * auto.around
    in_steps = protocol.n_folds * (a_step * trainings * protocol.n_members * protocol.max_steps + auto.training)
    a_repeat = fixed + in_steps
    affordable = max(0.0, seconds - (time.perf_counter() - started)) * _NETWORK_SHARE
    in_time = f"to meet the time limit of {seconds / 60:.3g} minutes."
    with_gans = [recipe for recipe in protocol.recipes if isinstance(_sampler(recipe, protocol), GANOverSampler)]
    notes = [*protocol.notes, *(f"{recipe}: training its GANs takes additional time." for recipe in with_gans)]
    repeats, steps, auto_steps = protocol.n_repeats, protocol.max_steps, protocol.auto_steps
    if a_repeat * repeats > affordable and repeats > 1:
        repeats = max(1, int(affordable / a_repeat))
        notes.append(f"{_repeats(repeats)} instead of {protocol.n_repeats} {in_time}")
    if a_repeat > affordable:
        share = min(1.0, max(0.0, affordable - fixed) / in_steps)
        steps = max(LEAST_STEPS, int(steps * share))
        if trainings and steps < protocol.max_steps:
            notes.append(f"{steps} gradient steps per network instead of {protocol.max_steps} {in_time}")
        if (fewer := max(LEAST_STEPS, int(auto.steps * share))) < auto.steps:
            auto_steps = fewer
            notes.append(f"auto: {fewer} gradient steps of its longest networks instead of {auto.steps} {in_time}")
    return replace(protocol, n_repeats=repeats, max_steps=steps, auto_steps=auto_steps, notes=tuple(notes))


def _trainings(recipe: str, protocol: Protocol) -> float:
    """Plain trainings that one network of a recipe takes."""
    loss = getattr(make_recipe(recipe, protocol, 0), "loss", None)
    return _SEARCH_TRAININGS if hasattr(loss, "begin") else 1.0


def _repeats(number: int) -> str:
    return "1 repeat" if number == 1 else f"{number} repeats"


def _network_step_seconds(fold: PreparedFold, protocol: Protocol) -> float:
    """Time a gradient step of one network on the real rows."""
    probe = replace(protocol, n_members=_PROBE_NETWORKS * n_workers())
    tasks = make_recipe("none", probe, 0).prepare(fold.X_train, fold.y_train).tasks
    return sum(network.seconds for network in _probes(tasks)) / (_PROBE_STEPS * len(tasks) * n_workers())


@dataclass(frozen=True)
class AutoFit:
    """What a fit of auto takes: seconds around and in the training of its networks, and steps of the longest ones."""

    around: float = 0.0
    training: float = 0.0
    steps: int = 0


def _auto_fit(fold: PreparedFold, protocol: Protocol) -> AutoFit:
    """Time a fit of auto on the real rows, but for the length of the training."""
    (arm,), started = recipe_arms([recipes.AUTO]), time.perf_counter()
    model = arm.make(fold, protocol)
    try:
        job = model.prepare(fold.X_train, fold.y_train, **arm.fit_parameters(fold))
    except ValueError:  # it will fail on this fold, at once
        return AutoFit()
    around, networks = time.perf_counter() - started, _probes(job.tasks)
    started = time.perf_counter()
    job.finish(networks)
    around += time.perf_counter() - started
    seconds = sum(network.seconds * task.planned_steps for network, task in zip(networks, job.tasks, strict=True))
    steps = max(task.planned_steps for task in job.tasks)
    return AutoFit(around, seconds / (_PROBE_STEPS * n_workers()), steps)


def _probes(tasks: Sequence[Task]) -> list[TrainedNetwork]:
    """Train a few steps of each task, with all processes at work as they will be."""
    short = [replace(task, settings=replace(task.settings, max_steps=_PROBE_STEPS)) for task in tasks]
    fit(short, n_jobs=n_workers())  # the first steps of a process are slow
    return fit(short, n_jobs=n_workers())


def _sampler(recipe: str, protocol: Protocol) -> BaseEstimator | None:
    return getattr(make_recipe(recipe, protocol, 0), "sampler", None)


def _without_slow_samplers(fold: PreparedFold, protocol: Protocol, seconds: float) -> Protocol:
    n = len(fold.y_train)
    if n <= _SAMPLER_ROWS:
        return protocol
    rows, _ = train_test_split(np.arange(n), train_size=_SAMPLER_ROWS, stratify=fold.y_train, random_state=0)
    kept, notes = [], list(protocol.notes)
    for recipe in protocol.recipes:
        sampler = _sampler(recipe, protocol)
        if sampler is None or isinstance(sampler, GANOverSampler):
            kept.append(recipe)
            continue
        started = time.perf_counter()
        resample(sampler, fold.X_train[rows], fold.y_train[rows], 0)
        once = (time.perf_counter() - started) * (n / _SAMPLER_ROWS) ** 2
        total = once * protocol.n_folds * protocol.n_repeats * protocol.n_members
        if total > _SAMPLER_SHARE * seconds:
            notes.append(
                f"{recipe} was left out: resampling {n:,} rows would take about {total / 60:.0f} minutes in total."
            )
        else:
            kept.append(recipe)
    return replace(protocol, recipes=tuple(kept), notes=tuple(notes))
