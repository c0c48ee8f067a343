"""Any ``nn.Module`` as a stack of replicas, through ``torch.func``."""

import copy
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from equipoise.networks.mlp import MLPStack

_IMAGES = 5  # axes of the images of a stack
_BY_VALUE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity)


class TwoLogits(nn.Module):
    """Logits ``(1 - z, z)`` of two classes from one output z."""

    def forward(self, z: Tensor) -> Tensor:
        """Map ``(..., 1)`` to ``(..., 2)``."""
        return torch.cat([1 - z, z], dim=-1)


def fresh_copy(module: nn.Module, seed: int) -> nn.Module:
    """Return a copy of a module with new weights from a seed.

    Layers with ``reset_parameters``, as those of torch, draw their weights, unless all of them are frozen; other
    parameters are copied. The global random state does not change.
    """
    twin = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in twin.modules():
            if not is_frozen(layer) and callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
    return twin


def is_frozen(layer: nn.Module) -> bool:
    """Whether a layer has parameters and none of them trains."""
    trainable = [parameter.requires_grad for parameter in layer.parameters()]
    return bool(trainable) and not any(trainable)


def is_trained(module: nn.Module) -> bool:
    """Whether weights that are not frozen cannot be torch's initial ones.

    Batch norm has seen rows, or weights exceed the initial bound.
    """
    for layer in (layer for layer in module.modules() if not is_frozen(layer)):
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and int(layer.num_batches_tracked or 0) > 0:
            return True
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            bound = layer.weight[0].numel() ** -0.5
            if layer.weight.numel() and float(layer.weight.detach().abs().max()) > bound * 1.0001:
                return True
    return False


class ModuleStack(nn.Module):
    """R copies of one module, their parameters and buffers stacked along a leading replica axis.

    Parameters
    ----------
    modules : sequence of nn.Module
        R modules of one architecture; each maps ``(B, *features)`` to logits ``(B, n_classes)``.
    vectorized : bool, default=True
        Run the replicas at once by ``torch.func.vmap``. Recurrent layers and branches that depend on data need False:
        replicas then run one by one.

    Notes
    -----
    Buffers have the replica axis, too: batch-norm keeps its statistics per replica. An ``nn.Sequential`` of linear
    layers and activations runs as batched products, because ``vmap`` takes longer than the products of a small network.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from equipoise.networks import ModuleStack
    >>> stack = ModuleStack([nn.Linear(4, 2) for _ in range(3)])
    >>> stack(torch.zeros(3, 8, 4)).shape
    torch.Size([3, 8, 2])
    """

    def __init__(self, modules: Sequence[nn.Module], *, vectorized: bool = True) -> None:
        super().__init__()
        parameters, buffers = stack_module_state(list(modules))
        self._names = {name: name.replace(".", "/") for name in (*parameters, *buffers)}
        trainable = {name: parameter.requires_grad for name, parameter in modules[0].named_parameters()}
        for name, value in parameters.items():
            self.register_parameter(self._names[name], nn.Parameter(value.detach(), trainable[name]))
        for name, value in buffers.items():
            self.register_buffer(self._names[name], value)
        # A tuple hides the pattern's own parameters from nn.Module.
        self._pattern = (copy.deepcopy(modules[0]),)
        self._tied = _tied_names(self.pattern)
        self.vectorized = vectorized
        layers = _layers(self.pattern)
        named = {f"{prefix}{name}" for prefix, layer in layers for name, _ in layer.named_parameters()}
        self._layers = layers if named == set(self._names) else []  # a repeated layer has one name only

    @property
    def pattern(self) -> nn.Module:
        """Template of the replicas; its own weights are not used."""
        return self._pattern[0]

    @classmethod
    def like(cls, pattern: nn.Module, n_replicas: int, *, vectorized: bool) -> "ModuleStack":
        """Build a stack of a pattern's shape, to load a state with a leading replica axis."""
        return cls([pattern] * n_replicas, vectorized=vectorized)

    def train(self, mode: bool = True) -> "ModuleStack":
        """Set training mode, also on the pattern (dropout, batch-norm); frozen layers keep the mode of evaluation."""
        self.pattern.train(mode)
        for layer in filter(is_frozen, self.pattern.modules()):
            layer.eval()
        return super().train(mode)

    def _state(self) -> dict[str, Tensor]:
        return {name: getattr(self, key) for name, key in self._names.items()}

    def _call(self, state: dict[str, Tensor], x: Tensor) -> Tensor:
        tied = {name: state[first] for name, first in self._tied.items()}
        # torch restores a layer of two names wrongly with its own tying
        return functional_call(self._pattern[0], state | tied, (x,), tie_weights=False)

    def forward(self, x: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Logits ``(R, B, n_classes)`` of rows ``(R, B, *features)``; masks are not used."""
        if self.vectorized and self._layers and x.ndim == 3:
            return self._perceptron(x)
        if self.vectorized:
            return vmap(self._call, randomness="different")(self._state(), x)
        replicas = ({name: value[r] for name, value in self._state().items()} for r in range(len(x)))
        if x.ndim == _IMAGES:  # convolutions are fastest with the channels of a pixel side by side
            return torch.stack([self._call(s, r.to(memory_format=torch.channels_last)) for s, r in zip(replicas, x)])
        return torch.stack([self._call(state, rows) for state, rows in zip(replicas, x, strict=True)])

    def _perceptron(self, x: Tensor) -> Tensor:
        state = self._state()
        for name, layer in self._layers:
            if isinstance(layer, nn.Linear):
                # Rows last, so that the gradient of a weight lies in memory as the weight does.
                weight, columns = state[f"{name}weight"], x.mT
                bias = None if layer.bias is None else state[f"{name}bias"].unsqueeze(-1)
                x = (weight @ columns if bias is None else torch.baddbmm(bias, weight, columns)).mT
            else:
                x = layer(x)
        return x


def _tied_names(module: nn.Module) -> dict[str, str]:
    """Map the further names of a shared weight to its first; a layer of several names counts once."""
    first: dict[int, str] = {}
    names = [
        (f"{prefix}.{attribute}" if prefix else attribute, id(value))
        for prefix, layer in module.named_modules()
        for attribute, value in (*layer._parameters.items(), *layer._buffers.items())
        if value is not None
    ]
    return {name: first[key] for name, key in names if first.setdefault(key, name) != name}


def _layers(module: nn.Module | None, prefix: str = "") -> list[tuple[str, nn.Module]]:
    """List linear layers and activations of a module with their name prefixes; empty if it has other layers."""
    if module is None or module._forward_hooks or module._forward_pre_hooks:
        return []
    if type(module).forward is nn.Sequential.forward:
        parts = [_layers(layer, f"{prefix}{name}.") for name, layer in module._modules.items()]
        return list(chain.from_iterable(parts)) if all(parts) else []
    return [(prefix, module)] if type(module) in (nn.Linear, TwoLogits, *_BY_VALUE) else []


def accepts_vmap(module: nn.Module, rows: Tensor) -> bool:
    """Whether ``torch.func.vmap`` can run a module in training on rows ``(B, *features)``."""
    try:
        with torch.random.fork_rng(devices=[]):
            ModuleStack([copy.deepcopy(module) for _ in range(2)])(torch.stack([rows, rows]))
    except Exception:
        return False
    return True


Stack = MLPStack | ModuleStack
