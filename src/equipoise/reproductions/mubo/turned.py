"""Linear layers with their weights held as rows are multiplied by them.

``nn.Linear`` holds them the other way round. Under ``torch.func.vmap`` the gradient of each then has to be turned in
memory at every step, which on a table of 5,000 columns takes three quarters of the time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Turned(nn.Module):
    """A linear layer as it stands, its weight of shape (inputs, outputs).

    Parameters
    ----------
    linear : nn.Linear
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().T.contiguous())
        self.bias = nn.Parameter(linear.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape (B, outputs) for inputs (B, inputs)."""
        return torch.addmm(self.bias, x, self.weight)


def turned(make: Callable[[tuple[int, ...], int], nn.Module]) -> Callable[[tuple[int, ...], int], nn.Module]:
    """Make networks as before, with every linear layer turned: they compute the same from the same first weights."""

    def network(shape: tuple[int, ...], n_classes: int) -> nn.Module:
        module = make(shape, n_classes)
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(parent, name, Turned(child))
        return module

    return network
