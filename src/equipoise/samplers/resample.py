"""Call an imbalanced-learn sampler: which given rows are kept, and which rows are made.

Samplers that look for neighbours within a class fail where a class has too few rows. Here they are
called with fewer neighbours, or replaced by a simpler sampler, with a warning that names the class.
"""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SVMSMOTE, RandomOverSampler
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone


@dataclass(frozen=True, eq=False)
class Resampled:
    """What a sampler leaves of n rows.

    Attributes
    ----------
    rows : ndarray of int
        Row i < n is the given row i; row n + j is the made row j.
    made_X : ndarray of shape (n_made, *features)
    made_y : ndarray of shape (n_made,)
    """

    rows: NDArray[np.int64]
    made_X: NDArray[Any]
    made_y: NDArray[Any]


def resample(sampler: BaseEstimator, X: NDArray[Any], y: NDArray[Any], random_state: int) -> Resampled:
    """Resample rows with a clone of a sampler that has `fit_resample`.

    Parameters
    ----------
    sampler : imbalanced-learn sampler
    X : ndarray of shape (n, *features)
    y : ndarray of shape (n,)
    random_state : int
        Given to the sampler, if it takes one.

    Returns
    -------
    Resampled

    Raises
    ------
    TypeError
        If the sampler has no ``fit_resample``.
    """
    if not hasattr(sampler, "fit_resample"):
        raise TypeError(f"sampler must have fit_resample, as imbalanced-learn's do, but sampler={sampler!r}.")
    flat = X.reshape(len(X), -1)
    fitted, X_out, y_out = _fit_resample(_for_class_sizes(sampler, y), flat, y, random_state)
    n, shape = len(X), X.shape[1:]
    indices = getattr(fitted, "sample_indices_", None)
    if indices is not None and np.array_equal(X_out, flat[indices]):  # a smoothed bootstrap moves its rows
        return Resampled(np.asarray(indices, dtype=np.int64), X[:0], y[:0])
    if len(X_out) >= n and np.array_equal(X_out[:n], flat):  # over-samplers put the rows they were given first
        return Resampled(np.arange(len(X_out)), X_out[n:].reshape(-1, *shape), y_out[n:])
    return Resampled(n + np.arange(len(X_out)), X_out.reshape(-1, *shape), y_out)


def _fit_resample(
    sampler: BaseEstimator, X: NDArray[Any], y: NDArray[Any], random_state: int
) -> tuple[BaseEstimator, NDArray[Any], NDArray[Any]]:
    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    try:
        return (sampler, *sampler.fit_resample(X, y))
    except ValueError as error:
        # Support vectors that are all surrounded by other classes count as noise, and then none is left.
        if not isinstance(sampler, SVMSMOTE) or "noise" not in str(error):
            raise
        warnings.warn(f"SVMSMOTE could not be used ({error}); SMOTE was used instead.", UserWarning, stacklevel=4)
        smote = SMOTE(sampling_strategy=sampler.sampling_strategy, k_neighbors=sampler.k_neighbors)
        return _fit_resample(smote, X, y, random_state)


def _for_class_sizes(sampler: BaseEstimator, y: NDArray[Any]) -> BaseEstimator:
    """Lower the numbers of neighbours to what the rows allow; a class of one row can only be repeated."""
    k, m = (sampler.get_params().get(name) for name in ("k_neighbors", "m_neighbors"))
    classes, counts = np.unique(y, return_counts=True)
    smallest, fewest = classes.tolist()[counts.argmin()], int(counts.min())
    name = type(sampler).__name__
    if isinstance(m, Integral) and len(y) <= int(m):
        sampler = clone(sampler).set_params(m_neighbors=len(y) - 1)
    if not isinstance(k, Integral) or fewest > int(k):
        return sampler
    too_few = f"Class {smallest!r} has {fewest} training rows, too few for {name} with {k} neighbours"
    if fewest == 1:
        warnings.warn(f"{too_few}; random over-sampling was used instead.", UserWarning, stacklevel=4)
        return RandomOverSampler(sampling_strategy=sampler.get_params()["sampling_strategy"])
    warnings.warn(f"{too_few}; {fewest - 1} neighbours were used.", UserWarning, stacklevel=4)
    return clone(sampler).set_params(k_neighbors=fewest - 1)
