"""Grouped images: objects whose background agrees with their class in most training images.

The idea of Waterbirds (Sagawa, Koh, Hashimoto and Liang, "Distributionally Robust Neural Networks for Group Shifts",
ICLR 2020), from images that anyone has: a network that reads the background is right on most training images, and wrong
on the images of the small groups.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_digits
from sklearn.utils import check_consistent_length, check_random_state

_HUES = np.array([[0.9, 0.35, 0.2], [0.2, 0.45, 0.9], [0.3, 0.8, 0.3], [0.8, 0.75, 0.2]])
_PERIOD = 4.0  # pixels of a stripe and the next


class GroupedImages(NamedTuple):
    """Images with their classes and groups.

    Attributes
    ----------
    X : ndarray of shape (n, 3, height, width), uint8
    y : ndarray of shape (n,)
        Classes.
    group : ndarray of shape (n,), int
        Background of each image.
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    group: NDArray[np.int64]


def make_grouped_images(
    images: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    agreement: float = 0.95,
    n_groups: int = 2,
    background: Literal["colour", "texture"] = "colour",
    random_state: int | np.random.RandomState | None = None,
) -> GroupedImages:
    """Put objects on backgrounds that agree with their class.

    Parameters
    ----------
    images : array-like of shape (n, height, width), (n, 1, height, width) or (n, 3, height, width), optional
        Bytes, such as CIFAR-10's. In grey images the ink is the object; of colour images it is an ellipse in the
        middle. By default scikit-learn's digits, of 16 x 16 pixels; no download is needed.
    y : array-like of shape (n,), int, optional
        Class codes. By default, with the digits, 0 for digits below five and 1 for the others.
    agreement : float, default=0.95
        Share of the images of each class k whose background is ``k % n_groups``; the others have another one. Take it
        for training images, and ``1 / n_groups`` for test images, whose background then tells nothing.
    n_groups : int, default=2
        Number of backgrounds, 2 to 4.
    background : {"colour", "texture"}, default="colour"
        A hue for each group, or stripes of a direction for each.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    GroupedImages

    Raises
    ------
    ValueError
        If a parameter or a shape is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.datasets import make_grouped_images
    >>> X, y, group = make_grouped_images(random_state=0)
    >>> X.shape, X.dtype
    ((1797, 3, 16, 16), dtype('uint8'))
    >>> round(float(np.mean(group == y)), 2)
    0.95
    """
    pixels, codes = _objects(images, y)
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement must be a share from 0 to 1, but agreement={agreement!r}.")
    if n_groups not in range(2, len(_HUES) + 1):
        raise ValueError(f"n_groups must be 2 to {len(_HUES)}, but n_groups={n_groups!r}.")
    if background not in ("colour", "texture"):
        raise ValueError(f"background must be 'colour' or 'texture', but background={background!r}.")
    rng = check_random_state(random_state)
    group = _groups(codes, agreement, n_groups, rng)
    behind = (_colours if background == "colour" else _stripes)(group, n_groups, pixels.shape[2:], rng)
    share = pixels if pixels.shape[1] == 1 else _ellipse(pixels.shape[2:])
    mixed = share * pixels + (1 - share) * behind
    return GroupedImages(np.round(255 * mixed).astype(np.uint8), codes, group)


def _objects(images: ArrayLike | None, y: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return pixels from 0 to 1, of shape (n, 1 or 3, height, width), and class codes."""
    if (images is None) != (y is None):
        raise ValueError("images and y come together: give both, or neither for scikit-learn's digits.")
    if images is None or y is None:
        digits = load_digits()
        return np.kron(digits.images / 16, np.ones((2, 2)))[:, np.newaxis], (digits.target >= 5).astype(np.int64)
    pixels, codes = np.asarray(images), np.asarray(y)
    check_consistent_length(pixels, codes)
    pixels = pixels[:, np.newaxis] if pixels.ndim == 3 else pixels
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"images must be bytes of shape (n, height, width), (n, 1, height, width) or (n, 3, height, width), but "
            f"they are {pixels.dtype} of shape {np.shape(images)}."
        )
    if codes.dtype.kind not in "iu":
        raise ValueError(f"y must hold class codes, which are integers, but its dtype is {codes.dtype}.")
    return pixels / 255, codes.astype(np.int64)


def _groups(codes: NDArray[np.int64], agreement: float, n_groups: int, rng: np.random.RandomState) -> NDArray[np.int64]:
    """Draw backgrounds, with the exact share of agreement in each class."""
    group = codes % n_groups
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        odd = rng.permutation(rows)[: len(rows) - round(agreement * len(rows))]
        group[odd] = (code + 1 + rng.randint(n_groups - 1, size=len(odd))) % n_groups
    return group


def _colours(
    group: NDArray[np.int64], n_groups: int, shape: tuple[int, ...], rng: np.random.RandomState
) -> NDArray[np.float64]:
    hues = _HUES[group] + rng.uniform(-0.1, 0.1, size=(len(group), 3))
    return np.broadcast_to(hues[:, :, np.newaxis, np.newaxis].clip(0, 1), (len(group), 3, *shape))


def _stripes(
    group: NDArray[np.int64], n_groups: int, shape: tuple[int, ...], rng: np.random.RandomState
) -> NDArray[np.float64]:
    """Draw grey stripes of a direction for each group, with a phase and two shades for each image."""
    down, along = np.indices(shape)
    angle = (np.pi * group / n_groups)[:, np.newaxis, np.newaxis]
    phase = rng.uniform(0, 2 * np.pi, size=(len(group), 1, 1))
    waves = np.sin(2 * np.pi * (along * np.cos(angle) + down * np.sin(angle)) / _PERIOD + phase)
    dark, light = rng.uniform([[0.1], [0.4]], [[0.3], [0.6]], size=(2, len(group)))[..., np.newaxis, np.newaxis]
    grey = dark + (light - dark) * (waves > 0)
    return np.repeat(grey[:, np.newaxis], 3, axis=1)


def _ellipse(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Share of the object in each pixel: 1 in an ellipse of two thirds of the sides, 0 outside, soft between."""
    down, along = ((np.arange(side) + 0.5 - side / 2) / (side / 3) for side in shape)
    distance = np.hypot(down[:, np.newaxis], along[np.newaxis])
    return ((1.15 - distance) / 0.3).clip(0, 1)
