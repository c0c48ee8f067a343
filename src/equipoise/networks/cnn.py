"""`SmallCNN`: a convolutional network that trains in seconds on a CPU."""

import math
from collections.abc import Callable

from torch import nn

from equipoise.networks.image_shape import check_image

_CHANNELS, _HIDDEN, _STRIDE = (16, 32), 64, 2


class SmallCNN(nn.Sequential):
    """Two 3x3 convolutions, 16 and 32 channels, and a hidden layer of 64 units, each rectified.

    The convolutions have stride 2; pooling instead makes a step on a CPU three times as long.

    Arguments, input and output are those of `ResNet`.

    >>> import torch
    >>> SmallCNN((1, 28, 28), 10)(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 10])

    The class itself is a valid ``network``: ``NeuralClassifier(network=SmallCNN, standardize=False)``.
    """

    def __init__(self, shape: tuple[int, ...], n_classes: int, head: Callable[[int, int], nn.Module] = nn.Linear):
        check_image("SmallCNN", shape)
        height, width = (math.ceil(math.ceil(side / _STRIDE) / _STRIDE) for side in shape[1:])
        first, second = _CHANNELS
        super().__init__(
            nn.Conv2d(shape[0], first, 3, _STRIDE, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, _STRIDE, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * height * width, _HIDDEN),
            nn.ReLU(),
            head(_HIDDEN, n_classes),
        )
