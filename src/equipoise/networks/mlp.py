"""`MLPStack`: R multi-layer perceptrons of one shape, one batched product a layer."""

import math
from collections.abc import Sequence
from itertools import pairwise, zip_longest

import torch
from torch import Tensor, nn


class MLPStack(nn.Module):
    """R multi-layer perceptrons with rectified hidden layers, trained as one.

    Layer ``i`` of all replicas is one weight of shape ``(R, n_in, n_out)`` and one bias of shape ``(R, 1, n_out)``,
    applied by one ``baddbmm``.

    Parameters
    ----------
    layer_sizes : sequence of int
        Width of the input, of each hidden layer and of the output (the number of classes).
    n_replicas : int
        R, the number of networks.
    dtype : torch.dtype, default=torch.float32

    **Shape**

    - input ``(R, B, layer_sizes[0])``
    - output (logits) ``(R, B, layer_sizes[-1])``

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks import MLPStack
    >>> stack = MLPStack([10, 32, 3], n_replicas=5)
    >>> stack(torch.zeros(5, 8, 10)).shape
    torch.Size([5, 8, 3])
    """

    def __init__(self, layer_sizes: Sequence[int], n_replicas: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.layer_sizes = tuple(layer_sizes)
        *hidden, last = pairs = list(pairwise(self.layer_sizes))
        weights = [torch.zeros(n_replicas, i, o, dtype=dtype) for i, o in hidden]
        weights.append(torch.zeros(n_replicas, *reversed(last), dtype=dtype).mT)  # products of few columns are slow
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(torch.zeros(n_replicas, 1, o, dtype=dtype) for _, o in pairs)

    @torch.no_grad()
    def reset_replica(
        self, replica: int, n_features: int, n_classes: int, generator: torch.Generator, *, glorot: bool = False
    ) -> None:
        """Draw the weights of one replica for its own numbers of features and classes.

        As in ``nn.Linear``; with ``glorot``, weights are uniform within ``sqrt(6 / (n_in + n_out))`` (Glorot and Bengio
        2010, equation 16) and biases zero. A replica narrower than the stack uses the first rows of the first weight
        and the first columns of the last, and the rest is zero: it starts as it would alone.
        """
        sizes = (n_features, *self.layer_sizes[1:-1], n_classes)
        layers = zip_longest(self.weights, self.biases)
        for (weight, bias), n_in, n_out in zip(layers, sizes[:-1], sizes[1:], strict=True):
            bound = math.sqrt(6.0 / (n_in + n_out)) if glorot else 1.0 / math.sqrt(n_in)
            draw = torch.empty(n_in + 1, n_out, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
            weight[replica, :n_in, :n_out] = draw[:-1].to(weight)
            if bias is not None:
                bias[replica, 0, :n_out] = 0.0 if glorot else draw[-1].to(bias)

    def forward(self, x: Tensor, masks: Sequence[Tensor | None] = ()) -> Tensor:
        """Compute the logits of each replica on its own rows.

        Parameters
        ----------
        x : Tensor of shape (R, B, n_features)
        masks : sequence of Tensor of shape (R, B, width of the hidden layer), or None
            Dropout masks, 0 or ``1 / (1 - p)``, of the hidden layers; empty outside training.

        Returns
        -------
        Tensor of shape (R, B, n_classes)
        """
        for layer, (weight, bias) in enumerate(zip(list(self.weights)[:-1], self.biases, strict=False)):
            x = torch.baddbmm(bias, x, weight).relu_()
            x = x if not masks or (mask := masks[layer]) is None else x * mask
        return self._logits(x)

    def _logits(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])
