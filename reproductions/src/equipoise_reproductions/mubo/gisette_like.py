"""A stand-in for Gisette: MNIST's fours against its nines, pixels and products of pixels, half of the columns noise.

Guyon, Gunn, Ben-Hur and Dror, "Result Analysis of the NIPS 2003 Feature Selection Challenge" (2004), and Guyon,
"Design of Experiments of the NIPS 2003 Variable Selection Benchmark" (2003): the columns are pixels of the two
digits, products of pairs of pixels that are drawn from a normal distribution slightly above the middle of the image,
and as many probes, which are such products with the values of each dealt to the rows anew.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets.dataset import Dataset
from equipoise.datasets.home import data_home as find_home
from equipoise.datasets.idx import read_images

_COLUMNS = 5000
_COUNTS = {"4": 275, "9": 2475}  # 2,750 rows, 10% of them rare
_LEVELS = 1000
_SIDE = 28
_CENTRE, _SPREAD = (12.0, 13.5), 5.0  # rows and columns of pixels; slightly above the middle
_SHOWN = 0.01  # share of the rows in which a column must not be zero

Values = NDArray[np.float32]


def gisette_like(*, data_home: str | Path | None = None, random_state: int = 0) -> Dataset:
    """Build a table like Gisette, as the MUBO paper describes its own: 2,750 rows, 5,000 columns, 10% rare.

    Parameters
    ----------
    data_home : str or Path, default=None
        Where ``images/mnist`` holds MNIST's training files, ``train-images-idx3-ubyte.gz`` and
        ``train-labels-idx1-ubyte.gz``; see `equipoise.datasets.data_home`.
    random_state : int, default=0
        Chooses rows, pairs of pixels and probes.

    Returns
    -------
    Dataset
        Columns of whole numbers from 0 to 999 in random order, the names of the probes start with "probe";
        275 rows "4" and 2,475 rows "9".

    Raises
    ------
    FileNotFoundError
        If MNIST is not in the data home.
    """
    rng = np.random.default_rng(random_state)
    folder = find_home(data_home) / "images" / "mnist"
    images, digits = read_images(folder, "train", wanted="gisette_like is built from MNIST's training images")
    rows = np.concatenate([rng.choice(np.flatnonzero(digits == int(d)), n, replace=False) for d, n in _COUNTS.items()])
    rows = rng.permutation(rows)
    X = _columns(images[rows].reshape(len(rows), -1) / np.float32(255), rng)
    y = pd.Series(digits[rows].astype(str), name="digit")
    return Dataset(
        "gisette_like",
        X,
        y,
        rare="4",
        family="mnist",
        groups=None,
        source="MNIST, 4 against 9",
        licence="CC BY-SA 3.0 (MNIST)",
        notes=("Built from MNIST as the makers of Gisette describe it.",),
    )


def _columns(pixels: Values, rng: np.random.Generator) -> pd.DataFrame:
    """Pixels, products of pixels, and as many probes, in random order."""
    n_real = _COLUMNS // 2
    shown = np.flatnonzero((pixels > 0).mean(axis=0) >= _SHOWN)
    products = _products(pixels, n_real - len(shown) + n_real, rng)
    real, probes = np.hstack([pixels[:, shown], products[:, n_real:]]), rng.permuted(products[:, :n_real], axis=0)
    names = [f"feature {i}" for i in range(n_real)] + [f"probe {i}" for i in range(n_real)]
    values = np.rint(np.hstack([real, probes]) * (_LEVELS - 1)).astype(np.int16)
    order = rng.permutation(_COLUMNS)
    return pd.DataFrame(values[:, order], columns=np.array(names)[order])


def _products(pixels: Values, n: int, rng: np.random.Generator) -> Values:
    """Products of n different pairs of pixels, each of which is not zero everywhere."""
    found: dict[tuple[int, int], Values] = {}
    while len(found) < n:
        places = np.rint(rng.normal(_CENTRE, _SPREAD, size=(2, 2))).astype(int)  # of two pixels
        if not ((places >= 0) & (places < _SIDE)).all():
            continue
        first, second = sorted((places @ [_SIDE, 1]).tolist())
        product = pixels[:, first] * pixels[:, second]
        if first != second and (product > 0).mean() >= _SHOWN:
            found[first, second] = product
    return np.column_stack(list(found.values()))
