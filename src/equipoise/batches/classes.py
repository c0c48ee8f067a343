"""Positions of the rows of each class of each batch."""

import torch
from torch import Tensor

from equipoise.batches.chance import uniform


class ClassRows:
    """The rows of each class of each batch: ``order[start[k] : start[k] + count[k]]``.

    Labels and ``order``, which holds positions class after class, are (..., B); ``count`` and ``start`` are (..., K), K
    by default one more than the largest label.
    """

    def __init__(self, labels: Tensor, num_classes: int | None = None) -> None:
        self.labels = labels = labels.long()
        if num_classes is None:
            num_classes = int(labels.max()) + 1 if labels.numel() else 1
        self.order = labels.argsort(dim=-1, stable=True)
        ones = torch.ones_like(labels)
        self.count = labels.new_zeros(*labels.shape[:-1], num_classes).scatter_add_(-1, labels, ones)
        self.start = self.count.cumsum(-1) - self.count

    def uniform(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        """Draw from [0, 1), on the device of the labels."""
        return uniform(shape, self.labels.device, generator)

    def row(self, of_class: Tensor, nth: Tensor) -> Tensor:
        """Position in the batch of the nth row of a class, both of shape (..., B)."""
        return self.order.gather(-1, self.start.gather(-1, of_class) + nth)

    def random_row(self, of_class: Tensor, generator: torch.Generator | None) -> Tensor:
        """Position of a random row of each class of ``of_class``, of shape (..., B)."""
        count = self.count.gather(-1, of_class)
        return self.row(of_class, (self.uniform(count.shape, generator) * count).long())
