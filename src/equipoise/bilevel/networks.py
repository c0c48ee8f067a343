"""A network as a function of its weights, without wrappers and in evaluation mode."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.distributed
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from equipoise.bilevel.vectors import Named
from equipoise.networks import MLPStack, ModuleStack

Group = torch.distributed.ProcessGroup | None


class Keywords(dict[str, Any]):
    """Input of a network that is called with keyword arguments."""


def head_parameters(model: nn.Module) -> list[str]:
    """Names of the weights of a network's last linear layer."""
    if isinstance(model, MLPStack):
        last = len(model.weights) - 1
        return [name for name, _ in model.named_parameters() if name.endswith(f".{last}")]
    pattern = model.pattern if isinstance(model, ModuleStack) else model
    layers = [(name, layer) for name, layer in pattern.named_modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ValueError(f"solver 'exact' solves for the last linear layer, but {type(pattern).__name__} has none.")
    name, layer = layers[-1]
    names = [f"{name}.{part}" if name else part for part, _ in layer.named_parameters()]
    return [n.replace(".", "/") for n in names] if isinstance(model, ModuleStack) else names


def unwrapped(model: nn.Module) -> tuple[nn.Module, Group]:
    """Return a network without the wrappers of DDP, Fabric or ``torch.compile``, and the processes that share it.

    The wrappers serve training steps: they expect a backward pass after each forward pass, and average gradients.
    """
    group: Group = None
    while True:
        if isinstance(model, DistributedDataParallel):
            group = model.process_group
        inner = model.module if isinstance(model, (DistributedDataParallel, DataParallel)) else None
        for name in ("_orig_mod", "_forward_module"):
            inner = model._modules.get(name) if inner is None else inner
        if inner is None:
            return model, group
        model = inner


def summed_over(group: Group) -> Callable[[Tensor], Tensor]:
    """Return a function that sums a tensor over the processes of a group; without one, it returns the tensor."""

    def summed(values: Tensor) -> Tensor:
        if group is None:
            return values
        values = values.detach().clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(values, group=group)
        return values

    return summed


@contextmanager
def predicting(model: nn.Module) -> Iterator[Callable[[Named, Any], Tensor]]:
    """Open a network as a function ``(weights, x) -> logits``, in evaluation mode and full precision.

    On exit the mode of every part, parameters and gradients are restored. A weight or layer with several names is one.
    """
    bare, _ = unwrapped(model)
    names = {id(parameter): name for name, parameter in bare.named_parameters()}
    places = [
        (names[id(parameter)], part._parameters, attribute, parameter)
        for part in bare.modules()
        for attribute, parameter in part._parameters.items()
        if parameter is not None
    ]
    like = places[0][3]
    converts = bare is not model or torch.is_autocast_enabled(like.device.type)

    def logits(weights: Named, x: Any) -> Tensor:
        for name, parameters, attribute, _ in places:
            if name in weights:  # also in a backward pass that runs a checkpointed part again
                parameters[attribute] = weights[name]  # type: ignore[assignment]
        x = _converted(x, like.dtype) if converts else x
        out = bare(**x) if isinstance(x, Keywords) else bare(x)
        return out["logits"] if isinstance(out, Mapping) else getattr(out, "logits", out)

    modes = [(part, part.training) for part in model.modules()]
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.autocast(like.device.type, enabled=False))
            stack.enter_context(_checkpoints_with_graphs())
            model.eval()
            yield logits
    finally:
        for _, parameters, attribute, parameter in places:
            parameters[attribute] = parameter
        model.train(modes[0][1])  # a stack passes this on to its pattern
        for part, was in modes:
            part.training = was


def _converted(x: Any, dtype: torch.dtype) -> Any:
    if isinstance(x, Tensor):
        return x.to(dtype) if x.is_floating_point() else x
    return type(x)({key: _converted(value, dtype) for key, value in x.items()}) if isinstance(x, dict) else x


@contextmanager
def _checkpoints_with_graphs() -> Iterator[None]:
    """Replace reentrant checkpoints, which hide weights from ``torch.autograd.grad``, by the other kind."""

    class NotReentrant:
        @staticmethod
        def apply(function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
            checkpoint = torch.utils.checkpoint.checkpoint
            return checkpoint(function, *args, use_reentrant=False, preserve_rng_state=preserve_rng_state)

    before = torch.utils.checkpoint.CheckpointFunction
    torch.utils.checkpoint.CheckpointFunction = NotReentrant  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        torch.utils.checkpoint.CheckpointFunction = before  # type: ignore[misc]
