"""The sets of the comparison suite, as a study takes them."""

from collections.abc import Callable
from functools import partial

from equipoise import datasets
from equipoise.datasets import Dataset


def loaders() -> dict[str, Callable[[], Dataset]]:
    """Return what loads each set of the suite."""
    return {name: partial(datasets.load, name) for name in datasets.suite()}
