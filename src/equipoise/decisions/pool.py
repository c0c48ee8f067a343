"""The log-opinion pool: several models' probabilities combined and calibrated in one.

Genest and Zidek, "Combining Probability Distributions: A Critique and an Annotated Bibliography" (Statistical
Science 1(1), 1986): ``p_k`` proportional to ``exp(b_k) prod_m p_mk ** w_m``. Weights that sum to 1 are a geometric
mean; here they are free, so that their sum is an inverse temperature, too (Guo et al. 2017, section 4.2). The class
intercepts b repair wrong base rates.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

FLOOR = 1e-4
"""Added to the probabilities of a pool's members before their logarithm: none can rule out a class for all."""

TINY = 1e-12
"""Added to probabilities before their logarithm."""

_PULL = 0.3  # to equal weights, as of so many rows a model


def log_probabilities(probas: NDArray[Any], floor: float = TINY) -> NDArray[np.float64]:
    """Logarithms, bounded below."""
    return np.log(np.asarray(probas, dtype=np.float64) + floor)


@dataclass(frozen=True, eq=False)
class LogPool:
    """Weights of models and intercepts of classes.

    One model alone is calibrated by its exponent and the intercepts.

    >>> pool = LogPool(np.array([0.5, 0.5]), np.zeros(2))
    >>> pool.proba(np.array([[0.9, 0.1], [0.5, 0.5]])).round(2)
    array([0.75, 0.25])
    """

    weights: NDArray[np.float64]  # (M,): exponents of M models, 0 or more
    intercepts: NDArray[np.float64]  # (K,): added to the log probabilities of the classes; they sum to 0

    @classmethod
    def fit(
        cls, probas: NDArray[Any], codes: NDArray[np.int64], sample_weight: NDArray[np.float64] | None = None
    ) -> Self:
        """Return the pool of the lowest log loss.

        The objective is the summed log loss, plus .3 M times the squared distance of the weights to equal ones, 1 / M,
        plus the squared intercepts, so that a handful of rows does not choose between models or move a base rate.
        Where no such pool is better than the class priors on these rows, the pool is the class priors: all weights 0.

        ``probas`` (M, n, K) are of M models, for rows that they were not trained on.

        >>> codes = np.arange(200) % 2
        >>> knows, guesses = np.eye(2)[codes] * 0.8 + 0.1, np.full((200, 2), 0.5)
        >>> pool = LogPool.fit(np.stack([knows, guesses]), codes)
        >>> bool(pool.weights[0] > pool.weights[1])
        True
        """
        logs = log_probabilities(probas, FLOOR)
        n_models, n_classes, pull = len(logs), logs.shape[-1], _PULL * len(logs)
        rows = np.ones(len(codes)) if sample_weight is None else sample_weight
        equal, one_hot = np.full(n_models, 1 / n_models), np.eye(n_classes)[codes]

        def loss(found: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            away, intercepts = found[:n_models] - equal, found[n_models:]
            scores = np.tensordot(found[:n_models], logs, axes=1) + intercepts
            value = -(rows * np.take_along_axis(log_softmax(scores, axis=-1), codes[:, None], axis=1)[:, 0]).sum()
            error = rows[:, None] * (softmax(scores, axis=-1) - one_hot)
            slopes = np.tensordot(logs, error, axes=2) + 2 * pull * away, error.sum(axis=0) + 2 * intercepts
            return value + pull * (away**2).sum() + (intercepts**2).sum(), np.concatenate(slopes)

        bounds = [(0, None)] * n_models + [(None, None)] * n_classes
        start = np.concatenate([equal, np.zeros(n_classes)])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        pool = cls(found[:n_models], found[n_models:] - found[n_models:].mean())
        priors = rows @ one_hot / rows.sum()
        if _log_loss(pool.proba(probas), codes, rows) <= _log_loss(np.tile(priors, (len(codes), 1)), codes, rows):
            return pool
        logs_of_priors = np.log(priors + np.finfo(float).tiny)
        return cls(np.zeros(n_models), logs_of_priors - logs_of_priors.mean())

    def moved(self, log_ratios: NDArray[np.float64]) -> Self:
        """Return the pool with intercepts for other class priors, given the logarithms (K,) of their ratios."""
        intercepts = self.intercepts + log_ratios
        return type(self)(self.weights, intercepts - intercepts.mean())

    def proba(self, probas: NDArray[Any]) -> NDArray[np.float64]:
        """Return the pooled probabilities of shape (..., K), of those of shape (M, ..., K)."""
        return softmax(np.tensordot(self.weights, log_probabilities(probas, FLOOR), axes=1) + self.intercepts, axis=-1)


def _log_loss(proba: NDArray[np.float64], codes: NDArray[np.int64], rows: NDArray[np.float64]) -> float:
    own = np.take_along_axis(proba, codes[:, None], axis=1)[:, 0]
    return -float(rows @ np.log(own + np.finfo(float).tiny))
