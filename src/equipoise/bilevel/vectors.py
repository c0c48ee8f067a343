"""Vectors in the space of a network's parameters: dicts of tensors, alone or one a replica."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vjp

Vector = dict[str, Tensor]
"""Parameters by name, or a direction in their space. With a replica axis it comes first in each tensor."""


def dot(a: Vector, b: Vector, lead: int = 0) -> Tensor:
    """Inner product: a number, or one a replica, ``(R,)``, with ``lead=1``."""
    products = ((a[name] * b[name]).reshape(*b[name].shape[:lead], -1).sum(-1) for name in a)
    return reduce(torch.add, products)


def norm(a: Vector, lead: int = 0) -> Tensor:
    """Euclidean length: a number, or one a replica."""
    return dot(a, a, lead).sqrt()


def scaled(a: Vector, factor: Tensor | float) -> Vector:
    """Multiply by a number, or by one a replica."""
    return {name: value * (over(factor, value) if isinstance(factor, Tensor) else factor) for name, value in a.items()}


def plus(a: Vector, b: Vector, factor: Tensor | float = 1.0) -> Vector:
    """``a + factor b``, the factor a number or one a replica."""
    return {name: value + a[name] for name, value in scaled(b, factor).items()}


def chosen(where: Tensor, a: Vector, b: Vector) -> Vector:
    """Take a where a truth, or that of a replica, holds; else b."""
    return {name: torch.where(over(where, value), value, b[name]) for name, value in a.items()}


def over(numbers: Tensor, values: Tensor) -> Tensor:
    """Give a number, or one a replica, the axes to broadcast with values."""
    return numbers.reshape(numbers.shape + (1,) * (values.ndim - numbers.ndim))


def forward_product(function: Callable[[Any], Any], at: Any, along: Any) -> tuple[Any, Any]:
    """Return the value of a function, and its derivative along a direction."""
    value, slope, *_ = jvp(function, (at,), (along,))
    return value, slope


def backward_product(function: Callable[[Any], Any], at: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the value of a function, and what multiplies a vector of its outputs by its derivative."""
    value, pull, *_ = vjp(function, at)
    return value, lambda outputs: pull(outputs)[0]
