"""Hypergradients: derivatives of an outer objective by parameters of the inner problem that trains a network.

With ``theta(alpha)`` a minimiser of the inner loss, the implicit function theorem gives

    d outer / d alpha  =  - (d2 inner / d alpha d theta) p,   H p = v,   v = d outer / d theta

(Li et al., "AutoBalance", NeurIPS 2021; Lorraine, Vicol and Duvenaud, "Optimizing Millions of Hyperparameters by
Implicit Differentiation", AISTATS 2020). Solvers for p are in `equipoise.bilevel.solvers`.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from equipoise.bilevel.inner import Batch, InnerPoint, InnerProblem
from equipoise.bilevel.outer_objectives import OuterObjective
from equipoise.bilevel.solvers import Solver
from equipoise.bilevel.vectors import Named, flat, gradients, leaves


class Hypergradient(NamedTuple):
    """Derivative of an outer objective, and how it was found."""

    alpha: Named  # derivative of the outer objective by each outer parameter
    residual: Tensor  # (...): ``|H p - v| / |v|``, one a replica; NaN if unknown
    n_products: int  # products with the curvature in the solver


def hypergradient(
    problem: InnerProblem,
    theta: Named,
    alpha: Named,
    batches: Sequence[Batch],
    v: Tensor,
    solver: Solver,
    *,
    lead: int = 0,
    summed: Callable[[Tensor], Tensor] = lambda values: values,
) -> Hypergradient:
    """Differentiate an outer objective by outer parameters, through the weights that solve an inner problem.

    The weights theta are near a minimiser of the inner loss of all batches together; v is the gradient of the outer
    objective by theta, its tensors end to end (`outer_gradient`). With ``lead=1``, theta, alpha and v have a leading
    replica axis. ``summed`` sums a tensor over processes with different batches. The result is without any direct
    derivative of the outer objective by alpha.

    The best ridge penalty of a mean: theta minimises ``(theta - 3)^2 / 2 + alpha theta^2 / 2``, so it is
    ``3 / (1 + alpha)``; the outer objective is ``(theta - 2)^2 / 2``.

    >>> from equipoise.bilevel.solvers import ConjugateGradient
    >>> problem = InnerProblem(
    ...     outputs=lambda theta, alpha, batch: theta["theta"].expand(1, 1),
    ...     losses=lambda z, alpha, batch: ((z - 3) ** 2 / 2 + alpha["alpha"] * z**2 / 2).sum(-1),
    ... )
    >>> theta, alpha = {"theta": torch.tensor(2.4)}, {"alpha": torch.tensor(0.25)}
    >>> rows = [Batch(None, torch.zeros(1))]
    >>> v = (theta["theta"] - 2).reshape(1)
    >>> hypergradient(problem, theta, alpha, rows, v, ConjugateGradient(damping=0)).alpha["alpha"]
    tensor(-0.7680)
    """
    point = InnerPoint(problem, theta, alpha, batches, lead, summed)
    p, residual, n_products = solver.solve(point, v)
    return Hypergradient({name: -slope for name, slope in point.mixed_product(p).items()}, residual, n_products)


def outer_gradient(
    losses: Callable[[Named, Batch], Tensor],
    objective: OuterObjective,
    theta: Named,
    batches: Sequence[Batch],
    shape: tuple[int, int],
    *,
    lead: int = 0,
    summed: Callable[[Tensor], Tensor] = lambda values: values,
) -> tuple[Tensor, Tensor]:
    """Differentiate an outer objective by theta.

    Losses are summed by cell (class and group) over all batches first, so that the objective is that of all rows, not a
    mean over batches. A row of weight w counts as w rows.

    Targets of the batches are class indices; ``shape`` is (K classes, G groups), G = 1 without groups; ``lead`` and
    ``summed`` as in `hypergradient`. Returns the gradient (..., n) and the value of the objective, one a replica.
    """
    *others, last = batches
    with torch.no_grad():
        of_cells = [_by_cell(losses(theta, batch), batch, shape) for batch in others]
    at = leaves(theta)
    with torch.enable_grad():
        of_last = losses(at, last)
        cells = zip(*of_cells, _by_cell(of_last, last, shape))
        sums, counts = (summed(torch.stack(parts).sum(0)) for parts in cells)
        sums = sums.detach().requires_grad_()
        value = objective(sums, counts)
        weights = torch.autograd.grad(value.sum(), sums)[0].flatten(-2)

        def of_rows(row_losses: Tensor, batch: Batch) -> Tensor:
            slopes = weights.gather(-1, _cells(batch, shape[1]))
            slopes = slopes if batch.weight is None else slopes * batch.weight
            return flat(gradients((row_losses * slopes).sum(), at), lead)

        parts = [of_rows(of_last, last), *(of_rows(losses(at, batch), batch) for batch in others)]
    return summed(reduce(torch.add, parts)), value.detach()


def _cells(batch: Batch, n_groups: int) -> Tensor:
    return batch.target if batch.group is None else batch.target * n_groups + batch.group


def _by_cell(losses: Tensor, batch: Batch, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Sums of losses and numbers of rows, ``(..., K, G)``."""
    cells, weight = (
        _cells(batch, shape[1]),
        torch.ones_like(losses) if batch.weight is None else batch.weight.to(losses),
    )
    empty = losses.new_zeros(*losses.shape[:-1], shape[0] * shape[1])
    sums, counts = (empty.scatter_add(-1, cells, values) for values in (losses * weight, weight))
    return sums.unflatten(-1, shape), counts.unflatten(-1, shape)
