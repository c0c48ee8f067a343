"""Values by class, such as class counts, and the formulas on counts that losses share."""

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from itertools import count, pairwise
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

ByClass: TypeAlias = ArrayLike | Tensor | Mapping[Any, float]
"""One value a class: a sequence in the order of class codes, or a mapping or series keyed by labels."""

COUNT_LABELS = "numpy.unique(labels, return_counts=True)[1]"


def by_class(values: ByClass, name: str) -> Tensor:
    """Return values by class as a tensor, in the order of class codes.

    Mappings, and series and frames of pandas, are keyed by class labels, as ``value_counts()`` returns them, and are
    sorted by label; likewise polars' frame of two columns, label and ``count``, ``len`` or ``proportion``. Raises
    ValueError if labels are missing, repeated or cannot be ordered, or values are not numbers.

    >>> import pandas as pd
    >>> by_class(pd.Series(["yes", "no", "yes"]).value_counts(), "class_counts")
    tensor([1, 2])
    """
    if isinstance(values, Tensor):
        return values if values.is_floating_point() else values.long()
    if isinstance(values, list | tuple) and all(type(value) in (int, float) for value in values):
        return torch.tensor(values)  # a compiled graph cannot hold the rest
    given: Any = values
    if list(getattr(given, "columns", ()))[1:] in (["count"], ["len"], ["proportion"]):
        given = dict(zip(*(given[column] for column in given.columns), strict=True))
    if isinstance(given, Mapping):
        array = _numbers(list(given.values()), name)[_ascending(given, name)]
    elif hasattr(given, "iloc"):
        array = _numbers(given, name)[_ascending(given.index, name)]
        array = array[:, _ascending(given.columns, name)] if array.ndim == 2 else array
    else:
        array = _numbers(given, name)
    tensor = torch.from_numpy(array.copy())
    return (
        tensor if hasattr(values, "dtype") or not tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    )


def _ascending(labels: Iterable[Any], name: str) -> list[int]:
    """Positions of labels in ascending order."""
    known = list(labels)
    try:
        order = sorted(range(len(known)), key=known.__getitem__)
        clear = all(known[a] < known[b] for a, b in pairwise(order)) and all(label == label for label in known)
    except TypeError:
        clear = False
    if not clear:
        raise ValueError(
            f"{name} must be keyed by labels of one kind, each once, but its labels are {known!r}: leave out missing "
            f"labels, or give an array in the order of class codes."
        )
    return order


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        remedy = f": count the labels of rows, {COUNT_LABELS}" if name == "class_counts" else ""
        raise ValueError(f"{name} must hold one number a class, but {name}={reprlib.repr(values)}{remedy}.") from None
    if array.dtype.kind != "f":
        return array.astype(np.int64)
    return array.astype(array.dtype.newbyteorder("=") if array.itemsize <= 8 else np.float64)


def checked_counts(class_counts: ByClass) -> Tensor:
    """Return class counts as a tensor of shape (K,), or (R, K) with a row a replica; see `by_class`.

    Raises ValueError if a class has no rows, or the keys of a mapping count from 0 and leave a number out.
    """
    counts = by_class(class_counts, "class_counts")
    given: Any = class_counts
    codes = set(given if isinstance(given, Mapping) else given.index if hasattr(given, "iloc") else ())
    if 0 in codes and all(isinstance(label, Integral) for label in codes):
        absent = next(code for code in count() if code not in codes)
        if absent < len(codes):
            raise ValueError(
                f"class_counts must give rows to each class, but its keys {sorted(codes)!r} leave out class {absent}: "
                f"add it, or give an array in the order of class codes if there is no such label."
            )
    if not counts.ndim or not counts.numel():
        raise ValueError(f"class_counts must hold one number a class, but class_counts={class_counts!r}.")
    bad = ~((counts > 0) & counts.isfinite())
    if bad.any():
        codes = counts.unique()
        like_labels = (
            counts.ndim == 1 and torch.equal(codes, torch.arange(len(codes)).to(codes)) and len(counts) > len(codes)
        )
        raise ValueError(
            f"Every class must have training rows, but class {int(bad.nonzero()[0, -1])} has "
            f"{counts[bad][0].item()}: leave out classes without rows, and count rows by class code"
            f"{f'; if these are labels of rows, count them, {COUNT_LABELS}' if like_labels else ''}."
        )
    return counts


def derived(formula: Callable[[Tensor], Tensor], counts: Tensor) -> Tensor:
    """Apply a formula to counts in double precision; the result has torch's default dtype, or that of float counts."""
    own = torch.promote_types(counts.dtype, torch.float32)
    dtype = own if counts.is_floating_point() else torch.get_default_dtype()
    return formula(counts.cpu().double()).to(counts.device, dtype)


def log_priors(counts: Tensor, tau: float = 1.0) -> Tensor:
    """Logarithm of the class priors times a strength, ``tau log pi_k``."""
    if not (isinstance(tau, Real) and 0 <= tau < math.inf):
        raise ValueError(
            f"tau must be a finite number, 0 or more, but tau={tau!r}: 1 balances the classes, 0 has no effect."
        )
    return tau * derived(lambda n: (n / n.sum(-1, keepdim=True)).log(), counts)


def shares_of_largest(counts: Tensor, gamma: float) -> Tensor:
    """``(n_k / n_max) ** gamma``: 1 for the largest class, less for the others."""
    if not gamma >= 0:
        raise ValueError(f"gamma must be 0 or more, but gamma={gamma!r}: 0 has no effect.")
    return derived(lambda n: (n / n.amax(-1, keepdim=True)) ** gamma, counts)
