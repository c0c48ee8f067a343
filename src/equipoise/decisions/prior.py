"""Prior correction: what probabilities learned under some class shares mean under others.

With p(y | x) learned under shares pi, Bayes gives p'_k proportional to p_k q_k / pi_k under shares q, as long
as the classes themselves look the same (Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a
Classifier to New a Priori Probabilities, Neural Computation 14(1), equation 2.4). On logits it adds
log(q_k / pi_k).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def correct_prior(y_proba: ArrayLike, from_shares: ArrayLike, to_shares: ArrayLike) -> NDArray[np.float64]:
    """Turn probabilities under ``from_shares`` into those under ``to_shares``.

    Parameters
    ----------
    y_proba : array-like of shape (..., K)
        Probabilities, classes last.
    from_shares : array-like of shape (K,)
        Class shares that the model was trained under; positive, sum 1. Uniform for a model trained on
        balanced batches or with balanced weights.
    to_shares : array-like of shape (K,)
        Class shares where the probabilities are to hold; not negative, sum 1. With uniform shares the
        largest probability minimises the balanced error.

    Returns
    -------
    ndarray of shape (..., K)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If ``y_proba`` holds a negative value or NaN, if shares do not fit it, do not sum to 1 or are negative
        (``from_shares``: or 0), or if a row gives no probability to any class that ``to_shares`` allows.

    Examples
    --------
    >>> correct_prior([0.5, 0.5], [0.5, 0.5], [0.9, 0.1]).round(3)
    array([0.9, 0.1])
    """
    proba = np.asarray(y_proba, dtype=np.float64)
    if not (proba >= 0).all():
        raise ValueError(f"y_proba must hold probabilities, got {proba.min()!s} as the least; not logits")
    before = _check_shares(from_shares, "from_shares", proba)
    after = _check_shares(to_shares, "to_shares", proba)
    if (before == 0).any():
        raise ValueError(f"from_shares must be positive, got {from_shares!r}; leave out the empty classes")
    weighed = proba * (after / before)
    sums = weighed.sum(axis=-1, keepdims=True)
    if not (sums > 0).all():
        raise ValueError(
            "every row of y_proba must give some probability to a class with a share in "
            f"to_shares={to_shares!r}; a row does not"
        )
    return weighed / sums


def _check_shares(shares: ArrayLike, name: str, proba: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim != 1 or values.shape != proba.shape[-1:]:
        raise ValueError(
            f"{name} must hold one share a class, the last axis of y_proba; "
            f"got shape {values.shape} for y_proba of shape {proba.shape}"
        )
    if not (values >= 0).all() or not np.isclose(values.sum(), 1, atol=1e-6):
        raise ValueError(f"{name} must not be negative and must sum to 1, got {shares!r}; divide counts by n")
    return values
