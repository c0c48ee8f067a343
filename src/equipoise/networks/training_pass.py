"""`TrainingPass`: forward and backward pass of a stack of perceptrons, without autograd."""

from collections.abc import Sequence

import torch
from torch import Tensor

from equipoise.networks.mlp import MLPStack


class TrainingPass:
    """Forward and backward pass of a stack of perceptrons, written out.

    Autograd takes longer than the products of a small network. Activations and gradients lie in buffers that are kept
    from step to step: what a pass returns is valid until the next one. Logits lie class by class in memory, as the last
    weights do: products with few columns, and a softmax over few neighbours, take up to seven times as long.

    Parameters
    ----------
    stack : MLPStack
        Its parameters must stay the same tensors; their values may change.
    rates : sequence of float, optional
        Dropout rates of the hidden layers, from which the scales of their masks follow; without, there are no masks.

    Attributes
    ----------
    gradients : list of Tensor
        Gradients of the parameters of the stack, in their order.
    """

    def __init__(self, stack: MLPStack, rates: Sequence[float] = ()) -> None:
        self._weights, self._biases = ([p.detach() for p in values] for values in (stack.weights, stack.biases))
        self._turned = [weight.mT for weight in self._weights]
        self._scales = [1.0 / (1.0 - rate) for rate in rates] or [1.0] * len(self._weights[1:])
        self.gradients = [torch.empty_like(p) for p in (*self._weights, *self._biases)]
        self._of_weights, self._of_biases = self.gradients[: len(self._weights)], self.gradients[len(self._weights) :]
        self._reserve(0)

    def _reserve(self, n_rows: int) -> None:
        self._n_rows = n_rows
        *hidden, last = (bias.new_empty(len(bias), n_rows, bias.shape[2]) for bias in self._biases)
        self._outputs, self._slopes, self._logits = hidden, [torch.empty_like(o) for o in hidden], last.mT.contiguous()

    def logits(self, x: Tensor, masks: Sequence[Tensor | None] = ()) -> Tensor:
        """Compute the logits of `MLPStack.forward`, of the same arguments."""
        if x.shape[1] != self._n_rows:
            self._reserve(x.shape[1])
        self._x = x
        for layer, output in enumerate(self._outputs):
            x = torch.baddbmm(self._biases[layer], x, self._weights[layer], out=output).relu_()
            if masks and (mask := masks[layer]) is not None:
                x.mul_(mask)
        return torch.baddbmm(self._biases[-1].mT, self._turned[-1], x.mT, out=self._logits).mT

    def backward(self, slope: Tensor) -> list[Tensor]:
        """Compute the gradients of the parameters from that of the logits of the last pass, ``(R, B, K)``."""
        *hidden, last = zip([self._x, *self._outputs], self._of_weights, self._of_biases, strict=True)
        rows, of_weight, of_bias = last
        torch.bmm(slope.mT, rows, out=of_weight.mT)
        torch.sum(slope, dim=1, keepdim=True, out=of_bias)
        for layer in reversed(range(len(hidden))):
            of_rows, turned, scale = self._slopes[layer], self._turned[layer + 1], self._scales[layer]
            slope = torch.baddbmm(of_rows, slope, turned, beta=0, alpha=scale, out=of_rows)
            # Zero are the rows where a mask drops them, too.
            torch.ops.aten.threshold_backward.grad_input(slope, rows, 0, grad_input=slope)
            rows, of_weight, of_bias = hidden[layer]
            torch.bmm(rows.mT, slope, out=of_weight)
            torch.sum(slope, dim=1, keepdim=True, out=of_bias)
        return self.gradients
