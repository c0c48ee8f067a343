"""Fashion-MNIST-LT: ten kinds of clothing, their training images cut to a long tail, and a small CNN.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms" (2017,
arXiv 1708.07747); made as CIFAR10-LT is. A run is one seed: it draws which class is how rare, which images of it
train, and each network's initial weights. The test images are always all 10,000.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from equipoise.experiments.grid import PreparedFold, fit_cell
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.datasets.home import data_home as find_home
from equipoise.datasets.idx import read_images
from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell, Store
from equipoise.experiments.study import open_store
from equipoise_reproductions.autobalance.arms import IMAGES
from equipoise_reproductions.autobalance.tails import long_tailed
from equipoise_reproductions.suite import Arm, Effort, OnProgress

NAME = "fashion_mnist"
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FULL = Effort(n_folds=3, n_members=1, most_rows=60_000, most_steps=1500)
QUICK = Effort(n_folds=2, n_members=1, most_rows=2000, most_steps=30, quick=True)

_SYMBOLS = {"offset": "l", "delta": "delta"}  # the paper's, in what is stored and shown

Pixels = NDArray[np.uint8]
Codes = NDArray[np.int64]


def fashion_mnist(*, data_home: str | Path | None = None) -> tuple[Pixels, Codes, int]:
    """Read Fashion-MNIST.

    Parameters
    ----------
    data_home : str or Path, default=None
        Whose folder ``images/fashion_mnist`` holds the four files of github.com/zalandoresearch/fashion-mnist; see
        `equipoise.datasets.data_home`.

    Returns
    -------
    images : ndarray of shape (70000, 1, 28, 28)
        Those to train on first.
    codes : ndarray of shape (70000,)
        Positions in `CLASSES`.
    n_train : int

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    """
    folder = find_home(data_home) / "images" / "fashion_mnist"
    wanted = "Fashion-MNIST is read from the files of github.com/zalandoresearch/fashion-mnist"
    sides = [read_images(folder, part, wanted=wanted) for part in ("train", "t10k")]
    images, codes = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    return images[:, np.newaxis], codes.astype(np.int64), len(sides[0][1])


def run_images(folder: Path, effort: Effort, on_progress: OnProgress) -> None:
    """Run the arms on long-tailed images, a fold a seed, and keep what loss was chosen."""
    images, codes, n_train = fashion_mnist()
    with open_store(folder, NAME, effort) as store:
        for fold in _folds(codes, n_train, effort):
            store.add_fold(fold, codes, len(CLASSES))
            sides = _sides(images, codes, fold)
            for arm in IMAGES:
                if (arm.name, 0, fold.number) not in store.done():
                    _run(arm, sides, effort, store)
                on_progress("training", len(store.done()), len(IMAGES) * effort.n_folds)


def _folds(codes: Codes, n_train: int, effort: Effort) -> Iterator[Fold]:
    train, test = np.arange(min(n_train, effort.most_rows)), np.arange(n_train, len(codes))
    return long_tailed((Fold(0, seed, train, test, seed) for seed in range(effort.n_folds)), codes)


def _sides(images: Pixels, codes: Codes, fold: Fold) -> PreparedFold:
    """Bring pixels to mean 0 and deviation 1 over the training images."""
    seen = images[fold.train]
    X_train, X_test = (((side - seen.mean()) / seen.std()).astype(np.float32) for side in (seen, images[fold.test]))
    return PreparedFold(fold, X_train, X_test, codes[fold.train], codes[fold.test], len(CLASSES))


def _run(arm: Arm, sides: PreparedFold, effort: Effort, store: Store) -> None:
    model = arm.make(sides.fold.seed, effort.n_members, effort.most_steps)
    cell = fit_cell(arm.name, model, sides)
    store.put(_key(cell), _chosen(model))
    store.add([cell])


def _key(cell: Cell) -> str:
    return f"chosen/{cell.arm}/{cell.fold}"


def _chosen(model: ClassifierMixin) -> dict[str, float | list[float]]:
    """Strengths that were tuned, or the mean over members of the parameters that were searched for."""
    if hasattr(model, "tau_"):
        return {"tau": model.tau_, "gamma": model.gamma_}
    found = getattr(model, "loss_parameters_", {})
    return {symbol: found[name].mean(axis=0).tolist() for name, symbol in _SYMBOLS.items() if name in found}


def by_class(path: Path) -> pd.DataFrame:
    """Read a row a ``method``, ``seed`` and ``class``: ``images`` that trained, ``error``, and ``l`` and ``delta``.

    The last two are those searched for, else missing.
    """
    with Store(path) as store:
        counts = {fold.fold: fold.train_counts for fold in store.folds()}
        frames = [_of_cell(cell, counts[cell.fold], store.get(_key(cell))) for cell in store.cells()]
    return pd.concat([frame for frame in frames if frame is not None], ignore_index=True)


def _of_cell(cell: Cell, counts: list[int], chosen: dict[str, list[float]]) -> pd.DataFrame | None:
    if cell.confusion is None:
        return None
    searched = {name: chosen.get(name, np.nan) for name in _SYMBOLS.values()}
    error = 1 - np.diag(cell.confusion) / cell.confusion.sum(axis=1)
    return pd.DataFrame(
        {
            "method": cell.arm,
            "seed": cell.fold,
            "class": CLASSES,
            "images": counts,
            "error": error,
            **searched,
        }
    )


def strengths(path: Path) -> pd.DataFrame:
    """Read a row a ``method`` and ``seed``: ``tau`` and ``gamma``, of the methods that tune them."""
    with Store(path) as store:
        rows = [{"method": cell.arm, "seed": cell.fold, **store.get(_key(cell))} for cell in store.cells()]
    return pd.DataFrame([row for row in rows if "tau" in row])
