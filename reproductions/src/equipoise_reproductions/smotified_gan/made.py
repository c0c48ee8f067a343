"""The rows that each method makes of a split's training rows, and how like real ones they are."""

import math
import time
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from equipoise.experiments import Store
from equipoise.samplers.gan import DEFAULT
from equipoise.samplers.gan_diagnostics import out_of_range, spread_ratio, two_sample_accuracy, unreachable
from equipoise.samplers.resample import resample
from equipoise.samplers.unit_scale import UnitScale
from equipoise_reproductions.smotified_gan.protocol import GAN_BATCH_SIZE, METHODS, MOST_FOR_ALL, Effort, Method, Source
from equipoise_reproductions.smotified_gan.rows import Floats, Split, class_counts

_MEASURES = (two_sample_accuracy, spread_ratio, out_of_range)


def methods_of(split: Split) -> list[Method]:
    """List the methods that are run on a split; what is not for the folds, where few rows are made."""
    common, rare = class_counts(split)[:2]
    small = not split.sound and common - rare <= MOST_FOR_ALL
    return [method for method in METHODS if method.sound or small]


def key(method: Method, split: Split) -> str:
    """Name what a method made of a split in a store."""
    return f"made/{split.fold.number}/{method.name}"


def make_rows(source: Source, split: Split, method: Method, effort: Effort) -> dict[str, Any]:
    """Make rare rows; return them as networks see them, ``rows``, and figures of them.

    The figures are those of the samplers' ``diagnostics_``, for any sampler: `two_sample_accuracy`, `spread_ratio`,
    `out_of_range`, with ``unreachable``, the share of the real values that a faithful generator cannot give,
    ``n_made`` and ``seconds``.
    """
    train = split.fold.train
    X, y = (split.raw if method.gan else split.scaled)[train], split.y[train]
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows that are not like real ones: the page has the figures
        made = np.asarray(resample(_sampler(source, split, method, effort), X, y, split.fold.seed).X)[len(y) :]
    seconds = time.perf_counter() - started
    rows = split.scaler.transform(made) if method.gan else made
    figures = _health(X, y, made) | {"unreachable": unreachable(X[y == 1]), "n_made": len(made), "seconds": seconds}
    return {"rows": rows.tolist(), "figures": figures}


def _sampler(source: Source, split: Split, method: Method, effort: Effort) -> BaseEstimator:
    if method.gan is None:
        assert method.sampler is not None
        return method.sampler
    if not split.sound:
        return method.gan(
            variant=method.gan.published, batch_size=GAN_BATCH_SIZE, max_epochs=effort.gan_epochs_of(source)
        )
    batches = math.ceil(int(split.y[split.fold.train].sum()) / DEFAULT.batch_size)
    return method.gan(max_epochs=max(1, effort.gan_steps // batches))


def _health(X: Floats, y: Any, made: Floats) -> dict[str, float]:
    scale, rng = UnitScale(X), np.random.default_rng(0)
    real, new = (rng.permutation(scale.to_unit(part)) for part in (X[y == 1], made))
    return {measure.__name__: measure(real, new) for measure in _MEASURES}


def stored_rows(store: Store, method: Method, split: Split) -> Floats:
    """Read what a method made of a split."""
    return np.array(store.get(key(method, split))["rows"], dtype=np.float64)
