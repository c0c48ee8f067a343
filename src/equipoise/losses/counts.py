"""Class counts, and what losses derive from them."""

from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor


def checked_counts(class_counts: ArrayLike | Tensor) -> Tensor:
    """Return class counts as a tensor of shape (K,), or (R, K) with a row a replica.

    Raises
    ------
    ValueError
        If a class has no rows: nothing can be said of the loss of its errors.
    """
    counts = torch.as_tensor(class_counts)
    if not counts.ndim:
        raise ValueError(f"class_counts must hold one number a class, but class_counts={class_counts!r}.")
    bad = ~((counts > 0) & counts.isfinite())
    if bad.any():
        raise ValueError(
            f"Every class must have training rows, but class {int(bad.nonzero()[0, -1])} has "
            f"{counts[bad][0].item()}: leave out classes without rows, and count rows by class code."
        )
    return counts


def derived(formula: Callable[[Tensor], Tensor], counts: Tensor) -> Tensor:
    """Apply a formula to counts in double precision; the result is of torch's default dtype, or the counts' own."""
    dtype = counts.dtype if counts.is_floating_point() else torch.get_default_dtype()
    return formula(counts.cpu().double()).to(counts.device, dtype)


def log_priors(counts: Tensor) -> Tensor:
    """Logarithm of the classes' shares of the rows, ``log pi_k``."""
    return derived(lambda n: (n / n.sum(-1, keepdim=True)).log(), counts)


def shares_of_largest(counts: Tensor, power: float) -> Tensor:
    """``(n_k / n_max) ** power``: 1 for the largest class, less for the others."""
    return derived(lambda n: (n / n.amax(-1, keepdim=True)) ** power, counts)
