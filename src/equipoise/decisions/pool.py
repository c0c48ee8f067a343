"""The log-opinion pool: several models' probabilities combined and calibrated in one.

Genest and Zidek, "Combining Probability Distributions: A Critique and an Annotated Bibliography" (Statistical
Science 1(1), 1986): ``p_k`` proportional to ``prod_m p_mk ** w_m``. Weights that sum to 1 are a geometric
mean; here they are free, so that their sum is an inverse temperature, too (Guo et al. 2017, section 4.2).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

TINY = 1e-12
"""Added to probabilities before their logarithm."""


def pool(probas: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pooled probabilities.

    Parameters
    ----------
    probas : ndarray of shape (M, ..., K)
        Of M models.
    weights : ndarray of shape (M,)

    Returns
    -------
    ndarray of shape (..., K)

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.decisions.pool import pool
    >>> pool(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0.5, 0.5])).round(2)
    array([0.75, 0.25])
    """
    return softmax(np.tensordot(weights, log_probabilities(probas), axes=1), axis=-1)


def log_probabilities(probas: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms, bounded below."""
    return np.log(np.asarray(probas, dtype=np.float64) + TINY)


def fit_pool(
    probas: NDArray[Any], codes: NDArray[np.int64], sample_weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the weights whose pool has the lowest log loss.

    The objective is the summed log loss plus M times the squared distance to equal weights, 1 / M, so that a handful
    of rows does not choose between models.

    Parameters
    ----------
    probas : ndarray of shape (M, n, K)
        Of M models, for rows that they were not trained on.
    codes : ndarray of shape (n,)
        Class of each row, 0 to K - 1.
    sample_weight : ndarray of shape (n,), optional

    Returns
    -------
    ndarray of shape (M,)
        Not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.decisions.pool import fit_pool
    >>> codes = np.arange(200) % 2
    >>> knows, guesses = np.eye(2)[codes] * 0.8 + 0.1, np.full((200, 2), 0.5)
    >>> weights = fit_pool(np.stack([knows, guesses]), codes)
    >>> bool(weights[0] > weights[1])
    True
    """
    logs = log_probabilities(probas)
    n_models = len(logs)
    rows = np.ones(len(codes)) if sample_weight is None else sample_weight
    equal = np.full(n_models, 1 / n_models)
    one_hot = np.eye(logs.shape[-1])[codes]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = np.tensordot(weights, logs, axes=1)
        value = -(rows * np.take_along_axis(log_softmax(scores, axis=-1), codes[:, None], axis=1)[:, 0]).sum()
        error = rows[:, None] * (softmax(scores, axis=-1) - one_hot)
        away = weights - equal
        return (
            value + n_models * (away**2).sum(),
            np.tensordot(logs, error, axes=2) + 2 * n_models * away,
        )

    return minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_models).x
