"""The optimiser of a stack."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from equipoise.training.results import AdamState

_BETA1, _BETA2 = 0.9, 0.999
_KERNELS = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}


class Adam:
    """Adam or AdamW in torch's fused kernel: one call for all parameters of all replicas.

    The kernel of ``torch.optim.AdamW(fused=True)``, whose other work takes a fifth of a small step.

    Parameters
    ----------
    stack : nn.Module
        Trainable parameters with a leading replica axis.
    kind : {"adam", "adamw"}
    weight_decay, eps : float
        Weight decay, and number added to the root of the second moment.
    """

    def __init__(
        self,
        stack: nn.Module,
        kind: Literal["adam", "adamw"] = "adam",
        *,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.parameters = [parameter for parameter in stack.parameters() if parameter.requires_grad]
        self._kernel, self._weight_decay = _KERNELS[kind], weight_decay
        self._eps = eps
        self._first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self.parameters]
        like = self.parameters[0] if self.parameters else torch.zeros(1)
        self._steps = torch.zeros(len(like), device=like.device)  # of each replica
        self._in_step = True

    @torch.no_grad()
    def step(self, loss: Tensor, rates: Sequence[float]) -> None:
        """Make one gradient step, with one learning rate or one a replica."""
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        used = [i for i, gradient in enumerate(found) if gradient is not None]
        gradients = [None if g is None else g.contiguous() for g in found]  # the kernel ignores strides
        lists = [[values[i] for i in used] for values in (self.parameters, gradients, self._first, self._second)]
        self._steps += 1
        if len(set(rates)) == 1 and self._in_step:
            self._move(lists, [self._steps[0]] * len(used), rates[0])
            return
        views = [[value.unbind() for value in values] for values in lists]  # one view a replica
        steps, rates = self._steps.unbind(), [*rates] * (len(self._steps) // len(rates))
        for rate in set(rates):
            replicas = [r for r, of_replica in enumerate(rates) if of_replica == rate]
            parts = [[view[r] for view in values for r in replicas] for values in views]
            self._move(parts, [steps[r] for _ in used for r in replicas], rate)

    def _move(self, lists: Sequence[list[Any]], steps: list[Tensor], rate: float) -> None:
        parameters, gradients, first, second = lists
        self._kernel(
            parameters,
            gradients,
            first,
            second,
            [],
            steps,
            lr=rate,
            beta1=_BETA1,
            beta2=_BETA2,
            weight_decay=self._weight_decay,
            eps=self._eps,
            amsgrad=False,
            maximize=False,
        )

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop the moments of all but some replicas."""
        for moments in (self._first, self._second):
            moments[:] = [moment[list(positions)] for moment in moments]
        self._steps = self._steps[list(positions)]

    def state(self, position: int) -> AdamState:
        """Copy the state of one replica, besides its weights."""
        first, second = ([moment[position].cpu().numpy().copy() for moment in m] for m in (self._first, self._second))
        return AdamState(first, second, int(self._steps[position]))

    def load(self, position: int, state: AdamState) -> None:
        """Set the state of one replica."""
        for moments, kept in ((self._first, state.first), (self._second, state.second)):
            for moment, value in zip(moments, kept, strict=True):
                moment[position] = torch.from_numpy(value).to(moment)
        self._steps[position] = state.n_steps
        self._in_step = len(self._steps.unique()) == 1


def keep_replicas(stack: nn.Module, positions: Sequence[int]) -> None:
    """Drop all but some replicas from the parameters and buffers of a stack."""
    for value in (*stack.parameters(), *stack.buffers()):
        value.data = value.data[list(positions)]
        value.grad = None
