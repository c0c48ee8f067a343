"""What a fit's probabilities are worth once the decision is moved, or equal shares are asked for: no training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.experiments.comparison import one_hot
from equipoise.experiments.scores import METRICS

Others = Sequence[tuple[NDArray[np.int64], NDArray[Any]]]
"""Codes and probabilities of rows that a decision is tuned on, a pair a fold."""


def moved_score(name: str, codes: NDArray[np.int64], proba: NDArray[Any], others: Others, rare: int) -> float:
    """Score decisions by offsets that are best for the metric on other rows.

    Parameters
    ----------
    name : str
        Of a metric of decisions.
    codes : ndarray of shape (n,)
    proba : ndarray of shape (n, K)
    others : sequence of (codes, probabilities)
    rare : int
        Code of the rare class.
    """
    seen_codes, seen = (np.concatenate(parts) for parts in zip(*others, strict=True))
    offsets = tune_offsets(seen_codes, seen, metric=name, labels=np.arange(proba.shape[1]))
    return METRICS[name].score(codes, one_hot(decide(proba, offsets), proba.shape[1]), rare)


def at_equal_shares(proba: NDArray[Any], train_counts: Sequence[int]) -> NDArray[np.float64]:
    """Correct natural probabilities to equal shares of the classes."""
    counts = np.asarray(train_counts)
    return correct_prior(proba, counts / counts.sum(), np.full(len(counts), 1 / len(counts)))
