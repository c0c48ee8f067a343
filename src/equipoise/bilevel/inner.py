"""An inner problem at a point: products with its second derivatives, batch by batch, no graph kept.

All products are of the mean loss over the rows of all batches. Each batch is run anew for each product, so that the
memory needed is that of one batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad, vmap

from equipoise.bilevel.vectors import Vector, backward_product, forward_product, plus, scaled

_COLUMNS_AT_ONCE = 256


class Batch(NamedTuple):
    """Rows of a batch.

    Attributes
    ----------
    x : Tensor of shape (..., B, *features)
        Or whatever else the network takes.
    target : Tensor of shape (..., B), integer, or (..., B, K), floating
    group : Tensor of shape (..., B), integer, or None
    """

    x: Any
    target: Tensor
    group: Tensor | None = None


@dataclass(frozen=True)
class InnerProblem:
    """A network and the loss that it is trained with, as functions of weights theta and outer parameters alpha.

    Attributes
    ----------
    outputs : callable
        ``(theta, alpha, batch) -> z``, what the network makes of a batch: ``(..., B, K)``. Leading axes, if any, are
        replicas.
    losses : callable
        ``(z, alpha, batch) -> losses`` of rows, ``(..., B)``; convex in z where Gauss-Newton products are taken.
    mixed : callable, optional
        ``(z, dz, alpha, batch) -> derivative`` by alpha of the sum over rows of ``<d losses / dz, dz>``, in closed
        form; for outer parameters that act on the loss only. By default it is taken by automatic differentiation.
    """

    outputs: Callable[[Vector, Vector, Batch], Tensor]
    losses: Callable[[Tensor, Vector, Batch], Tensor]
    mixed: Callable[[Tensor, Tensor, Vector, Batch], Vector] | None = None


class InnerPoint:
    """An inner problem at weights and outer parameters, with the batches that stand for its rows.

    Parameters
    ----------
    problem : InnerProblem
    theta : dict of Tensor
        Weights, with a leading replica axis each if ``lead=1``.
    alpha : dict of Tensor
        Outer parameters.
    batches : sequence of Batch
    lead : {0, 1}, default=0
        Number of replica axes.
    """

    def __init__(
        self, problem: InnerProblem, theta: Vector, alpha: Vector, batches: Sequence[Batch], lead: int = 0
    ) -> None:
        self.problem, self.theta, self.alpha, self.batches, self.lead = problem, theta, alpha, batches, lead
        self._n_rows = sum(batch.target.shape[lead] for batch in batches)

    def hessian_product(self, v: Vector) -> Vector:
        """Hessian of the mean loss by theta, times a vector."""

        def of_batch(batch: Batch) -> Vector:
            slope = grad(lambda theta: self._total(theta, self.alpha, batch))
            return forward_product(slope, self.theta, v)[1]

        return self._mean(of_batch)

    def gauss_newton_product(self, v: Vector) -> Vector:
        """``J' G J v``, J the outputs by theta and G the Hessian of the loss by the outputs: never negative."""

        def of_batch(batch: Batch) -> Vector:
            z, dz = forward_product(self._outputs(batch), self.theta, v)
            _, pull = backward_product(self._outputs(batch), self.theta)
            return pull(self._curved(z, dz, batch))

        return self._mean(of_batch)

    def gauss_newton_matrix(self) -> Tensor:
        """Return ``J' G J`` itself, ``(..., n, n)`` for n weights, in the order of `flat`."""

        def of_batch(batch: Batch) -> Vector:
            z, J = self._jacobian(batch)
            GJ = vmap(lambda dz: self._curved(z, dz, batch))(J)
            return {"matrix": torch.einsum("i...bk,j...bk->...ij", J, GJ)}

        return self._mean(of_batch)["matrix"]

    def mixed_product(self, p: Vector) -> Vector:
        """Derivative by alpha of ``<d mean loss / d theta, p>``: one forward product, where there is a closed form."""
        return self._mean(self._mixed_of_batch(p))

    def _mixed_of_batch(self, p: Vector) -> Callable[[Batch], Vector]:
        def closed(batch: Batch) -> Vector:
            assert self.problem.mixed is not None
            z, dz = forward_product(self._outputs(batch), self.theta, p)
            return self.problem.mixed(z, dz, self.alpha, batch)

        def differentiated(batch: Batch) -> Vector:
            def slope(alpha: Vector) -> Tensor:
                return forward_product(lambda theta: self._total(theta, alpha, batch), self.theta, p)[1]

            return grad(slope)(self.alpha)

        return differentiated if self.problem.mixed is None else closed

    def _outputs(self, batch: Batch) -> Callable[[Vector], Tensor]:
        return lambda theta: self.problem.outputs(theta, self.alpha, batch)

    def _total(self, theta: Vector, alpha: Vector, batch: Batch) -> Tensor:
        """Sum over replicas, too: none depends on another's weights, so that derivatives stay apart."""
        return self.problem.losses(self.problem.outputs(theta, alpha, batch), alpha, batch).sum()

    def _curved(self, z: Tensor, dz: Tensor, batch: Batch) -> Tensor:
        slope = grad(lambda outputs: self.problem.losses(outputs, self.alpha, batch).sum())
        return forward_product(slope, z, dz)[1]

    def _jacobian(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Outputs, and their derivatives ``(n, ..., B, K)`` by each weight, that of all replicas at once."""
        outputs = self._outputs(batch)
        shape = next(iter(self.theta.values())).shape[: self.lead]
        like = flat(self.theta, self.lead)
        basis = torch.eye(like.shape[-1]).to(like)
        basis = basis.view(len(basis), *(1,) * self.lead, -1).expand(-1, *shape, -1)

        def column(direction: Tensor) -> Tensor:
            return forward_product(outputs, self.theta, unflat(direction, self.theta, self.lead))[1]

        return outputs(self.theta), vmap(column, chunk_size=_COLUMNS_AT_ONCE)(basis)

    def _mean(self, of_batch: Callable[[Batch], Vector]) -> Vector:
        return scaled(reduce(plus, map(of_batch, self.batches)), 1 / self._n_rows)


def flat(v: Vector, lead: int = 0) -> Tensor:
    """Join a vector's tensors, in their order, to one of shape (..., n)."""
    return torch.cat([value.reshape(*value.shape[:lead], -1) for value in v.values()], dim=-1)


def unflat(values: Tensor, like: Vector, lead: int = 0) -> Vector:
    """Cut a tensor (..., n) into the tensors of a vector."""
    parts = values.split([value[(0,) * lead].numel() for value in like.values()], dim=-1)
    return {name: part.reshape(value.shape) for (name, value), part in zip(like.items(), parts, strict=True)}
