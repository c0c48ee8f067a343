"""`TrainingPass`: forward and backward pass of a stack of perceptrons, without autograd."""

from collections.abc import Sequence

import torch
from torch import Tensor

from equipoise.networks.mlp import MLPStack

_where_positive = torch.ops.aten.threshold_backward.grad_input


class TrainingPass:
    """Forward and backward pass of a stack of perceptrons, written out.

    Autograd takes longer than the products of a small network. Activations and gradients lie in buffers that are kept
    from step to step: what a pass returns is valid until the next one. Logits lie class by class in memory, as the last
    weights do: products with few columns, and a softmax over few neighbours, take up to seven times as long.

    The stack's parameters must stay the same tensors; their values may change. ``gradients`` are in their order. The
    scales of dropout masks follow from ``rates``, those of the hidden layers; without rates there are no masks.
    """

    def __init__(self, stack: MLPStack, rates: Sequence[float] = ()) -> None:
        self._weights, self._biases = ([p.detach() for p in values] for values in (stack.weights, stack.biases))
        self._turned, self._last_bias = [weight.mT for weight in self._weights], self._biases[-1].mT
        self._scales = [1.0 / (1.0 - rate) for rate in rates] or [1.0] * len(self._weights[1:])
        of_weights, of_biases = ([torch.empty_like(p) for p in values] for values in (self._weights, self._biases))
        self.gradients = [*of_weights, *of_biases]
        self._of_weights, self._of_biases, self._of_last = of_weights, of_biases, of_weights[-1].mT
        self._reserve(0)

    def _reserve(self, n_rows: int) -> None:
        self._n_rows = n_rows
        *hidden, last = (bias.new_empty(len(bias), n_rows, bias.shape[2]) for bias in self._biases)
        self._outputs, self._turned_outputs = hidden, [output.mT for output in hidden]
        self._slopes, self._turned_logits = [torch.empty_like(output) for output in hidden], last.mT.contiguous()
        self._logits = self._turned_logits.mT
        self._ones = last.new_ones(len(last), 1, n_rows)

    def logits(self, x: Tensor, masks: Sequence[Tensor | None] = ()) -> Tensor:
        """Compute the logits of `MLPStack.forward`, of the same arguments."""
        if x.shape[1] != self._n_rows:
            self._reserve(x.shape[1])
        self._x = x
        for layer, output in enumerate(self._outputs):
            x = torch.baddbmm(self._biases[layer], x, self._weights[layer], out=output).relu_()
            if masks and (mask := masks[layer]) is not None:
                x.mul_(mask)
        turned = self._turned_outputs[-1] if self._outputs else x.mT
        torch.baddbmm(self._last_bias, self._turned[-1], turned, out=self._turned_logits)
        return self._logits

    def backward(self, slope: Tensor, share: float = 1.0) -> list[Tensor]:
        """Compute the gradients of the parameters from that of the logits of the last pass, ``(R, B, K)``.

        They are multiplied by ``share``.
        """
        _multiply(slope.mT, self._outputs[-1] if self._outputs else self._x, share, self._of_last)
        _multiply(self._ones, slope, share, self._of_biases[-1])
        for layer in reversed(range(len(self._outputs))):
            scale, share = self._scales[layer] * share, 1.0
            slope = _multiply(slope, self._turned[layer + 1], scale, self._slopes[layer])
            _where_positive(slope, self._outputs[layer], 0, grad_input=slope)  # what a mask drops is zero, too
            turned = self._turned_outputs[layer - 1] if layer else self._x.mT
            torch.bmm(turned, slope, out=self._of_weights[layer])
            torch.bmm(self._ones, slope, out=self._of_biases[layer])
        return self.gradients


def _multiply(left: Tensor, right: Tensor, factor: float, out: Tensor) -> Tensor:
    return torch.baddbmm(out, left, right, beta=0, alpha=factor, out=out)
