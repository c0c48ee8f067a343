"""Random draws of the mixing transforms: on any device, for any number of batches at once."""

from collections.abc import Sequence

import torch
from torch import Tensor


def uniform(shape: Sequence[int], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Draw from [0, 1) in float64, as ``torch.rand`` does, but compiled graphs allow any shape."""
    return torch.empty(tuple(shape), dtype=torch.float64, device=device).uniform_(generator=generator)


def permutations(shape: Sequence[int], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Draw a permutation along the last axis for each of the leading ones."""
    return uniform(shape, device, generator).argsort(dim=-1)


def draw_share(labels: Tensor, alpha: float, per_row: bool, generator: torch.Generator | None) -> Tensor:
    """Draw the share of the first row from Beta(alpha, alpha), one a batch or one a row: shape (..., B)."""
    shape = labels.shape if per_row else (*labels.shape[:-1], 1)
    return beta(alpha, shape, labels.device, generator).expand(labels.shape)


def beta(alpha: float, shape: Sequence[int], device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Draw from Beta(alpha, alpha); 1 where alpha is 0.

    A ratio of Gamma(alpha) draws underflows for small alpha. Here Gamma(alpha) is Gamma(alpha + 1)
    times U^(1/alpha), taken in logarithms, and the ratio is a logistic function: exact for any alpha.
    """
    if alpha == 0:
        return torch.ones(tuple(shape), dtype=torch.float64, device=device)
    pair = (2, *shape)
    gamma = torch._standard_gamma(torch.full(pair, alpha + 1.0, dtype=torch.float64, device=device), generator)
    log_gamma = gamma.log() + uniform(pair, device, generator).log() / alpha
    return torch.sigmoid(log_gamma[0] - log_gamma[1])
