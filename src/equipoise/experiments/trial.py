"""What a few rows and gradient steps tell of a fit within a time limit: on how many rows it can be an honest one."""

import time
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from equipoise import recipes as named
from equipoise.classifiers import NeuralClassifier
from equipoise.classifiers.auto_job import MOST_ROWS
from equipoise.datasets import Dataset
from equipoise.datasets.in_time import seconds_a_row
from equipoise.datasets.sampling import sampled
from equipoise.deadline import Deadline
from equipoise.experiments.plan import FEWEST_ROWS, LEAST_SHARE
from equipoise.text import called, count, seconds
from equipoise.training import fit

_FITTED = (500, 2_000)  # rows that other models than networks are fitted on
_STEPS = 15
_OF_NUMBERS = 0.25  # of the time left, to make rows numbers
_OF_FIT = 0.7  # of the time left, for all
_MANY = 20_000  # rows, from which on the time of making them numbers matters
_FURTHER_PASSES = 3  # over the rows: to describe them, for the model, and in the report
_SHARE_OF_FEWER = 0.25  # of their gradient steps that networks make on a sample that is drawn for want of time
_SURE = 1.1  # times the least share of steps, on all rows
_WITH_ALL = 3  # times the seconds of reading and checking, in advice where nothing else was begun
_SMALLER = 0.8  # times the rows, until they fit


@dataclass(frozen=True)
class Trial:
    """The pace of a fit, in seconds by the clock."""

    a_row: float  # to fit the preprocessing on it and to make it numbers
    a_step: float = 0.0  # of all networks of the fit
    on_rows: float = 0.0  # for a model that is no network, on so many rows
    n_rows: int = 1
    growth: float = 1.0

    def needed(self, n_rows: int, steps: float) -> float:
        """Seconds for a fit on so many rows with so many gradient steps."""
        return n_rows * self.a_row + steps * self.a_step + self.on_rows * (n_rows / self.n_rows) ** self.growth


def tried(recipe: str, model: Pipeline, dataset: Dataset, deadline: Deadline) -> Trial:
    """Make a few rows numbers and, unless the model keeps to a time limit by itself, begin to fit it."""
    a_row, table = _pace(model[:-1], dataset, deadline)
    classifier, record = model[-1], named.get(recipe)
    if recipe == named.AUTO:
        return Trial(a_row)
    if isinstance(classifier, NeuralClassifier):
        plain = clone(classifier).set_params(sampler=None)
        few = sampled(dataset, _FITTED[-1])
        tasks = plain.prepare(table.transform(few.X), few.y).tasks
        for steps in (_STEPS // 2, _STEPS):  # the first steps of a process are slow
            began = time.monotonic()
            fit([replace(task, settings=replace(task.settings, max_steps=steps, min_steps=0)) for task in tasks])
        return Trial(a_row, (time.monotonic() - began) / _STEPS)
    if named.is_neural(recipe):
        return Trial(a_row)
    for n_rows in _FITTED:
        some = sampled(dataset, n_rows)
        X = table.transform(some.X)
        began = time.monotonic()
        clone(classifier).fit(X, some.y)
        took = time.monotonic() - began
    return Trial(a_row, 0.0, took, len(some.y), record.growth)


def rows_to_fit(recipe: str, model: Pipeline, dataset: Dataset, deadline: Deadline) -> int:
    """Return the rows of a task on which a recipe can be fitted honestly before a deadline, at the pace of a trial.

    Networks make a tenth of their gradient steps at least, of which there are fewer on fewer rows. Raises TimeoutError,
    with the time limit that would do, where even the fewest rows take too long.
    """
    if deadline.left <= 0:
        raise TimeoutError(took_all(deadline))
    trial, most, whole = tried(recipe, model, dataset, deadline), len(dataset.y), len(dataset.y)
    if recipe == named.AUTO:
        most = min(most, MOST_ROWS)
    while True:
        share = _SURE * LEAST_SHARE if most == whole else _SHARE_OF_FEWER
        steps = share * model[-1].planned_steps(most) if trial.a_step else 0.0
        needed = max(trial.needed(most, steps) / _OF_FIT, trial.a_row * most / _OF_NUMBERS)
        if needed <= deadline.left:
            return most
        if most <= FEWEST_ROWS:
            raise TimeoutError(
                f"Even on a sample of {count(most)} rows {called(recipe)} needs more than is left. "
                f"{deadline.remedy(deadline.spent + needed)}"
            )
        most = max(FEWEST_ROWS, int(_SMALLER * most))


def took_all(deadline: Deadline) -> str:
    """Say that nothing is left of a time limit after reading and checking, and the limit that would do."""
    return f"Reading and checking took {seconds(deadline.spent)}. {deadline.remedy(_WITH_ALL * deadline.spent)}"


def affordable_rows(dataset: Dataset, n_folds: int, deadline: Deadline) -> int:
    """Return the rows of a task that can be made numbers once a fold in a part of the time left; all without a pace."""
    n_rows = len(dataset.y)
    if n_rows <= _MANY or dataset.training_weights is not None:
        return n_rows
    each, _ = _pace(dataset.table_preprocessor(), dataset, deadline)
    return min(n_rows, max(FEWEST_ROWS, int(_OF_NUMBERS * deadline.left / ((n_folds + _FURTHER_PASSES) * each))))


def _pace(preprocessor: Any, dataset: Dataset, deadline: Deadline) -> tuple[float, Any]:
    """Return the seconds in which a row of a task becomes numbers, and a fitted preprocessor."""

    def rows(n_rows: int) -> tuple[Any, Any]:
        few = sampled(dataset, n_rows)
        return few.X, few.y

    return seconds_a_row(preprocessor, rows, deadline)
