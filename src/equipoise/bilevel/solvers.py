"""Solvers of ``H p = v`` for the direction p of a hypergradient, H the curvature of the inner loss.

A solver holds a few plain numbers and is called with an inner problem at a point and the outer gradient v. Replicas
have separate systems.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from equipoise.bilevel.inner import InnerPoint

_MOST_UNKNOWNS = 5000


class Solution(NamedTuple):
    """An answer to ``H p = v``."""

    p: Tensor  # (..., n)
    residual: Tensor  # (...): ``|H p - v| / |v|``, one a replica; NaN if unknown
    n_products: int  # products with the curvature


class Solver(Protocol):
    """Solves for p approximately."""

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        """Return p, its residual and the number of products."""


@dataclass(frozen=True)
class Identity:
    """``p = step v``, from one gradient step of the inner problem; without products or residual."""

    step: float = 1.0

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        """See `Solver`."""
        p = v if self.step == 1 else self.step * v  # no copy of so long a vector
        return Solution(p, torch.full_like(v[..., 0], torch.nan), 0)


@dataclass(frozen=True)
class Neumann:
    """``p = step sum_j (1 - step H)^j v``, with the Hessian H of the inner loss, damped.

    The series converges if and only if all curvatures along v lie between 0 and ``2 / step``. It ends early where it
    would diverge, as along negative curvature.
    """

    n_terms: int = 5  # terms of the series, and products
    step: float | None = None  # step size; by default one over the largest curvature
    n_power: int = 5  # products of the power iteration for the largest curvature, which starts at v
    damping: float = 0.0  # added to the curvature, such as the weight decay of the inner problem

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        """See `Solver`.

        Raises ValueError if the series would diverge.
        """
        step = self._step(self._largest_curvature(point, v))
        total, rest = step * v, v - step * self._product(point, v)
        for _ in range(self.n_terms - 1):
            following = rest - step * self._product(point, rest)
            nearer = _length(following) <= _length(rest)
            total, rest = torch.where(nearer, total + step * rest, total), torch.where(nearer, following, rest)
        return Solution(total, _share(rest, v), self.n_terms + self.n_power)

    def _step(self, largest: Tensor) -> Tensor:
        if self.step is None:
            return 1 / largest
        if (self.step * largest >= 2).any():
            raise ValueError(
                f"Neumann's series diverges unless step times the largest curvature is below 2, but step={self.step!r} "
                f"and that curvature is about {largest.max().item():.3g}: use step=None, or less than "
                f"{2 / largest.max().item():.3g}."
            )
        return torch.full_like(largest, self.step)

    def _largest_curvature(self, point: InnerPoint, v: Tensor) -> Tensor:
        """Power iteration from v: the series stays in its span, and no replica depends on its neighbours."""
        lengths = []
        for _ in range(self.n_power):
            v = self._product(point, v / _positive(_length(v)))
            lengths.append(_length(v))
        return _positive(torch.stack(lengths).amax(0))

    def _product(self, point: InnerPoint, v: Tensor) -> Tensor:
        return torch.add(point.hessian_product(v), v, alpha=self.damping)


@dataclass(frozen=True)
class ConjugateGradient:
    """Conjugate gradients on ``(J' G J + damping) p = v``, the Gauss-Newton curvature, which is never negative.

    Without a preconditioner, and each time from zero. The curvature of a batch has a handful of large values and some
    hundred above the damping, along directions of its own: neither its diagonal, nor its layers one by one, nor the
    largest directions or the solution of the batch before save more than a quarter of the products, and the last two
    often cost some. The error of six products is small beside what another batch changes.
    """

    max_iter: int = 6  # largest number of products
    tol: float = 1e-3  # residual at which a replica stops
    # added to the curvature, such as the weight decay of the inner problem. With less, more products are needed
    damping: float = 0.1

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        """See `Solver`."""
        p, rest, direction = torch.zeros_like(v), v.clone(), v.clone()  # changed in place: they are as long as theta
        square = _dot(v, v)
        goal, n_products = self.tol**2 * square, 0
        while n_products < self.max_iter and (open_ := square > goal).any():
            curved = point.gauss_newton_product(direction).add_(direction, alpha=self.damping)
            n_products += 1
            step = open_ * square / _positive(_dot(direction, curved))
            p.addcmul_(step, direction)
            rest.addcmul_(step, curved, value=-1)
            del curved  # not to be held beside the next one
            before, square = square, _dot(rest, rest)
            direction.mul_(square / _positive(before)).add_(rest)
        return Solution(p, _share(rest, v), n_products)


@dataclass(frozen=True)
class Exact:
    """Solve ``(J' G J + damping) p = v`` as a dense system: for a linear model, or the head of a network.

    For a linear head the Gauss-Newton curvature is the Hessian. `AutoBalance` takes that of the last linear layer, with
    the layers below fixed.
    """

    damping: float = 0.01  # added to the curvature, such as the weight decay of the inner problem

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        """See `Solver`.

        Raises ValueError for more than 5,000 unknowns.
        """
        self.check_size(v.shape[-1])
        matrix = point.gauss_newton_matrix()
        matrix.diagonal(dim1=-2, dim2=-1).add_(self.damping)
        p = torch.linalg.solve(matrix, v)
        return Solution(p, _share((matrix @ p.unsqueeze(-1)).squeeze(-1) - v, v), 0)

    @staticmethod
    def check_size(n_weights: int) -> None:
        """Refuse systems of more than 5,000 unknowns with a `ValueError`."""
        if n_weights > _MOST_UNKNOWNS:
            raise ValueError(
                f"solver 'exact' solves for {_MOST_UNKNOWNS} weights at most, but there are {n_weights}: use 'cg', "
                f"which needs no matrix."
            )


SOLVERS: dict[str, Solver] = {
    "identity": Identity(),
    "neumann": Neumann(),
    "cg": ConjugateGradient(),
    "exact": Exact(),
}


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a, b).unsqueeze(-1)


def _length(v: Tensor) -> Tensor:
    return v.norm(dim=-1, keepdim=True)


def _share(rest: Tensor, v: Tensor) -> Tensor:
    return (_length(rest) / _positive(_length(v))).squeeze(-1)


def _positive(values: Tensor) -> Tensor:
    return values.clamp(min=torch.finfo(values.dtype).tiny)
