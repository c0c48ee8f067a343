"""`ResNet`: the residual networks for small images of He, Zhang, Ren and Sun.

"Deep Residual Learning for Image Recognition" (CVPR 2016), section 4.2: three groups of n blocks of two 3x3
convolutions, with 16, 32 and 64 channels, 6n + 2 layers. Shortcuts have no parameters (their option A): where a group
begins, every other pixel is taken, and channels of zeros are added. 32 layers are the usual network of long-tailed
CIFAR (Cao et al. 2019).
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from equipoise.networks.image_shape import check_image

_WIDTHS = (16, 32, 64)


class ResNet(nn.Module):
    """A residual network for images of about 32 x 32 pixels.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of an image.
    n_classes : int
    depth : int, default=32
        Number of layers with weights: 6n + 2, as 20, 32, 44, 56 and 110.
    head : callable, default=nn.Linear
        Constructor of the last layer, ``nn.Linear`` or ``partial(CosineLinear, scale=30)``.

    **Shape**

    - input ``(B, *shape)``
    - output, logits ``(B, n_classes)``

    Raises
    ------
    ValueError
        If the depth is not 6n + 2, or a row is no image.

    References
    ----------
    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.

    Examples
    --------
    >>> import torch
    >>> from equipoise.networks import ResNet
    >>> net = ResNet((3, 32, 32), 10)
    >>> net(torch.zeros(2, 3, 32, 32)).shape, sum(p.numel() for p in net.parameters())
    (torch.Size([2, 10]), 464154)
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        *,
        depth: int = 32,
        head: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        check_image(type(self).__name__, shape)
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"depth must be 6n + 2, as 20 or 32, but depth={depth!r}.")
        width = _WIDTHS[0]
        first = nn.Conv2d(shape[0], width, 3, padding=1, bias=False)
        layers: list[nn.Module] = [first, nn.BatchNorm2d(width), nn.ReLU()]
        for group, wider in enumerate(_WIDTHS):
            for block in range(blocks):
                layers.append(_Block(width, wider, stride=2 if group and not block else 1))
                width = wider
        self.layers = nn.Sequential(*layers)
        self.head = head(width, n_classes)
        for layer in self.layers.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, *shape)`` to logits ``(B, n_classes)``."""
        return self.head(self.layers(x).mean(dim=(2, 3)))


class _Block(nn.Module):
    def __init__(self, width: int, wider: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, wider, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(),
            nn.Conv2d(wider, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider),
        )
        self.stride, self.more = stride, wider - width

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x
        if self.more:
            shortcut = functional.pad(shortcut, [0, 0, 0, 0, self.more // 2, self.more - self.more // 2])
        return functional.relu(self.layers(x) + shortcut)


resnet32 = partial(ResNet, depth=32)
"""The `ResNet` of 32 layers."""
