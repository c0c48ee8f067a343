"""How much rows matter to a held-out objective: hypergradients of it by the weights of rows.

With theta(a) the weights of a network that minimise ``sum_i a_i l_i``, the derivative of a held-out loss by a_i is
``-v' H^-1 grad l_i``, v its gradient by theta. A draw of rows with probabilities p_i and weights 1 / p_i moves theta by
chance; the excess of held-out loss that this costs is, to second order, ``sum_i (1 / p_i - 1) s_i^2 / 2`` with
``s_i^2 = grad l_i' H^-1 F H^-1 grad l_i`` and F the curvature of the held-out loss. It is least, for a given number of
rows, where p_i is in proportion to s_i (Ting and Brochu, "Optimal Subsampling with Influence Functions", NeurIPS 2018).
Held-out losses with signs at random have a gradient of covariance F: s_i is the root mean square of the hypergradients
of such sums.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerProblem
from equipoise.bilevel.networks import predicting
from equipoise.bilevel.solvers import ConjugateGradient, Solver
from equipoise.bilevel.vectors import Named
from equipoise.training import FittedEnsemble, TrainedNetwork


def row_influences(
    network: TrainedNetwork,
    train: Batch,
    held_out: Batch,
    n_classes: int,
    rng: np.random.Generator,
    *,
    n_directions: int = 4,
    solver: Solver | None = None,
) -> NDArray[np.float64]:
    """Root mean square hypergradient of sums of held-out losses with random signs, by the weight of each row.

    The network is near a minimiser of the weighted training loss; targets are class indices. The influence is that of
    one more row like each, whatever its weight in training. All ``n_directions`` sums are solved at once.
    """
    stack = FittedEnsemble([network] * n_directions, np.arange(n_classes)).to_module()
    theta = {name: parameter.detach() for name, parameter in stack.named_parameters()}
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=(n_directions, len(held_out.target))))
    train, held_out = (_repeated(batch, n_directions) for batch in (train, held_out))
    assert held_out.weight is not None
    signed = held_out._replace(weight=held_out.weight * signs.to(held_out.weight))
    with predicting(stack) as logits:
        v, _ = outer_gradient(
            lambda theta, batch: _losses(logits(theta, batch.x), {}, batch._replace(weight=None)),
            lambda sums, counts: sums.sum((-2, -1)),
            theta,
            [signed],
            (n_classes, 1),
            lead=1,
        )
        problem = InnerProblem(lambda theta, _, batch: logits(theta, batch.x), _losses, _by_weight)
        alpha = {"weight": torch.ones_like(train.target, dtype=v.dtype)}
        found = hypergradient(problem, theta, alpha, [train], v, solver or ConjugateGradient(), lead=1)
    return found.alpha["weight"].double().square().mean(0).sqrt().numpy()


def _repeated(batch: Batch, n: int) -> Batch:
    assert batch.weight is not None
    parts = (batch.x, batch.target, batch.weight)
    x, target, weight = (part.expand(n, *part.shape) for part in parts)
    return Batch(x, target, weight=weight)


def _losses(z: Tensor, alpha: Named, batch: Batch) -> Tensor:
    losses = cross_entropy(z.movedim(-1, 1), batch.target, reduction="none")
    return losses if batch.weight is None else losses * batch.weight.to(losses)


def _by_weight(z: Tensor, dz: Tensor, alpha: Named, batch: Batch) -> Named:
    """Change of each row's loss along dz."""
    return {"weight": ((z.softmax(-1) - one_hot(batch.target, z.shape[-1])) * dz).sum(-1)}
