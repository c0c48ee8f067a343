"""Mixtures of the rows of a batch, as data, and their application.

A `Mixture` depends on labels and random numbers only, so that a training loop can draw the mixtures of an epoch ahead
and gather the rows itself.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Mixture(NamedTuple):
    """Pairs of rows of a batch and their weights: ``share * row[first] + (1 - share) * row[second]``.

    Attributes
    ----------
    first, second : Tensor of shape (..., B), int64
        Positions within the batch, 0 to B - 1.
    share : Tensor of shape (..., B), float64
        Weight of the first row, 0 to 1.
    label_share : Tensor of shape (..., B), float64, optional
        Weight of the first row's label, if it differs from the weight of its features.
    """

    first: Tensor
    second: Tensor
    share: Tensor
    label_share: Tensor | None = None

    @property
    def of_labels(self) -> Tensor:
        """Weight of the first row's label, of shape (..., B)."""
        return self.share if self.label_share is None else self.label_share


def mix(values: Tensor, mixture: Mixture, *, first_in_place: bool = False) -> Tensor:
    """Mix rows ``(..., B, *features)``; the result has their memory format, such as ``channels_last``.

    With ``first_in_place``, ``first`` must be 0 to B - 1 in order, which saves a copy.
    """
    ndim = mixture.share.ndim
    # Rows are gathered fastest with their features in the order in which these lie in memory.
    strides = values.stride()
    order = [*range(ndim), *sorted(range(ndim, values.ndim), key=strides.__getitem__, reverse=True)]
    dense = values.permute(order)
    share = mixture.share.to(values.dtype).reshape(*mixture.share.shape, *(1,) * (values.ndim - ndim))
    first = dense if first_in_place else take_rows(dense, mixture.first)
    mixed = take_rows(dense, mixture.second).lerp_(first, share)
    return mixed.permute([order.index(axis) for axis in range(values.ndim)])


def mix_labels(y: Tensor, mixture: Mixture) -> Tensor:
    """Mix label rows ``(..., B, K)`` by the mixture's share of labels."""
    return mix(y, mixture._replace(share=mixture.of_labels))


def weighted(mixture: Mixture, weight: Tensor) -> tuple[Mixture, Tensor]:
    """Weight each of two mixed labels by its own row.

    The loss of a mixed row is ``s w_i l(y_i) + (1 - s) w_j l(y_j)`` with s the share of labels. For a loss that is
    linear in the labels this is ``W l(t y_i + (1 - t) y_j)`` with ``W = s w_i + (1 - s) w_j`` and ``t = s w_i / W``.

    Returns the mixture with t as its share of labels, and W, of shape (..., B).
    """
    share = mixture.of_labels
    of_first = share * take_rows(weight, mixture.first)
    total = of_first + (1 - share) * take_rows(weight, mixture.second)
    return mixture._replace(label_share=torch.where(total > 0, of_first / total, share)), total


def take_rows(values: Tensor, positions: Tensor) -> Tensor:
    """Gather rows of ``(..., B, *features)`` at positions ``(..., B)``."""
    if positions.ndim > 1:
        n_batches, size = positions.shape[:-1].numel(), positions.shape[-1]
        start = torch.arange(n_batches, device=positions.device).mul(size).view(*positions.shape[:-1], 1)
        values, positions = values.flatten(0, positions.ndim - 1), positions + start
    return values.index_select(0, positions.flatten()).view(*positions.shape, *values.shape[1:])
