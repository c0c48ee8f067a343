"""Call an imbalanced-learn sampler: which given rows are kept, which rows are made, and what they weigh.

Samplers that look for neighbours within a class fail where a class has too few rows. Here they are
called with fewer neighbours, or replaced by a simpler sampler, with a warning that names the class.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone


@dataclass(frozen=True, eq=False)
class Resampled:
    """What a sampler leaves of n rows.

    Attributes
    ----------
    X : ndarray of shape (n_new, *features), data frame or sparse matrix
    y : ndarray of shape (n_new,)
    made : ndarray of bool, of shape (n_new,)
        Whether the row was not there before.
    sources : ndarray of int, of shape (n_new,)
        The given row that the row is or was made from; -1 where the sampler does not tell.
    sample_weight : ndarray of shape (n_new,) or None
        What the sampler itself made of the weights.
    health : list of dict
        Diagnostics of the sampler's synthetic rows, one entry a class; empty if it has none.
    """

    X: Any
    y: NDArray[Any]
    made: NDArray[np.bool_]
    sources: NDArray[np.int64]
    sample_weight: NDArray[np.float64] | None = None
    health: list[dict[str, Any]] = field(default_factory=list)


def resample(
    sampler: BaseEstimator, X: Any, y: NDArray[Any], random_state: int | None = None, **params: Any
) -> Resampled:
    """Resample rows with a clone of a sampler that has `fit_resample`.

    Parameters
    ----------
    sampler : imbalanced-learn sampler
    X : ndarray of shape (n, *features), or pandas data frame or sparse matrix of shape (n, n_features)
    y : ndarray of shape (n,)
    random_state : int, default=None
        Given to the sampler, if it takes one; None leaves it its own.
    **params : dict
        Passed on to `fit_resample`.

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
    flat = X.reshape(len(X), -1) if np.ndim(X) > 2 else X
    fitted, X_out, y_out = _fit_resample(_for_class_sizes(sampler, y), flat, y, random_state, params)
    indices = getattr(fitted, "sample_indices_", None)
    if indices is None or getattr(fitted, "shrinkage_", None):  # a smoothed bootstrap moves the rows that it repeats
        found = _find(X_out, y_out, flat, y)
        made, sources = found < 0, found if indices is None else np.where(found < 0, indices, found)
    else:
        made, sources = np.zeros(len(indices), dtype=bool), np.asarray(indices, dtype=np.int64)
    X_out = X_out.reshape(-1, *X.shape[1:]) if flat is not X else X_out
    health = fitted.diagnostics_.to_dict("records") if hasattr(fitted, "diagnostics_") else []
    return Resampled(X_out, y_out, made, sources, getattr(fitted, "sample_weight_", None), health)


def carry_weights(drawn: Resampled, sample_weight: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Weights of resampled rows: those of the given rows that they are.

    Rows that were made get what the sampler says (the mean of their parents, where it knows them), the weight
    of the row that they were made from, or else the mean weight of their class.

    Parameters
    ----------
    drawn : Resampled
    sample_weight : ndarray of shape (n,)
        Of the given rows.
    y : ndarray of shape (n,)
        Their labels.

    Returns
    -------
    ndarray of shape (n_new,)
    """
    if drawn.sample_weight is not None:
        return drawn.sample_weight
    classes, codes = np.unique(y, return_inverse=True)
    means = np.bincount(codes, weights=sample_weight) / np.bincount(codes)
    return np.where(drawn.sources < 0, means[np.searchsorted(classes, drawn.y)], sample_weight[drawn.sources])


def _find(X: Any, y: NDArray[Any], among: Any, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Find each row with its label among others, or -1: the second of equal rows is the second of them, and so on."""
    places = defaultdict(list)
    for place, key in enumerate(_keys(among, labels)):
        places[key].append(place)
    found, times = np.full(len(y), -1, dtype=np.int64), Counter[Any]()
    for i, key in enumerate(_keys(X, y)):
        if equal := places.get(key):
            found[i] = equal[times[key] % len(equal)]
            times[key] += 1
    return found


def _keys(X: Any, y: NDArray[Any]) -> Iterator[tuple[Any, Any]]:
    if isinstance(X, pd.DataFrame):
        return zip(pd.util.hash_pandas_object(X, index=False), y.tolist())
    if issparse(X):
        rows = X.tocsr().sorted_indices()
        return zip(((row.indices.tobytes(), row.data.tobytes()) for row in rows), y.tolist())
    return zip((row.tobytes() for row in X), y.tolist())


def _fit_resample(
    sampler: BaseEstimator, X: Any, y: NDArray[Any], random_state: int | None, params: dict[str, Any]
) -> tuple[BaseEstimator, Any, NDArray[Any]]:
    sampler = clone(sampler)
    if random_state is not None and "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    try:
        return (sampler, *sampler.fit_resample(X, y, **params))
    except ValueError as error:
        from imblearn.over_sampling import SMOTE, SVMSMOTE  # slow to import, and seldom needed

        # Support vectors that are all surrounded by other classes count as noise, and then none is left.
        if not isinstance(sampler, SVMSMOTE) or "noise" not in str(error):
            raise
        warnings.warn(f"SVMSMOTE could not be used ({error}); SMOTE was used instead.", UserWarning, stacklevel=4)
        smote = SMOTE(**{name: getattr(sampler, name) for name in ("sampling_strategy", "k_neighbors", "random_state")})
        return _fit_resample(smote, X, y, None, params)


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
        from imblearn.over_sampling import RandomOverSampler

        warnings.warn(f"{too_few}; random over-sampling was used instead.", UserWarning, stacklevel=4)
        shared = ("sampling_strategy", "random_state")
        return RandomOverSampler(**{name: sampler.get_params()[name] for name in shared})
    warnings.warn(f"{too_few}; {fewest - 1} neighbours were used.", UserWarning, stacklevel=4)
    return clone(sampler).set_params(k_neighbors=fewest - 1)
