"""Prior correction: probabilities learned under some class priors, turned into those under others.

With p(y | x) learned under priors pi, Bayes gives p'_k proportional to p_k q_k / pi_k under priors q, as long
as the classes themselves look the same (Saerens, Latinne and Decaestecker 2002, Adjusting the Outputs of a
Classifier to New a Priori Probabilities, Neural Computation 14(1), equation 2.4). On logits it adds
log(q_k / pi_k).

Priors q that are not known are estimated from unlabelled rows by expectation maximisation (section 2.2 there):
q_k becomes the mean of p'_k over the rows, again and again. That climbs the likelihood of q, which is concave
in q, so the priors found are the most likely ones.
"""

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from equipoise.containers import as_array
from equipoise.sklearn_private import check_sample_weight

_NEAR = 1e-6  # nats a row below the greatest mean log-likelihood: far less than rows enough could tell
_MAX_PASSES = 10_000
_ROUNDING = 0.05  # of the sum of a row, in half precision or of rounded decimals


def correct_prior(y_proba: ArrayLike, from_priors: ArrayLike, to_priors: ArrayLike) -> NDArray[np.float64]:
    """Turn probabilities under ``from_priors`` into those under ``to_priors``.

    Parameters
    ----------
    y_proba : array-like of shape (..., K)
        Probabilities, classes last; a row's sum may differ from 1 by rounding only.
    from_priors : array-like of shape (K,)
        Class priors that the model was trained under; positive, sum 1. Uniform for a model trained on
        balanced batches or with balanced weights. A series of pandas is read by its labels, in ascending order.
    to_priors : array-like of shape (K,)
        Class priors where the probabilities are to hold; not negative, sum 1. With uniform priors the
        largest probability minimises the balanced error.

    Returns
    -------
    ndarray of shape (..., K)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If a row of ``y_proba`` holds a negative value or NaN or does not sum to 1, if priors are a dict, do not fit
        it, do not sum to 1 or are negative (``from_priors``: or 0), or if a row gives no probability to any class that
        ``to_priors`` allows.

    Examples
    --------
    >>> from equipoise.decisions import correct_prior
    >>> correct_prior([0.5, 0.5], [0.5, 0.5], [0.9, 0.1]).round(3)
    array([0.9, 0.1])
    """
    ratios = _ratios(y_proba, from_priors)
    weighed = ratios * checked_priors(to_priors, "to_priors", ratios.shape[-1])
    sums = weighed.sum(axis=-1, keepdims=True)
    if not (sums > 0).all():
        raise ValueError(
            "every row of y_proba must give some probability to a class with a positive prior in "
            f"to_priors={to_priors!r}; a row does not"
        )
    return weighed / sums


def estimate_priors(
    y_proba: ArrayLike, from_priors: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Estimate the class priors of unlabelled rows from a classifier's probabilities.

    Parameters
    ----------
    y_proba : array-like of shape (n, K)
        Probabilities, calibrated under ``from_priors``.
    from_priors : array-like of shape (K,)
        Class priors that the model was trained under; positive, sum 1.
    sample_weight : array-like of shape (n,), default=None

    Returns
    -------
    ndarray of shape (K,)
        The most likely priors, to 1e-6 nats a row.

    Warns
    -----
    ConvergenceWarning
        If the priors still change after 10,000 passes, as when probabilities hardly separate the classes.

    Raises
    ------
    ValueError
        As `correct_prior`; or if there is no row, or weights are negative or all 0.

    Examples
    --------
    >>> from equipoise.decisions import estimate_priors
    >>> estimate_priors([[0.99, 0.01], [0.98, 0.02], [0.9, 0.1], [0.1, 0.9]], [0.9, 0.1]).round(2)
    array([0.62, 0.38])
    """
    ratios = _ratios(y_proba, from_priors)
    if ratios.ndim != 2 or not len(ratios):
        raise ValueError(f"y_proba must have the shape (n, K) with a row or more, got {ratios.shape}")
    weights = check_sample_weight(as_array(sample_weight), ratios, dtype=np.float64, ensure_non_negative=True)
    weights = weights / weights.sum()
    priors = checked_priors(from_priors, "from_priors", ratios.shape[-1])
    for _ in range(_MAX_PASSES):
        growth = (weights / (ratios @ priors)) @ ratios  # the gradient of the mean log-likelihood, too
        if growth.max() <= 1 + _NEAR:  # concave, so it is nowhere higher than here by more than that
            return priors
        priors = priors * growth
    warnings.warn(f"The priors still change after {_MAX_PASSES} passes: {priors!r}.", ConvergenceWarning, stacklevel=2)
    return priors


def _ratios(y_proba: ArrayLike, from_priors: ArrayLike) -> NDArray[np.float64]:
    """Return p_k / pi_k, proportional to how likely a row is in each class."""
    proba = np.asarray(as_array(y_proba), dtype=np.float64)
    if not proba.ndim:
        raise ValueError(f"y_proba must have the shape (..., K), classes last, got {y_proba!r}")
    if not (proba >= 0).all():
        raise ValueError(f"y_proba must hold probabilities, got {proba.min()!s} as the least; not logits")
    sums = proba.sum(axis=-1)
    if not (far := np.abs(sums - 1)).size or far.max() <= _ROUNDING:
        return proba / checked_priors(from_priors, "from_priors", proba.shape[-1], positive=True)
    raise ValueError(
        f"each row of y_proba must sum to 1, got a row of sum {sums.flat[far.argmax()]:g}; not scores, and classes on "
        "the last axis"
    )


def checked_priors(priors: ArrayLike, name: str, n_classes: int, *, positive: bool = False) -> NDArray[np.float64]:
    """Return class priors as an array.

    Raises ValueError if they are a dict, not one a class, negative (or 0, if they must be positive), or do not sum to
    1.
    """
    if isinstance(priors, Mapping):
        raise ValueError(f"{name} must be in the order of the classes, got the dict {priors!r}; give a list")
    in_order = priors.sort_index() if hasattr(priors, "sort_index") else priors
    values = np.asarray(as_array(in_order), dtype=np.float64)
    if values.shape != (n_classes,):
        raise ValueError(f"{name} must hold one prior for each of the {n_classes} classes, got shape {values.shape}")
    if not (values >= 0).all() or not np.isclose(values.sum(), 1, atol=1e-6):
        raise ValueError(f"{name} must not be negative and must sum to 1, got {priors!r}; divide counts by n")
    if positive and (values == 0).any():
        raise ValueError(f"{name} must be positive, got {priors!r}; leave out the empty classes")
    return values
