"""Views of an image whose mean probability is the prediction: the image, its mirror image, both shifted by a pixel."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

VIEWS = (1, 2, 6)
"""Numbers of views: the image; also its mirror image; also both shifted by a pixel, down and right, and up and left."""

_IMAGES = 4  # axes of a batch of images


class View(NamedTuple):
    """Which pixels of an image a view shows, and its weight in the mean."""

    weight: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def placed_views(height: int, width: int, number: int) -> Iterator[View]:
    """Pass over the views of images of a size; weights have sum 1.

    Shifted views have half of the weight, so that the images as they are count most. Pixels beyond the border are those
    of the reflected image.
    """
    shifts = {0: 0.25, -1: 0.125, 1: 0.125} if number == VIEWS[-1] else {0: 1 / number}
    for mirrored in (False, True)[:number]:
        for shift, weight in shifts.items():
            columns = _shifted(width, shift)
            yield View(weight, _shifted(height, shift), width - 1 - columns if mirrored else columns)


def _shifted(side: int, shift: int) -> NDArray[np.int64]:
    places = np.abs(np.arange(side) + shift)
    return np.where(places < side, places, 2 * (side - 1) - places).clip(0)


def views(rows: NDArray[Any], number: int) -> Iterator[tuple[float, NDArray[Any]]]:
    """Pass over the views of images ``(n, channels, height, width)``, each after its weight.

    A single view is of rows of any shape.

    Raises ValueError if several views are asked for of rows that are no images.
    """
    if number == 1:
        yield 1.0, rows
        return
    if rows.ndim != _IMAGES:
        raise ValueError(f"views={number} is for images (n, channels, height, width), but X has shape {rows.shape}.")
    height, width = rows.shape[2:]
    for view in placed_views(height, width, number):
        yield view.weight, np.ascontiguousarray(rows[:, :, view.rows[:, None], view.columns])
