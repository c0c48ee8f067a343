"""Long tails of images for augmentation by class, classes by falling size, and the stage that each is trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from equipoise.datasets import make_long_tail
from equipoise.networks.cnn import SmallCNN
from equipoise_reproductions.augmentation.policies import OFTEN
from equipoise_reproductions.augmentation.training import Net, Rows, Training
from equipoise_reproductions.image_sets import halved, sides

Parts = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]

DIGITS_FACTOR = 30


@dataclass(frozen=True)
class Tail:
    """A long tail, and how it is trained on.

    Attributes
    ----------
    read : callable
        ``seed -> X, y, X_test, y_test``; FileNotFoundError where the images cannot be had.
    n_steps : int
        Of a plain training.
    network : callable
        ``(shape, n_classes) -> module``.
    search : mapping
        Parameters of `AutoBalance` in place of its defaults.
    """

    read: Callable[[int], Parts]
    n_steps: int
    network: Callable[[tuple[int, ...], int], nn.Module]
    search: Mapping[str, Any] = field(default_factory=dict)

    def training(self, seed: int, n_steps: int) -> tuple[Training, Rows]:
        """Return a training on the tail of a seed, and test images and classes."""
        X, y, X_test, y_test = (torch.from_numpy(part) for part in self.read(seed))
        shape = tuple(X.shape[1:])
        training = Training((X, y), n_steps, seed, lambda n_classes: self.network(shape, n_classes), search=self.search)
        return training, (X_test, y_test)


def _digits(seed: int) -> Parts:
    """Scikit-learn's digits; which class is how rare is drawn by the seed."""
    rng = np.random.RandomState(seed)
    images, codes = load_digits(return_X_y=True)
    pixels = images.reshape(-1, 1, 8, 8).astype(np.float32) / 16
    X, X_test, y, y_test = train_test_split(pixels, codes, test_size=0.4, stratify=codes, random_state=rng)
    order = rng.permutation(10)  # place of each class in the tail
    X, y = make_long_tail(X, order[y], DIGITS_FACTOR, random_state=rng)
    return X, y, X_test, order[y_test]


def _halved(name: str) -> Callable[[int], Parts]:
    """Halved images in the fold of the seed's number, each channel of mean 0 and deviation 1 in training."""

    def read(seed: int) -> Parts:
        (pixels, codes, _), (train, test) = halved(name), sides(name, seed)
        X = pixels[train]
        mean, deviation = X.mean((0, 2, 3), keepdims=True), X.std((0, 2, 3), keepdims=True)
        return (X - mean) / deviation, codes[train], (pixels[test] - mean) / deviation, codes[test]

    return read


SETS = {
    "digits": Tail(_digits, 200, lambda shape, n_classes: Net(n_classes), OFTEN),
    "infrared": Tail(_halved("infrared"), 450, SmallCNN),
    "cifar-10-lt": Tail(_halved("cifar-10-lt"), 450, SmallCNN),
}
