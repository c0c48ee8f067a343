"""Sets of images: CIFAR-10 of lossy JPEG, and infrared images of solar modules, whole and at half their size.

Halved, they are trained on at a quarter of the time. The folder ``images`` of the data home, see
`equipoise.datasets.data_home`, holds their archives; without one it raises FileNotFoundError.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from equipoise.datasets import data_home, make_long_tail
from equipoise.images import read_images

FILES = {"infrared": "infrared_solar_modules.tar.xz", "cifar-10-lt": "cifar10_jpeg/cifar10_jpeg.tar.xz"}
FACTOR, N_PARTS = 100, 5


class Images(NamedTuple):
    """Pixels, codes by falling size of the classes, and which images are for tests."""

    pixels: NDArray[Any]  # (n, channels, height, width)
    codes: NDArray[np.int64]  # (n,)
    tested: NDArray[np.bool_]  # (n,); none where the set has no parts


@cache
def whole(name: str) -> Images:
    """Read a set of `FILES`, pixels as bytes."""
    images = read_images(data_home() / "images" / FILES[name])
    assert images.labels is not None
    places, counts = np.unique(images.labels, return_inverse=True, return_counts=True)[1:]
    tested = np.zeros(len(places), dtype=bool) if images.parts is None else images.parts == "test"
    return Images(images.pixels, np.argsort(np.argsort(-counts, kind="stable"))[places], tested)


@cache
def halved(name: str) -> Images:
    """Read a set of `FILES`; a pixel is the mean over two by two of them, from 0 to 1."""
    pixels, codes, tested = whole(name)
    n, channels, height, width = pixels.shape
    means = pixels.reshape(n, channels, height // 2, 2, width // 2, 2).mean((3, 5), dtype=np.float32) / 255
    return Images(means, codes, tested)


def missing_sets(names: Iterable[str]) -> dict[str, str]:
    """Return why sets cannot be had, by their names; those that can be had are left out."""
    missing = {}
    for name in names:
        try:
            halved(name)
        except FileNotFoundError as error:
            missing[name] = str(error)
    return missing


def sides(name: str, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the images that train and those that test in fold ``number`` of `N_PARTS`; no image tests twice.

    Of CIFAR-10 a fold draws a long tail of the training images, classes in their order, and tests on a part of the
    test images.
    """
    images = halved(name)
    drawn = StratifiedKFold(N_PARTS, shuffle=True, random_state=0)
    if not images.tested.any():
        return list(drawn.split(images.codes, images.codes))[number]
    train, test = np.flatnonzero(~images.tested), np.flatnonzero(images.tested)
    kept, _ = make_long_tail(train, images.codes[train], FACTOR, random_state=number)
    return kept, test[list(drawn.split(test, images.codes[test]))[number][1]]
