"""Networks on all rows of a table that memory does not hold, whose numbers lie in a file."""

import time
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from equipoise.datasets.encoded import scratch
from equipoise.datasets.opened import OpenTable
from equipoise.samplers.resample import only_repeats
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
