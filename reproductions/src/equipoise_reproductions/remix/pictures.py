"""Sets of images cut to ratios, and the network and the seven methods of the paper's Figure 6.

Size and schedule of the network are those of the authors' code: two convolutions of 32 and 64 filters, each pooled, and
a dense layer of 64. The paper turns images by "20 percent" and shifts them by .2 of each side; a turn is taken as at
most 20 degrees, as Keras reads such a number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from equipoise import datasets
from equipoise.batches import ReMix
from equipoise.datasets.home import data_home
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.images import Augment, read_images
from equipoise.networks.image_shape import check_image
from equipoise.training import Settings
from equipoise_reproductions.data import paper, rows
from equipoise_reproductions.remix import protocol
from equipoise_reproductions.remix.protocol import (
    ALPHA,
    ALPHAS,
    BASELINE,
    PAPER,
    REMIX,
    Effort,
    Method,
    Problem,
    Source,
)
from equipoise_reproductions.remix.runs import Rows

AUGMENTED = Augment(crop=0, flip=0.0, rotation=20, shift=0.2)
AUGMENT, REMIX_AUGMENT = (
    Method(name, title, {"batch_transform": ReMix(alpha=alpha, variant="authors", between=AUGMENTED)})
    for name, title, alpha in (("augment", "Augment", 0.0), ("remix-augment", "ReMix (Aug)", ALPHA))
)
SEVEN = (*(replace(m, title="ReMix (Basic)") if m is REMIX else m for m in PAPER), AUGMENT, REMIX_AUGMENT)
"""The methods of Figure 6."""

ALPHA_METHODS = tuple(protocol.remix_at(alpha) for alpha in ALPHAS)
LENGTHS = (2, 4)
"""Factors of the epochs for which some methods train longer on one cell, to show what a cut changes."""

_LONGER = (BASELINE.name, AUGMENT.name, REMIX_AUGMENT.name)
_FILTERS, _HIDDEN, _LEAST_SIDE = (32, 64), 64, 10

FILES: Mapping[str, str] = paper("remix")["image_files"]
"""Place of each set below the folder ``images`` of the data home."""


@dataclass(frozen=True)
class ImageSource(Source):
    """A set of images; at most ``most`` of those that are not cut down, drawn at random, are used."""

    most: int = 5000


SOURCES = tuple(ImageSource(**row) for row in rows("remix", "images"))


@dataclass(frozen=True)
class ImageProblem(Problem):
    """A set of images cut to a ratio."""

    @property
    def products(self) -> float:
        """Multiplications of a training row, about."""
        return float(self.source.printed[0])


def problems() -> Iterator[ImageProblem]:
    """Yield every cell of the page; a set without a ratio is used as it comes."""
    return (ImageProblem(source, ratio) for source in SOURCES for ratio in source.ratios)


def cell_of_curves() -> ImageProblem:
    """Return the cell on which alpha and longer training are tried: the first, at its middle ratio."""
    return ImageProblem(SOURCES[0], SOURCES[0].ratios[len(SOURCES[0].ratios) // 2])


def longer(epochs: int) -> list[Method]:
    """Return some methods trained for longer than so many epochs."""
    chosen = [method for method in SEVEN if method.name in _LONGER]
    return [
        replace(method, name=f"{method.name}@{factor}x", epochs=factor * epochs)
        for method in chosen
        for factor in LENGTHS
    ]


def obtainable() -> tuple[list[ImageProblem], dict[str, str]]:
    """Tell the cells whose images are at hand from those whose are not: a sentence for each set, by its title."""
    absent = {source.title: _place(source) for source in SOURCES if not _place(source).exists()}
    missing = {title: f"images/{FILES[title]} is not in the data home." for title in absent}
    return [problem for problem in problems() if problem.source.title not in absent], missing


def _place(source: Source) -> Path:
    return data_home() / "images" / FILES[source.title]


class ImageRows(Rows):
    """The images of a problem; OSError if they cannot be had."""

    def __init__(self, problem: ImageProblem) -> None:
        self.problem, source = problem, problem.source
        assert isinstance(source, ImageSource)
        pixels, labels = _images(_place(source))
        self.n_before = len(labels)
        drawn = np.random.default_rng(protocol.CV_SEED).permutation(len(labels))
        others = drawn[~np.isin(labels[drawn], source.minority)][: source.most]
        largest = np.unique(labels[others], return_counts=True)[1].max() if source.multiclass else len(others)
        cut_down = [drawn[labels[drawn] == label][:largest] for label in source.minority]
        some = np.sort(np.concatenate([others, *cut_down]))
        kept = some[:, np.newaxis]
        y = labels[some]
        if source.minority:
            rest = "keep" if source.multiclass else "merge"
            cut: dict[str, Any] = {"minority": list(source.minority), "rest": rest, "random_state": protocol.CV_SEED}
            kept, y = datasets.make_imbalance(kept, y, problem.ratio, **cut)
        self.pixels = pixels[np.asarray(kept)[:, 0]]
        self.classes, self.y = np.unique(np.asarray(y), return_inverse=True)

    @property
    def n_features(self) -> int:
        """Pixels of an image, of all channels."""
        return int(np.prod(self.pixels.shape[1:]))

    def prepared(self, fold: Fold) -> PreparedFold:
        """Return a fold as its networks see it, pixels from 0 to 1."""
        X_train, X_test = (self.pixels[part].astype(np.float32) / 255 for part in (fold.train, fold.test))
        return PreparedFold(fold, X_train, X_test, self.y[fold.train], self.y[fold.test], len(self.classes))

    def settings(self, n_rows: int, method: Method, effort: Effort) -> Settings:
        """How a method's networks are trained."""
        return replace(super().settings(n_rows, method, effort), network=PaperCNN, initialization="torch", dropout=0.0)


@lru_cache(maxsize=1)
def _images(place: Path) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Read the images that train, of a set with parts."""
    images = read_images(place)
    assert images.labels is not None
    train = np.ones(len(images.labels), dtype=bool) if images.parts is None else np.asarray(images.parts) == "train"
    return images.pixels[train], np.asarray(images.labels)[train].astype(str)


class PaperCNN(nn.Sequential):
    """The network of the paper's images, with Keras's initial weights.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of an image.
    n_classes : int
    """

    def __init__(self, shape: tuple[int, ...], n_classes: int) -> None:
        check_image("PaperCNN", shape, _LEAST_SIDE)
        first, second = _FILTERS
        height, width = (((side - 2) // 2 - 2) // 2 for side in shape[1:])
        super().__init__(
            *(nn.Conv2d(shape[0], first, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(second * height * width, _HIDDEN), nn.ReLU()),
            nn.Linear(_HIDDEN, n_classes),
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                layer.bias.data.zero_()  # type: ignore[union-attr]
