"""The class priors that a recipe's loss sees: what its probabilities speak of, before they are corrected."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from equipoise import recipes

_AS_THEY_COME = {"auto", "none", "mixup", "gbdt"}
_EQUAL_ROWS = {"under", "over", "smote", "borderline-smote", "svm-smote", "smotified-gan", "gbo", "ssg"}
_EQUAL_BATCHES = {"remix-dataset"}
_EQUAL_WITHIN_BATCHES = {"remix", "batch-smote"}
_WEIGHED_BY_ROWS = {"cost", "gbdt-balanced"}
_WEIGHED_BY_SAMPLE = {"mubo"}  # within the rows that it chooses; the networks of a sum take these as they come
_ADJUSTED = {"la"}
_KNOWN = _AS_THEY_COME | _EQUAL_ROWS | _EQUAL_BATCHES | _EQUAL_WITHIN_BATCHES | _WEIGHED_BY_ROWS | _ADJUSTED


def learned_priors(recipe: str, counts: ArrayLike) -> NDArray[np.float64] | None:
    """Class priors that a recipe learns under, when trained on classes of such counts.

    Parameters
    ----------
    recipe : str
        A name of `equipoise.recipes.names`, or a sum of them.
    counts : array-like of shape (K,)
        Training rows of each class, one or more.

    Returns
    -------
    ndarray of shape (K,) or None
        None if the recipe bends its probabilities in other ways, as losses with margins do.

    Examples
    --------
    >>> learned_priors("none", [95, 5])
    array([0.95, 0.05])
    >>> learned_priors("under", [95, 5])
    array([0.5, 0.5])
    """
    parts, observed = set(recipe.split("+")), np.asarray(counts, dtype=np.float64)
    if parts == _WEIGHED_BY_SAMPLE:
        return np.full(len(observed), 1 / len(observed))
    if not parts <= _KNOWN:
        return None
    rows = np.full(len(observed), observed.max()) if parts & _EQUAL_ROWS else observed
    seen = rows
    if parts & _EQUAL_BATCHES:
        seen = np.ones(len(observed))
    elif parts & _EQUAL_WITHIN_BATCHES:
        seen = _equal_among_present(rows)
    if parts & _WEIGHED_BY_ROWS:
        seen = seen / observed
    if parts & _ADJUSTED:
        seen = seen / rows
    return seen / seen.sum()


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
