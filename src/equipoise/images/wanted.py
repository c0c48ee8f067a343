"""The form that images of a source get: their channels and size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.images.decoding import Header

LARGEST_SIDE = 64
"""Longer side of the images in pixels, unless another is asked for."""


class Form(NamedTuple):
    """Channels, and height and width."""

    channels: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a longer side, or the channels, height and width that a model reads."""

    side: int | None
    shape: tuple[int, int, int] | None

    def form(self, heads: Sequence[Header]) -> Form:
        """Return the form of images with these headers."""
        channels = self.shape[0] if self.shape else 1 if all(head.grey for head in heads) else 3
        return Form(channels, self.size(np.array([(head.height, head.width) for head in heads])))

    def size(self, sides: NDArray[np.int64]) -> tuple[int, int]:
        """Height and width for images of these heights and widths."""
        if self.shape is not None:
            return self.shape[1:]
        if (sides != sides[0]).any():
            side = self.side or min(LARGEST_SIDE, int(np.median(sides.min(axis=1))))
            return side, side
        height, width = sides[0].tolist()
        longer = self.side or min(LARGEST_SIDE, max(height, width))
        scale = longer / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))
