"""The optimiser of a stack."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from equipoise.training.results import AdamState, State

_BETA1, _BETA2 = 0.9, 0.999
_KERNELS = {"adam": torch._fused_adam_, "adamw": torch._fused_adamw_}


class Adam:
    """Adam or AdamW in torch's fused kernel: one call for all parameters of all replicas.

    The kernel of ``torch.optim.AdamW(fused=True)``, whose other work takes a fifth of a small step.

    Beyond ``max_norm`` the gradient of a replica is scaled down; ``eps`` is added to the root of the second moment.
    """

    def __init__(
        self,
        stack: nn.Module,
        kind: Literal["adam", "adamw"] = "adam",
        *,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
        max_norm: float | None = None,
    ) -> None:
        self._max_norm = max_norm
        self.parameters = [parameter for parameter in stack.parameters() if parameter.requires_grad]
        self._kernel, self._weight_decay = _KERNELS[kind], weight_decay
        self._eps = eps
        self._first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self.parameters]
        like = self.parameters[0] if self.parameters else torch.zeros(1)
        self._steps = torch.zeros(len(like), device=like.device)  # of each replica
        self._one = torch.ones((), device=like.device)  # a number would become a tensor at every step
        self._in_step = True
        self._look()

    def _look(self) -> None:
        """Hold what every step needs: parameters, beside autograd, and moments as they lie, and the steps of the first.

        The kernel copies something of every tensor whose memory is in another order than its axes.
        """
        turned = [p.ndim > 2 and not p.is_contiguous() and p.mT.is_contiguous() for p in self.parameters]
        self._turned = [i for i, is_turned in enumerate(turned) if is_turned]
        held = [parameter.detach() for parameter in self.parameters], self._first, self._second
        self._held = [[t.mT if is_turned else t for t, is_turned in zip(ts, turned, strict=True)] for ts in held]
        self._steps_of_first = self._steps[0]

    def step(self, loss: Tensor, rates: Sequence[float]) -> None:
        """Make one step along the gradient of a loss."""
        self.apply(as_laid(torch.autograd.grad(loss, self.parameters, allow_unused=True), self.parameters), rates)

    def apply(self, gradients: Sequence[Tensor | None], rates: Sequence[float]) -> None:
        """Make one step along gradients, None for parameters that stay, with one learning rate or one a replica.

        The fused kernel reads gradients as they lie in memory: see `as_laid`.
        """
        values, first, second = self._held
        gradients = list(gradients)
        for i in self._turned:
            gradients[i] = None if (gradient := gradients[i]) is None else gradient.mT
        lists: list[Any] = [values, gradients, first, second]
        if any(gradient is None for gradient in gradients):
            used = [i for i, gradient in enumerate(gradients) if gradient is not None]
            lists = [[values[i] for i in used] for values in lists]
        lists[1] = clipped(lists[1], self._max_norm)
        self._steps.add_(self._one)
        if len(rates) == 1 and self._in_step:
            self._move(lists, [self._steps_of_first] * len(lists[0]), rates[0])
            return
        views = [[value.unbind() for value in values] for values in lists]  # one view a replica
        steps, rates = self._steps.unbind(), [*rates] * (len(self._steps) // len(rates))
        for rate in set(rates):
            replicas = [r for r, of_replica in enumerate(rates) if of_replica == rate]
            parts = [[view[r] for view in values for r in replicas] for values in views]
            self._move(parts, [steps[r] for _ in lists[0] for r in replicas], rate)

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
        self._look()

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


class SGD:
    """Gradient steps with Nesterov's momentum, as ``torch.optim.SGD(nesterov=True)`` makes them."""

    def __init__(
        self, stack: nn.Module, *, momentum: float = 0.9, weight_decay: float = 0.0, max_norm: float | None = None
    ) -> None:
        self.parameters = [parameter for parameter in stack.parameters() if parameter.requires_grad]
        self._momentum, self._weight_decay, self._max_norm = momentum, weight_decay, max_norm
        self._velocity = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = [0] * (len(self.parameters[0]) if self.parameters else 1)

    @torch.no_grad()
    def apply(self, gradients: Sequence[Tensor | None], rates: Sequence[float]) -> None:
        """Make one step along gradients, None for parameters that stay, with one learning rate or one a replica."""
        used = [i for i, gradient in enumerate(gradients) if gradient is not None]
        found = clipped([g for g in gradients if g is not None], self._max_norm)
        for i, gradient in zip(used, found, strict=True):
            parameter, velocity = self.parameters[i], self._velocity[i]
            gradient = gradient.add(parameter, alpha=self._weight_decay)
            velocity.mul_(self._momentum).add_(gradient)
            direction = gradient.add_(velocity, alpha=self._momentum)
            if len(rates) == 1:
                parameter.sub_(direction, alpha=rates[0])
            else:
                parameter.sub_(direction * direction.new_tensor(rates).view(-1, *(1,) * (direction.ndim - 1)))
        self._steps = [steps + 1 for steps in self._steps]

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop the velocities of all but some replicas."""
        self._velocity[:] = [velocity[list(positions)] for velocity in self._velocity]
        self._steps = [self._steps[p] for p in positions]

    def state(self, position: int) -> AdamState:
        """Copy the state of one replica: its velocities stand in place of the first moments."""
        return AdamState([v[position].cpu().numpy().copy() for v in self._velocity], [], self._steps[position])

    def load(self, position: int, state: AdamState) -> None:
        """Set the state of one replica."""
        for velocity, value in zip(self._velocity, state.first, strict=True):
            velocity[position] = torch.from_numpy(value).to(velocity)
        self._steps[position] = state.n_steps


Optimizer = Adam | SGD


def as_laid(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """Return gradients that lie in memory as their parameters do."""
    return [
        gradient
        if gradient is None or gradient.stride() == parameter.stride()
        else torch.empty_like(parameter).copy_(gradient)
        for gradient, parameter in zip(gradients, parameters, strict=True)
    ]


def clipped(gradients: Sequence[Tensor], max_norm: float | None) -> Sequence[Tensor]:
    """Return gradients, long ones scaled to a norm by replica."""
    if max_norm is None or not gradients:
        return gradients
    squares = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)
    factor = (max_norm / squares.sqrt().clamp(min=max_norm)).to(squares)
    return [gradient * factor.view(-1, *(1,) * (gradient.ndim - 1)) for gradient in gradients]


class WeightAverage:
    """Exponential average of the weights and buffers of a stack.

    Early averages reach back over a tenth of the steps made, so that the random start is soon forgotten.

    It reaches back over ``n_steps``.
    """

    def __init__(self, stack: nn.Module, n_steps: float) -> None:
        self._stack, self._decay = stack, 1 - 1 / max(1.0, n_steps)
        self._values = {name: value.detach().clone() for name, value in stack.state_dict().items()}
        self._done = 0

    @torch.no_grad()
    def update(self) -> None:
        """Read the weights after a step."""
        self._done += 1
        decay = min(self._decay, (1 + self._done) / (10 + self._done))
        for name, value in self._stack.state_dict().items():
            if value.is_floating_point():
                self._values[name].lerp_(value, 1 - decay)
            else:
                self._values[name].copy_(value)

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""
        self._values = {name: value[list(positions)] for name, value in self._values.items()}

    def state(self, position: int) -> State:
        """Copy the averages of one replica."""
        return {name: value[position].clone() for name, value in self._values.items()}


def keep_replicas(stack: nn.Module, positions: Sequence[int]) -> None:
    """Drop all but some replicas from the parameters and buffers of a stack."""
    for value in (*stack.parameters(), *stack.buffers()):
        value.data = value.data[list(positions)]
        value.grad = None
