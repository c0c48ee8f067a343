"""An inner problem at a point: products with its second derivatives, batch by batch.

All products are of the mean loss over the rows of all batches; a vector ``(..., n)`` holds the n weights end to end.
Each product runs every batch again, so that memory is that of one batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.func import jvp, vmap

from equipoise.bilevel.vectors import Named, difference, flat, forward_product, gradients, leaves, slope_product, unflat

T = TypeVar("T")

_COLUMNS_AT_ONCE = 256


class Batch(NamedTuple):
    """Rows of a batch."""

    x: Any  # (..., B, *features): or any other input of the network
    target: Tensor  # (..., B), integer, or (..., B, K), floating
    group: Tensor | None = None  # (..., B), integer
    weight: Tensor | None = None  # (..., B)


@dataclass(frozen=True)
class InnerProblem:
    """A network and its training loss, as functions of weights theta and outer parameters alpha."""

    # ``(theta, alpha, batch) -> z``, outputs ``(..., B, K)`` of the network. Leading axes, if any, are replicas
    outputs: Callable[[Named, Named, Batch], Tensor]
    # ``(z, alpha, batch) -> losses`` of rows, ``(..., B)``; convex in z for Gauss-Newton products
    losses: Callable[[Tensor, Named, Batch], Tensor]
    # ``(z, dz, alpha, batch) -> derivative`` by alpha of the sum over rows of ``<d losses / dz, dz>``, in closed
    # form, for outer parameters of the loss only. By default automatic differentiation
    mixed: Callable[[Tensor, Tensor, Named, Batch], Named] | None = None
    # ``(alpha, batch, number) -> batch`` as the network reads it, the same at each call for a batch of a number and
    # differentiable in alpha. `outputs` and `losses` then read such batches. The mixed derivative by alpha through
    # the rows is a central difference along the weights: two passes for all of alpha together
    inputs: Callable[[Named, Batch, int], Batch] | None = None
    input_names: tuple[str, ...] = ()  # those of alpha that `inputs` reads, and nothing else does


class InnerPoint:
    """An inner problem at weights and outer parameters, with a sample of its rows.

    ``lead`` is the number of replica axes, 0 or 1; ``summed`` sums a tensor over processes with different batches.
    """

    def __init__(
        self,
        problem: InnerProblem,
        theta: Named,
        alpha: Named,
        batches: Sequence[Batch],
        lead: int = 0,
        summed: Callable[[Tensor], Tensor] = lambda values: values,
    ) -> None:
        self.problem, self.theta, self.alpha, self.lead = problem, theta, alpha, lead
        self._given, self._summed = batches, summed
        self.batches = batches
        if problem.inputs is not None:
            with torch.no_grad():
                self.batches = [problem.inputs(alpha, batch, number) for number, batch in enumerate(batches)]
        # Weights of a stack are of mean one in each replica, and its replicas share one number.
        n_rows = sum(
            batch.target.shape[lead] if batch.weight is None or lead else batch.weight.sum().item() for batch in batches
        )
        self._n_rows = summed(torch.tensor(float(n_rows), device=next(iter(theta.values())).device))
        self._without: set[str] = set()  # derivatives that torch lacks for this network

    def hessian_product(self, v: Tensor) -> Tensor:
        """Hessian of the mean loss by theta, times a vector (..., n)."""

        def slope(theta: Named, batch: Batch) -> Tensor:
            theta = leaves(theta)
            return self._flat(gradients(self._losses(theta, self.alpha, batch).sum(), theta))

        def of_batch(batch: Batch) -> Tensor:
            theta = leaves(self.theta)
            value = self._losses(theta, self.alpha, batch).sum()
            return self._flat(slope_product(value, theta, self._named(v), theta))

        def by_difference(batch: Batch) -> Tensor:
            return difference(lambda theta: slope(theta, batch), self.theta, v, self.lead)

        return self._mean(lambda batch: self._either("second", of_batch, by_difference, batch))

    def gauss_newton_product(self, v: Tensor) -> Tensor:
        """``J' G J v``, J the outputs by theta and G the Hessian of the loss by the outputs: never negative."""

        def of_batch(batch: Batch) -> Tensor:
            z, dz = self._pushed(v, batch)
            theta = leaves(self.theta)
            return self._flat(gradients(self._outputs(theta, batch), theta, self._curved(z, dz, batch)))

        return self._mean(of_batch)

    def gauss_newton_matrix(self) -> Tensor:
        """Return ``J' G J`` itself, ``(..., n, n)``."""

        def of_batch(batch: Batch) -> Tensor:
            with torch.no_grad():
                z, J = self._outputs(self.theta, batch), self._jacobian(batch)
            return torch.einsum("i...bk,j...bk->...ij", J, self._curved(z, J, batch))

        return self._mean(of_batch)

    def mixed_product(self, p: Tensor) -> Named:
        """Derivative by alpha of ``<d mean loss / d theta, p>``: one forward product, where there is a closed form."""
        names = self.problem.input_names
        by_loss = {name: value for name, value in self.alpha.items() if name not in names}

        def closed(batch: Batch) -> Tensor:
            assert self.problem.mixed is not None
            with torch.no_grad():
                return flat(self.problem.mixed(*self._pushed(p, batch), self.alpha, batch))

        def differentiated(batch: Batch) -> Tensor:
            theta, alpha = leaves(self.theta), leaves(by_loss)
            value = self._losses(theta, self.alpha | alpha, batch).sum()
            return flat(slope_product(value, theta, self._named(p), alpha))

        found = unflat(self._mean(differentiated if self.problem.mixed is None else closed), by_loss) if by_loss else {}
        return found | self._through_inputs(p, {name: self.alpha[name] for name in names}) if names else found

    def _through_inputs(self, p: Tensor, moving: Named) -> Named:
        inputs = self.problem.inputs
        assert inputs is not None

        def of_batch(number: int, batch: Batch) -> Tensor:
            def slope(theta: Named) -> Tensor:
                alpha = leaves(moving)
                seen = inputs(self.alpha | alpha, batch, number)
                return self._flat(gradients(self._losses(theta, self.alpha, seen).sum(), alpha))

            return difference(slope, self.theta, p, self.lead)

        with torch.enable_grad():
            parts = [of_batch(number, batch) for number, batch in enumerate(self._given)]
        return unflat(self._summed(reduce(torch.add, parts)) / self._n_rows, moving, self.lead)

    def _either(self, kind: str, exact: Callable[..., T], by_difference: Callable[..., T], *args: Any) -> T:
        """Differentiate, or take differences if torch lacks the derivative (attention, recurrent layers, ...)."""
        if kind not in self._without:
            try:
                return exact(*args)
            except torch.OutOfMemoryError:
                raise
            except (NotImplementedError, RuntimeError):
                self._without.add(kind)
        return by_difference(*args)

    def _outputs(self, theta: Named, batch: Batch) -> Tensor:
        return self.problem.outputs(theta, self.alpha, batch)

    def _losses(self, theta: Named, alpha: Named, batch: Batch) -> Tensor:
        return self.problem.losses(self.problem.outputs(theta, alpha, batch), alpha, batch)

    def _pushed(self, v: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        def outputs(theta: Named) -> Tensor:
            return self._outputs(theta, batch)

        def exact() -> tuple[Tensor, Tensor]:
            return forward_product(outputs, self.theta, self._named(v))

        @torch.no_grad()
        def by_difference() -> tuple[Tensor, Tensor]:
            return outputs(self.theta), difference(outputs, self.theta, v, self.lead)

        return self._either("forward", exact, by_difference)

    def _curved(self, z: Tensor, dz: Tensor, batch: Batch) -> Tensor:
        """Multiply by G: one direction, or several along a leading axis."""
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.problem.losses(z, self.alpha, batch).sum(), z, create_graph=True)
        return torch.autograd.grad(slope, z, dz, is_grads_batched=dz.ndim > z.ndim)[0]

    def _jacobian(self, batch: Batch) -> Tensor:
        """Derivatives ``(n, ..., B, K)`` of the outputs by each weight, that of all replicas at once."""
        like = self._flat(self.theta)
        n = like.shape[-1]
        basis = torch.eye(n).to(like).view(n, *(1,) * self.lead, n).expand(n, *like.shape)

        def column(direction: Tensor) -> Tensor:
            return jvp(lambda theta: self._outputs(theta, batch), (self.theta,), (self._named(direction),))[1]

        return vmap(column, chunk_size=_COLUMNS_AT_ONCE)(basis)

    def _flat(self, named: Named) -> Tensor:
        return flat(named, self.lead)

    def _named(self, values: Tensor) -> Named:
        return unflat(values, self.theta, self.lead)

    @torch.enable_grad()
    def _mean(self, of_batch: Callable[[Batch], Tensor]) -> Tensor:
        """Sums over replicas keep derivatives apart, as no loss depends on the weights of another replica."""
        return self._summed(reduce(torch.add, map(of_batch, self.batches))).div_(self._n_rows)
