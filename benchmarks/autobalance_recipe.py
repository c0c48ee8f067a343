"""The outer step of AutoBalance as its authors make it, in plain PyTorch, for one network.

Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021), its algorithm: ten batches of
either side, and six terms of Neumann's series for the inverse Hessian, which take five products with the Hessian over
the ten training batches, whose graphs are kept. The loss is cross-entropy of ``sigmoid(delta) z + l``; validation
losses are weighted by one over the classes' shares.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn.functional import cross_entropy

BATCHES = 10  # a side
_PRODUCTS = 5
_ETA = 0.01  # theirs is 1, at which the series diverges on a network that has not trained for long

Batches = Sequence[tuple[Tensor, Tensor]]


class Recipe:
    """A network with its optimiser, and the parameters of its loss with theirs.

    Parameters
    ----------
    network : nn.Module
    class_counts : Tensor of shape (K,)
    rate : float
        Learning rate of either optimiser.
    """

    def __init__(self, network: nn.Module, class_counts: Tensor, *, rate: float) -> None:
        self._network, self._theta = network, list(network.parameters())
        self._l, self._delta = (torch.zeros(len(class_counts), requires_grad=True) for _ in range(2))
        self._inner = torch.optim.SGD(self._theta, lr=rate, momentum=0.9)
        self._outer = torch.optim.SGD([self._l, self._delta], lr=rate, momentum=0.9)
        weights = class_counts.sum() / class_counts
        self._weights = weights / weights.norm()

    def training_step(self, x: Tensor, y: Tensor) -> None:
        """Make a plain step on the network."""
        self._inner.zero_grad()
        cross_entropy(self._network(x), y).backward()
        self._inner.step()

    def outer_step(self, train: Batches, validation: Batches) -> None:
        """Make a step on l and delta."""
        losses = [cross_entropy(self._network(x) * self._delta.sigmoid() + self._l, y) for x, y in train]
        slopes = [grad(loss, self._theta, create_graph=True) for loss in losses]
        p = c = _mean([grad(cross_entropy(self._network(x), y, self._weights), self._theta) for x, y in validation])
        for _ in range(_PRODUCTS):
            curved = _mean([grad(slope, self._theta, c, retain_graph=True) for slope in slopes])
            c = [a - _ETA * b for a, b in zip(c, curved)]
            p = [a + b for a, b in zip(p, c)]
        found = _mean([grad(slope, (self._l, self._delta), p) for slope in slopes])
        self._l.grad, self._delta.grad = (-_ETA * slope for slope in found)
        self._outer.step()


def plain_mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return a rectified perceptron of given widths, from features to classes."""
    layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def _mean(gradients: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [sum(parts[1:], parts[0]) / len(parts) for parts in zip(*gradients)]
