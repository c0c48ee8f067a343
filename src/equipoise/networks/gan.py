"""The generator and the discriminator of SMOTified-GAN, which GBO and SSG share.

Sharma, Singh and Chandra, "SMOTified-GAN for class imbalanced pattern classification problems" (IEEE Access 10,
2022), in the sizes of its authors' code.
"""

from itertools import pairwise

from torch import nn

_GENERATOR, _DISCRIMINATOR = (128, 256, 512, 1024), (512, 256, 128)
_SLOPE = 0.2


class Generator(nn.Sequential):
    """Map latent rows to rows within 0 and 1: d - 128 - 256 - 512 - 1024 - d.

    Each hidden layer is linear, batch-normalised and rectified; the last is linear with a sigmoid. Weights are drawn
    as torch does.

    Parameters
    ----------
    n_features : int
        d, the width of the latent rows too.

    **Shape**

    - input ``(B, d)``, with ``B`` at least 2 in training mode, where a row depends on the others
    - output ``(B, d)``

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks.gan import Generator
    >>> Generator(7)(torch.randn(5, 7)).shape
    torch.Size([5, 7])
    """

    def __init__(self, n_features: int) -> None:
        sizes = pairwise((n_features, *_GENERATOR))
        hidden = [layer for i, o in sizes for layer in (nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU())]
        super().__init__(*hidden, nn.Linear(_GENERATOR[-1], n_features), nn.Sigmoid())


class Discriminator(nn.Sequential):
    """Distinguish real rows (logits above 0) from synthetic ones: d - 512 - 256 - 128 - 1, leaky rectifiers (0.2).

    Parameters
    ----------
    n_features : int
        d.

    **Shape**

    - input ``(B, d)``
    - output, logits ``(B, 1)``; a row's does not depend on the others

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks.gan import Discriminator
    >>> Discriminator(7)(torch.zeros(5, 7)).shape
    torch.Size([5, 1])
    """

    def __init__(self, n_features: int) -> None:
        sizes = pairwise((n_features, *_DISCRIMINATOR))
        hidden = [layer for i, o in sizes for layer in (nn.Linear(i, o), nn.LeakyReLU(_SLOPE))]
        super().__init__(*hidden, nn.Linear(_DISCRIMINATOR[-1], 1))
