"""Perceptrons of MUBO's paper and of its authors' code, for two classes."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from equipoise.networks.modules import TwoLogits


class ScalarHead(nn.Sequential):
    """Perceptron with one output z for two classes.

    Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
    Definition 1: ``p(0|x) = e^(1 - z) / (e^z + e^(1 - z))``, that is logits ``(1 - z, z)``.

    Parameters
    ----------
    n_features : int
    hidden_layer_sizes : sequence of int
        Rectified hidden layers.

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks import ScalarHead
    >>> logits = ScalarHead(5, (8,))(torch.zeros(3, 5))
    >>> logits.shape, torch.allclose(logits.sum(dim=1), torch.ones(3))
    (torch.Size([3, 2]), True)
    """

    def __init__(self, n_features: int, hidden_layer_sizes: Sequence[int]) -> None:
        sizes = (n_features, *hidden_layer_sizes)
        layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
        super().__init__(OrderedDict(z=nn.Sequential(*layers, nn.Linear(sizes[-1], 1)), logits=TwoLogits()))


def factored_perceptron(n_features: int, hidden_layer_sizes: Sequence[int], n_classes: int) -> nn.Sequential:
    """Return the network of MUBO's authors' code, where only the last hidden layer is rectified."""
    sizes = (n_features, *hidden_layer_sizes)
    layers = [nn.Linear(i, o) for i, o in pairwise(sizes)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(sizes[-1], n_classes))
