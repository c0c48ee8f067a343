"""A network's parameters by name and end to end, and derivatives by them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

Named = dict[str, Tensor]
"""Parameters by name. With a replica axis it comes first in each tensor."""


def flat(named: Named, lead: int = 0) -> Tensor:
    """Join tensors, in their order, to one of shape (..., n)."""
    return torch.cat([value.reshape(*value.shape[:lead], -1) for value in named.values()], dim=-1)


def unflat(values: Tensor, like: Named, lead: int = 0) -> Named:
    """Cut a tensor (..., n) into tensors of the names and shapes of others."""
    parts = values.split([value.shape[lead:].numel() for value in like.values()], dim=-1)
    return {name: part.reshape(value.shape) for (name, value), part in zip(like.items(), parts, strict=True)}


def leaves(named: Named) -> Named:
    """Return copies that require gradients, as leaves of a graph."""
    return {name: value.detach().requires_grad_() for name, value in named.items()}


def gradients(value: Tensor, by: Named, along: Tensor | None = None) -> Named:
    """Differentiate a number, or the product of a tensor with ``along``, by leaves; 0 for unused ones."""
    found = torch.autograd.grad(value, list(by.values()), along, allow_unused=True, materialize_grads=True)
    return dict(zip(by, found))


def slope_product(value: Tensor, inner: Named, p: Named, by: Named) -> Named:
    """Differentiate ``<d value / d inner, p>`` by leaves: a product with second derivatives."""
    slopes = torch.autograd.grad(value, list(inner.values()), create_graph=True)
    along = [p[name] for name in inner]
    found = torch.autograd.grad(slopes, list(by.values()), along, allow_unused=True, materialize_grads=True)
    return dict(zip(by, found))


def difference(function: Callable[[Named], Tensor], at: Named, along: Tensor, lead: int = 0) -> Tensor:
    """Differentiate along a direction ``(..., n)`` by a central difference, where torch has no derivative.

    With a replica axis, which the function's result must have, too, each replica has its own step size. It balances the
    truncation error, which falls with its square, against rounding.
    """
    length = along.norm(dim=-1, keepdim=True)
    step = torch.finfo(along.dtype).eps ** (1 / 3) / torch.where(length > 0, length, 1.0)
    move = unflat(step * along, at, lead)
    up, down = (function({name: value + sign * move[name] for name, value in at.items()}) for sign in (1, -1))
    return (up - down) / (2 * step).reshape(*step.shape[:-1], *(1,) * (up.ndim - lead))


@torch.no_grad()
def forward_product(function: Callable[[Named], Tensor], at: Named, along: Named) -> tuple[Tensor, Tensor]:
    """Return the value of a function, and its derivative along a direction."""
    with forward_ad.dual_level():
        moved = {name: forward_ad.make_dual(value, along[name]) for name, value in at.items()}
        value, slope = forward_ad.unpack_dual(function(moved))
    return value, torch.zeros_like(value) if slope is None else slope
