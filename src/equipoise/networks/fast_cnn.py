"""`FastCNN`: a wide, shallow network that trains in a few epochs.

Built from the description of airbench in Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (arXiv 2404.00498):
a first convolution that whitens patches of the images and is not trained, three groups of two convolutions that start
as identities, and batch norms whose biases learn 64 times as fast. Wide layers use the matrix units of a processor:
of networks with equally many operations, this one trains three times as fast as a `ResNet`.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from equipoise.networks.image_shape import check_image

_BIAS_FACTOR = 8.0  # a bias that is stored so much smaller learns 8 * 8 times as fast, by plain gradient steps
_MOMENTUM, _EPS = 0.4, 1e-5
_WHITENING_EPS = 8e-3  # added to eigenvalues, for standardised pixels
_OUTPUT = 1 / 9
_IMAGES_AT_ONCE = 128  # whose patches are held: twelve float64 for each pixel
_LEAST_SIDE = 4  # of feature maps that are pooled


class FastCNN(nn.Module):
    """A convolutional network for small images that trains in a few epochs of SGD with Nesterov momentum.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of an image.
    n_classes : int
    widths : sequence of int, default=(64, 256, 256)
        Channels of the three groups; (32, 128, 128) trains about 2.5 times as fast.
    head : callable, optional
        Constructor of the last layer; by default linear, without bias, divided by 9.

    **Shape**

    - input ``(B, *shape)``, standardised
    - output, logits ``(B, n_classes)``

    Raises
    ------
    ValueError
        If a row is no image, or smaller than 4 x 4 pixels.

    Notes
    -----
    `start_from` sets the first convolution from images; the trainer of this package calls it. Without, the convolution
    keeps random weights.

    References
    ----------
    Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498.

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks import FastCNN
    >>> FastCNN((1, 28, 28), 10)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        *,
        widths: Sequence[int] = (64, 256, 256),
        head: Callable[[int, int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        check_image(type(self).__name__, shape, _LEAST_SIDE)
        self.patch = 2 if shape[0] > 1 else 3
        n_filters = 2 * shape[0] * self.patch**2
        whitening = torch.randn(n_filters // 2, shape[0], self.patch, self.patch) / (self.patch * math.sqrt(shape[0]))
        self.register_buffer("whitening", torch.cat([whitening, -whitening]))
        self.whitening_bias = nn.Parameter(torch.zeros(n_filters))
        side, groups = min(shape[1:]) - self.patch + 1, []
        for before, width in zip((n_filters, *widths), widths, strict=False):
            pooled = side >= _LEAST_SIDE
            groups.append(_Group(before, width, pooled=pooled))
            side = side // 2 if pooled else side
        self.groups = nn.Sequential(*groups)
        self.factor = 1.0 if head else _OUTPUT
        self.head = head(widths[-1], n_classes) if head else nn.Linear(widths[-1], n_classes, bias=False)

    whitening: Tensor

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Set the first convolution to the whitening of patches, from images ``(n, *shape)`` as the network reads them.

        Filters are the eigenvectors of the patches' covariance, divided by the root of their eigenvalues, and their
        negatives.
        """
        products, n_patches = x.new_zeros((), dtype=torch.float64), 0
        for part in x.split(_IMAGES_AT_ONCE):
            patches = functional.unfold(part.double(), self.patch)
            products = products + (patches @ patches.mT).sum(dim=0)
            n_patches += len(patches) * patches.shape[2]
        values, vectors = torch.linalg.eigh(products / n_patches)
        signs = vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # an eigenvector has either sign
        filters = ((vectors * signs) / (values.clamp(min=0) + _WHITENING_EPS).sqrt()).T.flip(0)
        filters = filters.reshape(-1, *self.whitening.shape[1:])
        self.whitening.copy_(torch.cat([filters, -filters]))

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, *shape)`` to logits ``(B, n_classes)``."""
        x = functional.relu(functional.conv2d(x, self.whitening.to(x.dtype), self.whitening_bias))
        return self.head(self.groups(x).amax(dim=(2, 3))) * self.factor


class _Group(nn.Module):
    def __init__(self, before: int, width: int, *, pooled: bool) -> None:
        super().__init__()
        self.first, self.second = _identity_conv(before, width), _identity_conv(width, width)
        self.first_norm, self.second_norm = _FastBiasNorm(width), _FastBiasNorm(width)
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = functional.relu(self.first_norm(functional.max_pool2d(x, 2) if self.pooled else x))
        return functional.relu(self.second_norm(self.second(x)))


def _identity_conv(before: int, width: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, width, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:before])
    return layer


class _FastBiasNorm(nn.Module):
    """Batch norm without scale, whose bias learns fast."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        bias = _BIAS_FACTOR * self.bias
        return functional.batch_norm(
            x, self.running_mean, self.running_var, torch.ones_like(bias), bias, self.training, _MOMENTUM, _EPS
        )
