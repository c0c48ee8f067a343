"""The class priors that a recipe's probabilities stand for, before they are corrected: read off its parts.

A part names them in an attribute ``learned_priors``: "observed", those of the rows that reach it; "equal"; or None
(the default) where it bends probabilities in other ways, as losses with margins do.
"""

from typing import Any

import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.under_sampling.base import BaseUnderSampler
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from equipoise import recipes

Counts = NDArray[np.float64]


def learned_priors(recipe: str, counts: ArrayLike) -> NDArray[np.float64] | None:
    """Class priors that a recipe learns under, when trained on classes of such counts.

    Parameters
    ----------
    recipe : str
        A name of `equipoise.recipes.get`.
    counts : array-like of shape (K,)
        Training rows of each class, one or more.

    Returns
    -------
    ndarray of shape (K,) or None
        None if they are not known.

    Examples
    --------
    >>> learned_priors("none", [95, 5])
    array([0.95, 0.05])
    >>> learned_priors("under", [95, 5])
    array([0.5, 0.5])
    """
    record, observed = recipes.get(recipe), np.asarray(counts, dtype=np.float64)
    if record.priors is not None:
        return record.priors(observed)
    if record.parts is None:
        return None
    parts = record.parts
    rows = _resampled(parts.get("sampler"), observed)
    seen = None if rows is None else _batched(parts.get("batch_sampler"), parts.get("batch_transform"), rows)
    weights = _weights(parts.get("class_weight"), observed)
    kind = _kind(parts.get("loss", "cross_entropy"))
    if rows is None or seen is None or weights is None or kind is None:
        return None
    learned = seen * weights / (rows if kind == "equal" else 1.0)
    return learned / learned.sum()


def _kind(part: Any) -> str | None:
    """Priors that a part names, as "observed" or "equal"; a step without a part changes none."""
    return "observed" if part is None or part == "cross_entropy" else getattr(part, "learned_priors", None)


def _resampled(sampler: Any, counts: Counts) -> Counts | None:
    """Rows of each class after a sampler."""
    kind = _kind(sampler)
    if kind is None and getattr(sampler, "sampling_strategy", None) == "auto":
        kind = "equal" if isinstance(sampler, (BaseOverSampler, BaseUnderSampler)) else None
    if kind == "equal":
        return np.full(len(counts), counts.min() if isinstance(sampler, BaseUnderSampler) else counts.max())
    return counts if kind == "observed" else None


def _batched(batch_sampler: Any, transform: Any, rows: Counts) -> Counts | None:
    """Relative weight of each class in the batches; a transform that balances does so within a batch."""
    of_sampler, of_transform = _kind(batch_sampler), _kind(transform)
    if of_sampler is None or of_transform is None:
        return None
    if of_sampler == "equal":
        return np.ones(len(rows))
    return _equal_among_present(rows) if of_transform == "equal" else rows


def _weights(class_weight: Any, counts: Counts) -> Counts | None:
    if class_weight is None:
        return np.ones(len(counts))
    return 1 / counts if isinstance(class_weight, str) and class_weight == "balanced" else None


def _equal_among_present(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean share of each class in batches that show their classes equally often, and lack some.

    A class is in a batch with probability a_k; its mean share is a_k times the mean of 1 / (1 + others there),
    the integral over t of the product over the others of (1 - a_j + a_j t), as if they came independently.
    """
    batch_size = min(recipes.classifier("none").batch_size, counts.sum())
    present = 1 - hypergeom.pmf(0, counts.sum(), counts, batch_size)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    factors = 1 - present + present * ((nodes + 1) / 2)[:, None]
    return present * (weights[:, None] / 2 * factors.prod(axis=1, keepdims=True) / factors).sum(axis=0)
