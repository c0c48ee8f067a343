"""`ImageSet`: images as bytes of one size, with labels and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from equipoise.tables.finding import Finding


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one size and what is known of them.

    Attributes
    ----------
    name : str
    pixels : ndarray of shape (n, channels, height, width), uint8
        May be a memory map.
    names : tuple of str
        Path of each image within its source.
    labels : ndarray of shape (n,), or None
    groups : ndarray of shape (n,), int64, or None
        Images of one number belong together: those of one group, and those of equal pixels. None if all differ.
    grouped_by : str or None
        Column of the groups, if a table names them.
    parts : ndarray of shape (n,), or None
        "train", "val" or "test", if the source names parts.
    sides : ndarray of shape (n, 2), int64
        Height and width of each image before it was resized.
    file_bytes : ndarray of shape (n,), int64
        Size of each file; 0 for arrays.
    broken : tuple of (str, str)
        Names of files that were left out, and reasons.
    notes : tuple of str
        What was done to the images, one sentence each.
    findings : tuple of Finding
        What in them would make a model, or its figures, wrong.
    """

    name: str
    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    labels: NDArray[np.str_] | None
    groups: NDArray[np.int64] | None
    parts: NDArray[np.str_] | None
    sides: NDArray[np.int64]
    file_bytes: NDArray[np.int64]
    broken: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    grouped_by: str | None = None

    def part(self, names: Sequence[str]) -> Self:
        """Return the images of some parts."""
        assert self.parts is not None
        rows = np.flatnonzero(np.isin(self.parts, names))
        return replace(
            self,
            pixels=self.pixels[rows],
            names=tuple(self.names[row] for row in rows),
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            parts=self.parts[rows],
            sides=self.sides[rows],
            file_bytes=self.file_bytes[rows],
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width
