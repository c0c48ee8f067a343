"""Networks on all rows of a table that memory does not hold, whose numbers lie in a file."""

import time
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.base import clone

from equipoise.datasets.encoded import scratch
from equipoise.datasets.opened import OpenTable
from equipoise.samplers.resample import only_repeats
from equipoise.text import listed
from equipoise.training import OuterProblem

if TYPE_CHECKING:
    from equipoise.classifiers.neural import NeuralClassifier


def needs_same_rows(classifier: "NeuralClassifier") -> str | None:
    """Return the parameter by which a classifier needs the same rows at every step, None without one."""
    if classifier.sampler is not None and not only_repeats(classifier.sampler):
        return "sampler"
    if isinstance(classifier.loss, OuterProblem):
        return "loss"
    if classifier.early_stopping:
        return "early_stopping"
    return None if classifier.gradient_tolerance is None else "gradient_tolerance"


def fit_open_table(classifier: "NeuralClassifier", table: OpenTable, target: str) -> "NeuralClassifier":
    """Fit networks on all rows of a table, as on the same rows in memory.

    Scales and codes of features are those of a sample by class, weighted as the whole table. Parameters and errors as
    of `NeuralClassifier.fit`.
    """
    started = time.monotonic()
    sample = table.sample(target)
    _check_numbers(sample.X, table.name)
    for note in sample.notes if sample.class_counts is None else sample.notes[1:]:  # the first tells of the sample
        warnings.warn(note, stacklevel=3)
    if sample.class_counts is None:
        return classifier.fit(sample.X, sample.y)
    if part := "sampler" if classifier.sampler is not None else needs_same_rows(classifier):
        raise ValueError(
            f"{part}={getattr(classifier, part)!r} needs all rows in memory, but {table.name} has {sample.n_rows:,}: "
            "leave it out (batch_sampler=BalancedBatchSampler balances the batches of all rows), or fit on the rows "
            "of open_table(...).sample(...)."
        )
    unscaled = clone(classifier).set_params(standardize=False, n_bins=None)
    job = classifier.prepare(sample.X, sample.y, sample.weights)
    inputs = job.tasks[0].table.X
    with scratch(sample.n_rows, inputs.itemsize * inputs.shape[1]) as folder:
        X, y = sample.whole.write(
            lambda frame: job.inputs(table.typed(frame)),
            sample.X.columns.tolist(),
            np.unique(sample.y.to_numpy()),
            sample.n_rows,
            folder,
        )
        job.tasks = unscaled.prepare(X, y).tasks
        left = None if classifier.max_time is None else max(0.0, classifier.max_time - (time.monotonic() - started))
        return job.train(left)


def _check_numbers(frame: pd.DataFrame, name: str) -> None:
    """Raise ValueError if columns hold other cells than numbers, with the first such cell."""
    others = [column for column in frame if not is_numeric_dtype(frame[column])]
    if others:
        cells = frame[others[0]].dropna()
        cell = next((cell for cell in cells if isinstance(cell, str)), cells.iloc[0] if len(cells) else None)
        raise ValueError(
            f"NeuralClassifier reads numbers, but {name} has other cells, such as {cell!r}, in the column"
            f"{'s' if len(others) > 1 else ''} {listed(map(repr, others), most=5)}: correct them, leave the column out "
            "or fit a recipe, which reads categories, dates and text (equipoise.experiments.fit_recipe)."
        )
