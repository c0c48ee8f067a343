"""The log-opinion pool: several models' probabilities combined and calibrated in one.

Genest and Zidek, "Combining Probability Distributions: A Critique and an Annotated Bibliography" (Statistical
Science 1(1), 1986): ``p_k`` proportional to ``exp(b_k) prod_m p_mk ** w_m``. Weights that sum to 1 are a geometric
mean; here they are free, so that their sum is an inverse temperature, too (Guo et al. 2017, section 4.2). The class
intercepts b repair wrong base rates.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
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
        n_models = len(logs)
        weights, intercepts = fit_exponents(logs, codes, sample_weight, 1 / n_models, (2 * _PULL * n_models, 2.0))
        pool = cls(weights, intercepts - intercepts.mean())
        rows = np.ones(len(codes)) if sample_weight is None else sample_weight
        priors = np.bincount(codes, rows, minlength=logs.shape[-1]) / rows.sum()
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


def fit_exponents(
    logs: NDArray[np.float64],
    codes: NDArray[np.int64],
    sample_weight: ArrayLike | None,
    exponent: float,
    precisions: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return exponents (M,), 0 or more, of M models and intercepts (K,) of classes with the lowest log loss on rows.

    To the sum of the loss is added half the squared distance of the exponents to ``exponent``, and of the intercepts
    to 0, each times its precision. ``logs`` (M, n, K) are logarithms of the models' probabilities.
    """
    n_models, n_rows, n_classes = logs.shape
    weights = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    one_hot = np.eye(n_classes)[codes]
    sizes = n_models, n_classes
    centre, precision = np.repeat([exponent, 0.0], sizes), np.repeat(precisions, sizes)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = np.tensordot(values[:n_models], logs, axes=1) + values[n_models:]
        errors = weights[:, None] * (softmax(scores, axis=1) - one_hot)
        away = precision * (values - centre)
        value = -(weights @ log_softmax(scores, axis=1)[np.arange(n_rows), codes])
        slopes = np.r_[[(errors * each).sum() for each in logs], errors.sum(axis=0)]
        return value + away @ (values - centre) / 2, slopes + away

    bounds = [(0.0, None)] * n_models + [(None, None)] * n_classes
    found = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:n_models], found[n_models:]


def _log_loss(proba: NDArray[np.float64], codes: NDArray[np.int64], rows: NDArray[np.float64]) -> float:
    own = np.take_along_axis(proba, codes[:, None], axis=1)[:, 0]
    return -float(rows @ np.log(own + np.finfo(float).tiny))
