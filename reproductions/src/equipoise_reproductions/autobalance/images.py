"""Fashion-MNIST-LT: ten kinds of clothing, their training images cut to a long tail, and a small CNN.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms" (2017,
arXiv 1708.07747); made as CIFAR10-LT is. A run is one seed: it draws which class is how rare, which images of it
train, and each network's initial weights. The test images are always all 10,000.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.datasets.home import data_home as find_home
from equipoise.datasets.idx import read_images
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell, Store
from equipoise.progress import OnProgress
from equipoise_reproductions.autobalance.arms import IMAGES
from equipoise_reproductions.autobalance.tails import long_tailed
from equipoise_reproductions.data import paper
from equipoise_reproductions.study import Effort, open_store

NAME = "fashion_mnist"
CLASSES = tuple(paper("autobalance")["classes"])
FULL = Effort(n_folds=3, n_members=1, most_rows=60_000, most_steps=1500)
QUICK = Effort(n_folds=2, n_members=1, most_rows=2000, most_steps=30)

_SYMBOLS = {"offset": "l", "delta": "delta"}  # the paper's, in what is stored and shown

Pixels = NDArray[np.uint8]
Codes = NDArray[np.int64]


def fashion_mnist(*, data_home: str | Path | None = None) -> tuple[Pixels, Codes, int]:
    """Read Fashion-MNIST: images of shape (70000, 1, 28, 28), those to train on first, `CLASSES` codes, and n_train.

    The folder ``images/fashion_mnist`` of the data home, see `equipoise.datasets.data_home`, holds the four files of
    github.com/zalandoresearch/fashion-mnist; without them it raises FileNotFoundError.
    """
    folder = find_home(data_home) / "images" / "fashion_mnist"
    wanted = "Fashion-MNIST is read from the files of github.com/zalandoresearch/fashion-mnist"
    sides = [read_images(folder, part, wanted=wanted) for part in ("train", "t10k")]
    images, codes = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    return images[:, np.newaxis], codes.astype(np.int64), len(sides[0][1])


def run_images(folder: Path, effort: Effort, on_progress: OnProgress) -> None:
    """Run the arms on long-tailed images, a fold a seed, and keep what loss was chosen."""
    images, codes, n_train = fashion_mnist()
    protocol = effort.protocol(len(codes))
    arms = [replace(arm, figures=chosen) for arm in IMAGES]
    wanted = [(arm, fold) for fold in _folds(codes, n_train, effort) for arm in arms]
    with open_store(folder, NAME, effort) as store:
        store.put("problem", {"name": NAME, "family": NAME, "n_rows": len(codes), "rare": 0})
        prepare = partial(_sides, images, codes)
        run_cells(wanted, prepare, protocol, store, on_progress, stacked=False)


def _folds(codes: Codes, n_train: int, effort: Effort) -> Iterator[Fold]:
    train, test = np.arange(min(n_train, effort.most_rows)), np.arange(n_train, len(codes))
    return long_tailed((Fold(0, seed, train, test, seed) for seed in range(effort.n_folds)), codes)


def _sides(images: Pixels, codes: Codes, fold: Fold) -> PreparedFold:
    """Bring pixels to mean 0 and deviation 1 over the training images."""
    seen = images[fold.train]
    X_train, X_test = (((side - seen.mean()) / seen.std()).astype(np.float32) for side in (seen, images[fold.test]))
    return PreparedFold(fold, X_train, X_test, codes[fold.train], codes[fold.test], len(CLASSES))


def chosen(model: ClassifierMixin) -> list[dict[str, Any]]:
    """Strengths that were tuned, or the mean over members of the parameters that were searched for."""
    if hasattr(model, "tau_"):
        return [{"tau": model.tau_, "gamma": model.gamma_}]
    found = getattr(model, "loss_parameters_", {})
    return [{symbol: found[name].mean(axis=0).tolist() for name, symbol in _SYMBOLS.items() if name in found}]


def by_class(path: Path) -> pd.DataFrame:
    """Read a row a ``method``, ``seed`` and ``class``: ``images`` that trained, ``error``, and ``l`` and ``delta``.

    The last two are those searched for, else missing.
    """
    with Store(path) as store:
        counts = {fold.fold: fold.train_counts for fold in store.folds()}
        frames = [_of_cell(cell, counts[cell.fold]) for cell in store.cells() if cell.confusion is not None]
    return pd.concat(frames, ignore_index=True)


def _of_cell(cell: Cell, counts: list[int]) -> pd.DataFrame:
    assert cell.confusion is not None
    searched = {symbol: cell.made[0].get(symbol, np.nan) for symbol in _SYMBOLS.values()}
    error = 1 - np.diag(cell.confusion) / cell.confusion.sum(axis=1)
    key = {"method": cell.arm, "seed": cell.fold, "class": CLASSES, "images": counts}
    return pd.DataFrame({**key, "error": error, **searched})


def strengths(path: Path) -> pd.DataFrame:
    """Read a row a ``method`` and ``seed``: ``tau`` and ``gamma``, of the methods that tune them."""
    with Store(path) as store:
        rows = [{"method": cell.arm, "seed": cell.fold, **made} for cell in store.cells() for made in cell.made]
    return pd.DataFrame([row for row in rows if "tau" in row])
