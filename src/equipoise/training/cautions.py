"""Warnings before a training begins."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom

from equipoise.describing import has_trait, name_of
from equipoise.training.task import Task

_TOLERATED = 0.1  # share of the batches without a row of the rarest class


class MissingClassWarning(UserWarning):
    """Too many batches lack a class, although a transform balances them by their own rows."""


def share_without_rarest(task: Task) -> float:
    """Share of the batches without a row of the smallest class, for transforms that balance batches by their own rows.

    A batch is B of the n rows drawn without replacement, so that it lacks a class of n_k rows with the hypergeometric
    probability of no hit, about ``(1 - n_k / n)^B``. 0 for other transforms, and with a batch sampler.
    """
    settings = task.settings
    if settings.batch_sampler is not None or not has_trait(settings.batch_transform, "balances"):
        return 0.0
    counts = np.bincount(task.labels())
    return float(hypergeom.pmf(0, counts.sum(), counts[counts > 0].min(), min(settings.batch_size, counts.sum())))


def missing_class_caution(tasks: Sequence[Task]) -> str | None:
    """Return a warning if more than a tenth of the batches of a task lack a class, else None."""
    share, number = max(((share_without_rarest(task), -number) for number, task in enumerate(tasks)), default=(0.0, 0))
    if share <= _TOLERATED:
        return None
    task = tasks[-number]
    counts, settings = np.bincount(task.labels()), task.settings
    return (
        f"{share:.0%} of the batches of {settings.batch_size} rows hold no row of the rarest class "
        f"({counts[counts > 0].min()} of {counts.sum()} rows), and {type(settings.batch_transform).__name__} balances "
        f"a batch from its own rows: use larger batches, or balanced batches of all rows (BalancedBatchSampler "
        f"with MixUp; recipe remix-dataset)."
    )


def twice_corrected_caution(tasks: Sequence[Task]) -> str | None:
    """Return a warning if the loss of a task corrects for class priors that batches or weights balance, else None."""
    for task in tasks:
        if (loss := _correcting_loss(task)) is not None and (balance := _balance(task)) is not None:
            return (
                f"{loss} corrects for unequal class priors, and so does {balance}: together they favour minority "
                f"classes twice. Leave one of them out."
            )
    return None


def _correcting_loss(task: Task) -> str | None:
    """Name of the loss, or of the search and its start, if it corrects for class priors."""
    loss, outer = task.settings.loss, task.settings.outer
    if outer is not None:
        return getattr(outer, "prior_correction", None)
    return name_of(loss) if has_trait(loss, "corrects_priors") else None


def _balance(task: Task) -> str | None:
    """Name of the part that balances unequal classes; None without one."""
    for part in (task.settings.batch_transform, task.settings.batch_sampler):
        if has_trait(part, "balances"):
            return name_of(part)
    counts = np.bincount(task.labels())
    weights = counts if task.weights is None else np.bincount(task.labels(), weights=task.weights)
    present = counts > 0
    return "class weights" if np.ptp(counts[present]) and np.allclose(weights[present], weights.max()) else None
