"""A network as a bilevel search looks at it: as it predicts, or its last layer alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from equipoise.networks import MLPStack, ModuleStack


def head_parameters(model: nn.Module) -> list[str]:
    """Names of the weights of a network's last linear layer.

    Raises
    ------
    ValueError
        If it has none.
    """
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


@contextmanager
def as_predicting(model: nn.Module) -> Iterator[None]:
    """Put a model in evaluation mode, and each of its parts back as it was."""
    training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        model.train(training[0][1])  # a stack passes this on to its pattern
        for module, was in training:
            module.training = was
