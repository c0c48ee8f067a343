"""Samplers of imbalanced-learn for tables whose classes are smaller than their neighbourhoods.

Samplers that look for neighbours within a class fail where the class has too few rows. Here they get fewer
neighbours, or a simpler sampler takes their place, with a warning that names the class; where neither helps, an
error names the class, the parameter and the remedy.
"""

import re
import warnings
from numbers import Integral
from typing import Any

import numpy as np
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.under_sampling import NearMiss
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from equipoise.samplers.any_container import AnyContainer

_ABOUT_SIZES = re.compile("neigh|neigb|cluster|n_samples|ratio settings")  # imbalanced-learn writes "neigbours"
_LEVEL = 5  # from a warning to the caller of `resample`


def fit_resample(
    sampler: BaseEstimator, X: Any, y: NDArray[Any], params: dict[str, Any]
) -> tuple[BaseEstimator, Any, NDArray[Any]]:
    """Return the sampler that was used, fitted, and the rows and labels that it leaves.

    The sampler is fitted itself, unless another takes its place. Raises ValueError if a class has too few rows, or the
    sampler refuses the rows.
    """
    used = _fitting(sampler, y)
    try:
        return (used, *used.fit_resample(X, y, **params))
    except (ValueError, RuntimeError) as error:
        # Support vectors that are all surrounded by other classes count as noise, and then none is left.
        if isinstance(used, SVMSMOTE) and "noise" in str(error):
            warnings.warn(
                f"SVMSMOTE could not be used ({error}); SMOTE was used instead.", UserWarning, stacklevel=_LEVEL - 1
            )
            names = ("sampling_strategy", "k_neighbors", "random_state")
            return fit_resample(SMOTE(**{name: getattr(used, name) for name in names}), X, y, params)
        if not _ABOUT_SIZES.search(str(error)):
            raise
        classes, counts = np.unique(y, return_counts=True)
        sizes = ", ".join(f"{label!r}: {n}" for label, n in zip(classes.tolist(), counts.tolist(), strict=True))
        raise ValueError(
            f"{type(used).__name__} cannot resample these classes ({sizes} training rows): {str(error).rstrip('.')}. "
            "Change that parameter, or use SMOTE, RandomOverSampler or RandomUnderSampler."
        ) from error


def interpolates(sampler: BaseEstimator) -> bool:
    """Whether a sampler of imbalanced-learn makes synthetic rows with values between those of given rows."""
    if isinstance(sampler, RandomOverSampler):
        return sampler.shrinkage is not None
    return isinstance(sampler, (BaseOverSampler, SMOTEENN, SMOTETomek)) and not isinstance(sampler, AnyContainer)


def _fitting(sampler: BaseEstimator, y: NDArray[Any]) -> BaseEstimator:
    """Return the sampler with as many neighbours as the smallest class allows."""
    label, n = _smallest_class(sampler, y)
    if isinstance(sampler, NearMiss):
        for name in ("n_neighbors", "n_neighbors_ver3"):
            sampler = _lowered(sampler, name, label, n, n)
        return sampler
    if isinstance(sampler, (SMOTEENN, SMOTETomek)):
        names = ("sampling_strategy", "random_state")
        inner = sampler.smote or SMOTE(**{name: getattr(sampler, name) for name in names})
        if n == 1:
            raise ValueError(
                f"{_too_few(label, n, sampler, 'smote__k_neighbors', inner.k_neighbors)}. Use RandomOverSampler, or "
                "leave that class out."
            )
        fewer = _lowered(inner, "k_neighbors", label, n, n - 1, owner=sampler)
        return sampler if fewer is inner else sampler.set_params(smote=fewer)
    m = sampler.get_params().get("m_neighbors")
    if isinstance(m, Integral) and len(y) <= int(m):
        sampler = sampler.set_params(m_neighbors=len(y) - 1)
    name = "n_neighbors" if isinstance(sampler, ADASYN) else "k_neighbors"
    return _lowered(sampler, name, label, n, n - 1)


def _smallest_class(sampler: BaseEstimator, y: NDArray[Any]) -> tuple[Any, int]:
    """Return the smallest class that is to be resampled, and its number of rows."""
    classes, counts = np.unique(y, return_counts=True)
    strategy = sampler.get_params().get("sampling_strategy")
    if isinstance(strategy, dict) and (asked := np.isin(classes, list(strategy))).any():
        classes, counts = classes[asked], counts[asked]
    return classes.tolist()[counts.argmin()], int(counts.min())


def _lowered(
    sampler: BaseEstimator, name: str, label: Any, n: int, most: int, owner: BaseEstimator | None = None
) -> BaseEstimator:
    """Return the sampler with at most so many neighbours; a class of one row can only be repeated."""
    k = sampler.get_params().get(name)
    if not isinstance(k, Integral) or int(k) <= most:
        return sampler
    too_few = _too_few(label, n, owner or sampler, name, k)
    if most == 0:
        warnings.warn(f"{too_few}; random over-sampling was used instead.", UserWarning, stacklevel=_LEVEL)
        shared = ("sampling_strategy", "random_state")
        return RandomOverSampler(**{name: sampler.get_params()[name] for name in shared})
    warnings.warn(f"{too_few}; {name}={most} was used.", UserWarning, stacklevel=_LEVEL)
    return clone(sampler).set_params(**{name: most})


def _too_few(label: Any, n: int, sampler: BaseEstimator, name: str, k: Any) -> str:
    rows = "row" if n == 1 else "rows"
    return f"Class {label!r} has {n} training {rows}, too few for {type(sampler).__name__} with {name}={k}"
