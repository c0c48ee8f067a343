"""The optimiser of a stack and its learning rate."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equipoise.training.task import Settings

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_KERNELS = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}
_WARM_UP = 0.3  # share of the run in which a one-cycle rate rises
_START, _END = 1 / 25, 1 / 250_000  # rate at the start and at the end, in units of the peak


class Adam:
    """Adam or AdamW in torch's fused kernel: one call for all parameters of all replicas.

    The kernel is that of ``torch.optim.AdamW(fused=True)``; what that class does around it takes a fifth
    of a small step.

    Parameters
    ----------
    stack : nn.Module
        Its trainable parameters carry a leading replica axis.
    settings : Settings
    """

    def __init__(self, stack: nn.Module, settings: Settings) -> None:
        self.parameters = [parameter for parameter in stack.parameters() if parameter.requires_grad]
        self._kernel, self._weight_decay = _KERNELS[settings.optimizer], settings.weight_decay
        self._first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = torch.zeros((), device=self.parameters[0].device) if self.parameters else torch.zeros(())

    @torch.no_grad()
    def step(self, loss: Tensor, rate: float) -> None:
        """Make one step down the gradient of a loss."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        used = [i for i, gradient in enumerate(gradients) if gradient is not None]
        self._steps += 1
        self._kernel(
            [self.parameters[i] for i in used],
            [gradients[i] for i in used],
            [self._first[i] for i in used],
            [self._second[i] for i in used],
            [],
            [self._steps] * len(used),
            lr=rate,
            beta1=_BETA1,
            beta2=_BETA2,
            weight_decay=self._weight_decay,
            eps=_EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop the moments of all but some replicas."""
        for moments in (self._first, self._second):
            moments[:] = [moment[list(positions)] for moment in moments]


def keep_replicas(stack: nn.Module, positions: Sequence[int]) -> None:
    """Drop all but some replicas from the parameters and buffers of a stack."""
    for value in (*stack.parameters(), *stack.buffers()):
        value.data = value.data[list(positions)]
        value.grad = None


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
