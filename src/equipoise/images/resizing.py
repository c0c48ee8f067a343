"""Resizing to one size: crop the centre to the wanted aspect, then weigh the pixels under each new pixel.

A new pixel is the mean of old pixels under a triangle, as wide as two new pixels when the image shrinks (anti-aliased)
and as two old pixels when it grows. Both steps are plain arithmetic, which the ONNX graph of a model repeats.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROUNDING = 0.5 + 1e-6
"""Added before the floor, so that ties round alike whatever the order of a sum."""


def crop(height: int, width: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the largest central part of an image with the aspect of another size."""
    scale = min(height / size[0], width / size[1])
    kept = [max(1, min(side, int(np.floor(scale * wanted + ROUNDING)))) for side, wanted in zip((height, width), size)]
    starts = (height - kept[0]) // 2, (width - kept[1]) // 2
    rows, columns = (slice(start, start + side) for start, side in zip(starts, kept))
    return rows, columns


@lru_cache(maxsize=1024)
def weights(side: int, wanted: int) -> NDArray[np.float64]:
    """Return the share of each old pixel in each new one, of shape (wanted, side); rows sum to 1."""
    scale = side / wanted
    centres = (np.arange(wanted) + 0.5) * scale
    distance = np.abs(np.arange(side) + 0.5 - centres[:, None]) / max(scale, 1.0)
    share = np.maximum(1.0 - distance, 0.0)
    return share / share.sum(axis=1, keepdims=True)


def resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Crop and scale one image of bytes.

    >>> resized(np.array([[[0, 100], [200, 100]]], dtype=np.uint8), (1, 1)).tolist()
    [[[100]]]
    """
    if pixels.shape[1:] == size:
        return pixels
    rows, columns = crop(pixels.shape[1], pixels.shape[2], size)
    part = pixels[:, rows, columns].astype(np.float64)
    if part.shape[1:] == size:
        return part.astype(np.uint8)
    scaled = weights(part.shape[1], size[0]) @ part @ weights(part.shape[2], size[1]).T
    return np.floor(scaled + ROUNDING).astype(np.uint8)
