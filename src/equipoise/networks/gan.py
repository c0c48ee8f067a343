"""Generator and discriminator of SMOTified-GAN, GBO and SSG.

Sharma, Singh and Chandra, "SMOTified-GAN for class imbalanced pattern classification problems" (IEEE Access 10,
2022), with the sizes of the authors' code.
"""

from itertools import pairwise

from torch import nn

_GENERATOR, _DISCRIMINATOR = (128, 256, 512, 1024), (512, 256, 128)
_SLOPE = 0.2


class Generator(nn.Sequential):
    """Map latent rows to rows within 0 and 1: d - 128 - 256 - 512 - 1024 - d.

    Each hidden layer is linear, batch-normalised and rectified; the last is linear with a sigmoid.

    Batch normalisation needs 2 rows or more in training.

    >>> import torch
    >>> Generator(7)(torch.randn(5, 7)).shape
    torch.Size([5, 7])
    """

    def __init__(self, n_features: int) -> None:
        sizes = pairwise((n_features, *_GENERATOR))
        hidden = [layer for i, o in sizes for layer in (nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU())]
        super().__init__(*hidden, nn.Linear(_GENERATOR[-1], n_features), nn.Sigmoid())


class Discriminator(nn.Sequential):
    """Classify real (logits above 0) and synthetic rows: d - 512 - 256 - 128 - 1, leaky rectifiers of slope 0.2.

    >>> import torch
    >>> Discriminator(7)(torch.zeros(5, 7)).shape
    torch.Size([5, 1])
    """

    def __init__(self, n_features: int) -> None:
        sizes = pairwise((n_features, *_DISCRIMINATOR))
        hidden = [layer for i, o in sizes for layer in (nn.Linear(i, o), nn.LeakyReLU(_SLOPE))]
        super().__init__(*hidden, nn.Linear(_DISCRIMINATOR[-1], 1))
