"""`ImageReader`: the first step of a model for images, from files to bytes of one size."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from equipoise.images.decoding import BrokenImageError, decode
from equipoise.images.imageset import ImageSet
from equipoise.images.resizing import resized
from equipoise.images.sources import shown
from equipoise.images.store import digest

COLUMN = "image"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read already, as a cell of a table."""

    name: str
    pixels: NDArray[np.uint8]  # (channels, height, width), uint8

    def __str__(self) -> str:
        return digest(self.pixels)  # by which a comparison knows its data again


def picture_table(images: ImageSet) -> pd.DataFrame:
    """Return a table of one column, the images."""
    cells = [Picture(name, pixels) for name, pixels in zip(images.names, images.pixels, strict=True)]
    return pd.DataFrame({COLUMN: pd.Series(cells, dtype=object)})


class ImageReader(TransformerMixin, BaseEstimator):
    """Reads images as bytes of one size: cropped around the centre and scaled.

    Parameters
    ----------
    channels : {1, 3}, default=3
    height, width : int, default=32

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.images import ImageReader
    >>> ImageReader(channels=1, height=8, width=8).fit_transform([np.zeros((20, 30), dtype=np.uint8)]).shape
    (1, 1, 8, 8)
    """

    def __init__(self, *, channels: int = 3, height: int = 32, width: int = 32) -> None:
        self.channels = channels
        self.height = height
        self.width = width

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Count the images; there is nothing to learn, whatever the weights."""
        self.n_images_ = len(_cells(X))
        self.n_features_in_ = 1
        self.feature_names_in_ = np.array([COLUMN], dtype=object)
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Read images.

        Parameters
        ----------
        X : data frame with a column ``image``, or sequence of length n
            Paths of files, or bytes of shape (height, width) or (height, width, 3).

        Returns
        -------
        ndarray of shape (n, channels, height, width), uint8

        Raises
        ------
        ValueError
            If an image cannot be read; the message names it.
        """
        check_is_fitted(self)
        images = [self._read(cell) for cell in _cells(X)]
        return np.stack(images) if images else np.empty((0, self.channels, self.height, self.width), dtype=np.uint8)

    def _read(self, cell: Any) -> NDArray[np.uint8]:
        size = self.height, self.width
        if isinstance(cell, Picture):
            return resized(_in_channels(cell.pixels, self.channels), size)
        if isinstance(cell, np.ndarray):
            grey = cell.ndim == 2
            if cell.dtype != np.uint8 or not (grey or (cell.ndim == 3 and cell.shape[2] in (1, 3))):
                raise ValueError(
                    f"An image must be bytes (uint8) of shape (height, width) or (height, width, 3), but is "
                    f"{cell.dtype} of shape {cell.shape}."
                )
            return resized(_in_channels(cell[None] if grey else np.moveaxis(cell, -1, 0), self.channels), size)
        if not isinstance(cell, str | Path):
            raise ValueError(f"An image must be a path or an array of bytes, but is {cell!r:.80}.")
        try:
            return decode(Path(cell), size, self.channels)
        except BrokenImageError as error:
            raise ValueError(f"The image {shown(cell)} cannot be read: {error}.") from None

    def example(self) -> list[NDArray[np.uint8]]:
        """Return one image, by which a saved model is checked when it is loaded."""
        ramp = np.arange(self.height * self.width * 3, dtype=np.uint64) * 37 % 251
        return [ramp.astype(np.uint8).reshape(self.height, self.width, 3)]

    def summary(self) -> pd.DataFrame:
        """Describe the one column, as `TablePreprocessor.summary` does for tables."""
        kind = f"{'grey' if self.channels == 1 else 'RGB'}, {self.height} x {self.width} pixels (height x width)"
        row = {"column": COLUMN, "kind": kind, "missing": 0.0, "distinct": self.n_images_, "note": ""}
        return pd.DataFrame([row])

    def describe_columns(self) -> list[dict[str, Any]]:
        """Describe the one column for a model card."""
        row: Any = self.summary().drop(columns="distinct").rename(columns={"column": "name"}).to_dict("records")
        return list(row)


def _cells(X: Any) -> list[Any]:
    if isinstance(X, pd.DataFrame):
        if COLUMN not in X.columns:
            raise ValueError(f"A table of images needs a column {COLUMN!r}, but has {list(X.columns)!r:.200}.")
        return X[COLUMN].tolist()
    if isinstance(X, str | Path):
        raise ValueError(f"A list of images is needed, but a single path came: give [{str(X)!r}].")
    return list(X.ravel()) if isinstance(X, np.ndarray) and X.dtype == object else list(_iterable(X))


def _iterable(X: Any) -> Iterable[Any]:
    return X


def _in_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if len(pixels) == channels:
        return pixels
    if len(pixels) == 1:
        return np.repeat(pixels, channels, axis=0)
    red, green, blue = pixels.astype(np.uint32)
    return (((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8))[None]  # as Pillow's "L"
