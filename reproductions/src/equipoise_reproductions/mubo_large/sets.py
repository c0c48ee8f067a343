"""The tables: seven real ones and a generated one, in which the rows worth training on are known."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from equipoise import datasets
from equipoise.datasets import Dataset
from equipoise.datasets.home import data_home
from equipoise_reproductions.autobalance.adult import adult

GENERATED = "rare_events"
_N_GENERATED = 1_000_000
_NAMED = ("credit_default", "connect4", "shuttle", "coil2000", "seizure")


def loaders() -> dict[str, Callable[[], Dataset]]:
    """Return what loads each table."""
    named: dict[str, Callable[[], Dataset]] = {name: partial(datasets.load, name) for name in _NAMED}
    return named | {"adult": _adult, "donors": _donors, GENERATED: partial(generated, _N_GENERATED)}


def generated(n_rows: int) -> Dataset:
    """Generate rare events, 0.05% of the rows."""
    X, y, _ = datasets.make_rare_events(n_rows, random_state=0)
    return _dataset(GENERATED, X, y, "generated", "none")


def _adult() -> Dataset:
    return replace(adult(), groups=None)


def _donors() -> Dataset:
    path = data_home(None) / "large" / "donors.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"donors is read from ADBench's arrays, but {path} cannot be found: save 11_donors.npz there by that name."
        )
    with np.load(path) as arrays:
        return _dataset("donors", arrays["X"].astype(np.float32), arrays["y"], "KDD Cup 2014, ADBench", "see source")


def _dataset(name: str, X: np.ndarray, y: np.ndarray, source: str, licence: str) -> Dataset:
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    return Dataset(name, frame, pd.Series(y, name="target"), 1, name, None, source, licence, ())
