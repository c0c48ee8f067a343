"""`TrainingPass`: forward and backward pass of a stack of perceptrons, without autograd."""

from collections.abc import Sequence

import torch
from torch import Tensor

from equipoise.networks.mlp import MLPStack


class TrainingPass:
    """Forward and backward pass of a stack of perceptrons, written out.

    Autograd takes longer than the products of a small network. Activations and gradients lie in buffers that are kept
    from step to step: what a pass returns is valid until the next one.

    The stack's parameters must stay the same tensors; their values may change. ``gradients`` are in their order.
    """

    def __init__(self, stack: MLPStack) -> None:
        self._weights, self._biases = ([p.detach() for p in values] for values in (stack.weights, stack.biases))
        self._turned = [weight.mT for weight in self._weights]
        self.gradients = [torch.empty_like(p) for p in (*self._weights, *self._biases)]
        self._reserve(0)

    def _reserve(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._outputs, self._slopes = (
            [bias.new_empty(len(bias), n_rows, bias.shape[2]) for bias in self._biases] for _ in range(2)
        )

    def logits(self, x: Tensor, masks: Sequence[Tensor | None] = ()) -> Tensor:
        """Compute the logits of `MLPStack.forward`, of the same arguments."""
        if x.shape[1] != self._n_rows:
            self._reserve(x.shape[1])
        self._x, self._masks = x, masks
        last = len(self._weights) - 1
        for layer, (weight, bias, output) in enumerate(zip(self._weights, self._biases, self._outputs, strict=True)):
            x = torch.baddbmm(bias, x, weight, out=output)
            if layer < last:
                x.relu_()
                if masks and (mask := masks[layer]) is not None:
                    x.mul_(mask)
        return x

    def backward(self, slope: Tensor) -> list[Tensor]:
        """Compute the gradients of the parameters from that of the logits of the last pass, ``(R, B, K)``."""
        n_layers = len(self._weights)
        for layer in reversed(range(n_layers)):
            rows = self._outputs[layer - 1] if layer else self._x
            torch.bmm(rows.mT, slope, out=self.gradients[layer])
            torch.sum(slope, dim=1, keepdim=True, out=self.gradients[n_layers + layer])
            if layer:
                slope = torch.bmm(slope, self._turned[layer], out=self._slopes[layer - 1])
                torch.ops.aten.threshold_backward.grad_input(slope, rows, 0, grad_input=slope)
                if self._masks and (mask := self._masks[layer - 1]) is not None:
                    slope.mul_(mask)
        return self.gradients
