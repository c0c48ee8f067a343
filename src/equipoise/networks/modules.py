"""Any ``nn.Module`` as a stack of replicas, through ``torch.func``."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


def fresh_copy(module: nn.Module, seed: int) -> nn.Module:
    """Return a copy of a module with weights drawn anew from a seed.

    Every layer that has ``reset_parameters``, as torch's own layers do, draws its weights, unless all of
    them are frozen; other parameters are copied as they are. The global random state is left as it was.
    """
    twin = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in twin.modules():
            trainable = [parameter.requires_grad for parameter in layer.parameters()]
            if (any(trainable) or not trainable) and callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
    return twin


class ModuleStack(nn.Module):
    """R copies of one module, their parameters and buffers stacked along a leading replica axis.

    Parameters
    ----------
    modules : sequence of nn.Module
        R modules of one architecture; each maps ``(B, *features)`` to logits ``(B, n_classes)``.
    vectorized : bool, default=True
        Run the replicas at once through ``torch.func.vmap``. Modules that it cannot trace (recurrent
        layers, branches that depend on data) run one by one with ``vectorized=False``.

    Notes
    -----
    Buffers carry the replica axis too, so batch-norm keeps its statistics per replica.

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
        # Held in a tuple, so that the pattern's own parameters are not registered beside the stacked ones.
        self._pattern = (copy.deepcopy(modules[0]),)
        self.vectorized = vectorized

    @property
    def pattern(self) -> nn.Module:
        """The module that every replica is a copy of; its own weights say nothing."""
        return self._pattern[0]

    @classmethod
    def like(cls, pattern: nn.Module, n_replicas: int, *, vectorized: bool) -> "ModuleStack":
        """Build a stack of a pattern's shape, for a state with a leading replica axis to be loaded into."""
        return cls([copy.deepcopy(pattern) for _ in range(n_replicas)], vectorized=vectorized)

    def train(self, mode: bool = True) -> "ModuleStack":
        """Set training mode on the pattern, too (dropout, batch-norm)."""
        self._pattern[0].train(mode)
        return super().train(mode)

    def _state(self) -> dict[str, Tensor]:
        return {name: getattr(self, key) for name, key in self._names.items()}

    def _call(self, state: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(self._pattern[0], state, (x,))

    def forward(self, x: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Logits ``(R, B, n_classes)`` of rows ``(R, B, *features)``; the modules drop out by themselves."""
        if self.vectorized:
            return vmap(self._call, randomness="different")(self._state(), x)
        replicas = ({name: value[r] for name, value in self._state().items()} for r in range(len(x)))
        return torch.stack([self._call(state, rows) for state, rows in zip(replicas, x, strict=True)])


def accepts_vmap(module: nn.Module, rows: Tensor) -> bool:
    """Tell whether ``torch.func.vmap`` can run a module on a few rows ``(B, *features)``, as it would train."""
    try:
        with torch.random.fork_rng(devices=[]):
            ModuleStack([copy.deepcopy(module) for _ in range(2)])(torch.stack([rows, rows]))
    except Exception:
        return False
    return True
