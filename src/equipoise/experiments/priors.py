"""The class priors that a recipe's probabilities assume before they are corrected, read off its parts."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom
from torch import nn

from equipoise import recipes
from equipoise.describing import trait_of
from equipoise.samplers import resampled_counts


def learned_priors(recipe: str, counts: ArrayLike) -> NDArray[np.float64] | None:
    """Class priors that a recipe learns under, when trained on classes of such counts.

    None if they are not known: of losses with margins, of parts that follow no such rule, and of models of others.

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
    rows = _rows(parts.get("sampler"), observed)
    by_sampler, in_batch = _balances(parts.get("batch_sampler")), _balances(parts.get("batch_transform"))
    weights = parts.get("class_weight")
    if rows is None or by_sampler is None or in_batch is None or weights not in (None, "balanced"):
        return None
    drawn = rows ** trait_of(parts.get("batch_sampler"), "power", 1.0)
    seen = np.ones(len(rows)) if by_sampler else _equal_among_present(rows) if in_batch else drawn
    seen = seen / observed if weights else seen
    return _seen_by(parts.get("loss", "cross_entropy"), rows, seen / seen.sum())


def _balances(part: Any) -> bool | None:
    """Whether a part balances batches; None where it does not declare that."""
    return False if part is None else getattr(part, "balances", None)


def _rows(sampler: Any, counts: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Rows of each class after resampling; None where a sampler follows no rule."""
    if sampler is None:
        return counts
    left = resampled_counts(sampler, dict(enumerate(counts.astype(np.int64).tolist())))
    return None if left is None else np.array(list(left.values()), dtype=np.float64)


def _seen_by(loss: Any, rows: NDArray[np.float64], priors: NDArray[np.float64]) -> NDArray[np.float64] | None:
    if loss == "cross_entropy":
        return priors
    made = loss(torch.from_numpy(rows)) if callable(loss) and not isinstance(loss, nn.Module) else loss
    learned = made.learned_priors(torch.from_numpy(priors)) if hasattr(made, "learned_priors") else None
    return None if learned is None else learned.double().numpy()


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
