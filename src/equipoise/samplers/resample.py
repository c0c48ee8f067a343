"""Call any sampler: which rows it keeps, which rows are synthetic, and what all of them weigh."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone

from equipoise.containers import readable
from equipoise.sklearn_private import safe_indexing


@dataclass(frozen=True, eq=False)
class Resampled:
    """Rows that a sampler returns."""

    X: Any  # (n_new, *features)
    y: NDArray[Any]  # (n_new,)
    synthetic: NDArray[np.bool_]  # (n_new,): whether a row is synthetic, so none of the given rows
    # (n_new,): position of the given row that the row repeats, or that the sampler started from; -1 where it is
    # unknown
    sources: NDArray[np.int64]
    sample_weight: NDArray[np.float64] | None = None  # (n_new,): the sampler's own weights of the rows
    # diagnostics of the synthetic rows, one entry a class; empty if the sampler has none
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    sampler: Any = None  # the fitted sampler

    def weights(self, sample_weight: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Weights of the resampled rows.

        A given row keeps its weight. A synthetic row gets the sampler's weight (the mean of its parents, where the
        sampler knows them), the weight of the row that it started from, or else the mean weight of its class.
        """
        if self.sample_weight is not None:
            return self.sample_weight
        classes, codes = np.unique(y, return_inverse=True)
        means = np.bincount(codes, weights=sample_weight) / np.bincount(codes)
        return np.where(self.sources < 0, means[np.searchsorted(classes, self.y)], sample_weight[self.sources])


def holds_out(sampler: BaseEstimator) -> bool:
    """Return whether a sampler holds rows out, so that it must know how rows depend on each other."""
    return "dependence" in signature(sampler.fit_resample).parameters


def only_repeats(sampler: BaseEstimator | None) -> bool:
    """Return whether a sampler draws rows without a look at them, so that positions serve it as rows."""
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    own = type(sampler)  # a subclass may look at the rows
    return own is RandomUnderSampler or (own is RandomOverSampler and not getattr(sampler, "shrinkage", None))


def resample(
    sampler: BaseEstimator, X: Any, y: NDArray[Any], random_state: int | None = None, **params: Any
) -> Resampled:
    """Resample rows with a clone of a sampler that has `fit_resample`.

    ``random_state`` takes the place of the sampler's own. Raises TypeError if it has no ``fit_resample``, ValueError if
    a class has too few rows or the sampler refuses them.
    """
    if not hasattr(sampler, "fit_resample"):
        raise TypeError(f"sampler must have fit_resample, as imbalanced-learn's do, but sampler={sampler!r}.")
    from equipoise.samplers.class_sizes import fit_resample, interpolates  # imports imbalanced-learn, which is slow

    X, own = readable(X), clone(sampler)
    if random_state is not None and "random_state" in own.get_params():
        own.set_params(random_state=random_state)
    flat = X.reshape(len(X), -1) if np.ndim(X) > 2 else X
    if interpolates(own):
        flat = _real(flat)
    fitted, X_out, y_out = fit_resample(own, flat, y, params)
    indices = getattr(fitted, "sample_indices_", None)
    if indices is None:
        sources = _find(X_out, y_out, flat, y)
        synthetic = sources < 0
    else:
        sources = np.asarray(indices, dtype=np.int64)
        # A smoothed bootstrap (RandomOverSampler with shrinkage) moves the rows that it repeats.
        moves = bool(getattr(fitted, "shrinkage_", None))
        synthetic = _differ(X_out, safe_indexing(flat, sources)) if moves else np.zeros(len(sources), dtype=bool)
    X_out = X_out.reshape(-1, *X.shape[1:]) if np.ndim(X) > 2 else X_out
    diagnostics = fitted.diagnostics_.to_dict("records") if hasattr(fitted, "diagnostics_") else []
    return Resampled(X_out, y_out, synthetic, sources, getattr(fitted, "sample_weight_", None), diagnostics, fitted)


def _real(X: Any) -> Any:
    """Return rows with integer and bool columns as float64: imbalanced-learn truncates what lies between integers."""
    if isinstance(X, pd.DataFrame):
        return X.astype({name: np.float64 for name, dtype in X.dtypes.items() if dtype.kind in "biu"})
    return X.astype(np.float64) if X.dtype.kind in "biu" else X


def _differ(X: Any, others: Any) -> NDArray[np.bool_]:
    """Return which rows differ from the ones beside them."""
    if issparse(X):
        return np.asarray((others != X).sum(axis=1)).ravel() > 0
    left, right = (np.asarray(rows) for rows in (X, others))
    return ~((left == right) | (pd.isna(left) & pd.isna(right))).all(axis=1)


def _find(X: Any, y: NDArray[Any], among: Any, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Find each row with its label among others, or -1: the second of equal rows is the second of them, and so on."""
    places = defaultdict(list)
    for place, key in enumerate(_keys(among, labels, like=X)):
        places[key].append(place)
    found, times = np.full(len(y), -1, dtype=np.int64), Counter[Any]()
    for i, key in enumerate(_keys(X, y, like=among)):
        if equal := places.get(key):
            found[i] = equal[times[key] % len(equal)]
            times[key] += 1
    return found


def _keys(X: Any, y: NDArray[Any], like: Any) -> Iterator[tuple[Any, Any]]:
    """Return a key for each row, equal for equal values: of the type that both tables can be brought to."""
    if isinstance(X, pd.DataFrame):
        return zip(pd.util.hash_pandas_object(X, index=False), y.tolist())
    dtype = np.result_type(X.dtype, like.dtype)
    if issparse(X):
        rows = X.tocsr().astype(dtype).sorted_indices()
        return zip(((row.indices.tobytes(), row.data.tobytes()) for row in rows), y.tolist())
    if dtype.kind == "O":
        return zip(map(tuple, X.tolist()), y.tolist())
    return zip((row.tobytes() for row in X.astype(dtype)), y.tolist())
