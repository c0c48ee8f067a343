"""Heads with cosines between features and class weights as logits, for losses with margins.

Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (NeurIPS 2019), section 4,
after Wang et al., "NormFace" (ACM Multimedia 2017). Cosines ignore the norms of features and weights, by which
networks favour majority classes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from equipoise.networks.mlp import MLPStack

SCALE = 30.0  # s of the authors
LEAST_NORM = 1e-12


def cosines(x: Tensor, weight: Tensor) -> Tensor:
    """Cosines ``(..., B, K)`` between rows ``(..., B, n)`` and columns ``(..., n, K)``; 0 with a vector of zeros."""
    norms = vector_norm(x, dim=-1, keepdim=True), vector_norm(weight, dim=-2, keepdim=True)
    return x @ weight / (norms[0].clamp(min=LEAST_NORM) * norms[1].clamp(min=LEAST_NORM))


class CosineLinear(nn.Module):
    """Last layer of scaled cosines between features and class weights.

    Parameters
    ----------
    in_features, out_features : int
        Widths of the features, and number of classes.
    scale : float, default=1.0
        Use 1 for a loss that scales the cosines itself, such as ``LDAMLoss(class_counts)``, and a larger one, such as
        30, for logits with a softmax; see the notes of `equipoise.LDAMLoss`.

    **Shape**

    - input ``(..., in_features)``
    - output ``(..., out_features)``, from -scale to scale

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks import CosineLinear
    >>> network = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), CosineLinear(64, 10))
    >>> network(torch.randn(8, 20)).shape
    torch.Size([8, 10])
    """

    def __init__(self, in_features: int, out_features: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.scale = scale
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, as in ``nn.Linear``."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Scaled cosines of features."""
        return self.scale * cosines(x, self.weight.mT)


class CosineMLPStack(MLPStack):
    """R multi-layer perceptrons with logits of 30 times the cosines of `CosineLinear`.

    The last layer has no bias; otherwise as `MLPStack`.

    Attributes
    ----------
    scale : Tensor of shape (R, 1, 1)
    """

    scale: Tensor

    def __init__(self, layer_sizes: Sequence[int], n_replicas: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(layer_sizes, n_replicas, dtype)
        self.biases = self.biases[:-1]
        self.register_buffer("scale", torch.full((n_replicas, 1, 1), SCALE, dtype=dtype))

    def _logits(self, x: Tensor) -> Tensor:
        return self.scale * cosines(x, self.weights[-1])
