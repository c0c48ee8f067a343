"""The optimiser of a stack and its learning rate."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from equipoise.training.task import Settings

_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_WARM_UP = 0.3  # share of the run in which a one-cycle rate rises
_START, _END = 1 / 25, 1 / 250_000  # rate at the start and at the end, in units of the peak


def make_optimizer(stack: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Adam or AdamW, fused: one kernel for all parameters of all replicas."""
    optimizer = _OPTIMIZERS[settings.optimizer]
    return optimizer(stack.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def learning_rate(settings: Settings, progress: float) -> float:
    """Learning rate at a share (0 to 1) of the run.

    ``"one_cycle"`` rises from 1/25 of the peak along a cosine, then falls to nearly nothing (Smith and
    Topin, "Super-convergence", 2018, with torch's constants for ``OneCycleLR``, which counts steps
    where this counts shares of the run: the two are at most about a step apart).
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    rising = progress < _WARM_UP
    part = progress / _WARM_UP if rising else (progress - _WARM_UP) / (1 - _WARM_UP)
    start, end = (_START, 1.0) if rising else (1.0, _END)
    return settings.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * min(part, 1.0))) / 2)


def keep_replicas(stack: nn.Module, optimizer: torch.optim.Optimizer, keep: Sequence[int]) -> None:
    """Drop all but some replicas from a stack and from the state of its optimiser."""
    for parameter in stack.parameters():
        index = torch.tensor(keep, device=parameter.device)
        parameter.data = parameter.data[index]
        parameter.grad = None
        for name, value in optimizer.state[parameter].items():
            if value.shape[:1] and value.ndim == parameter.ndim:
                optimizer.state[parameter][name] = value[index]
    for buffer in stack.buffers():
        buffer.data = buffer.data[torch.tensor(keep, device=buffer.device)]
