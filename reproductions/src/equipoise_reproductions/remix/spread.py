"""The three advantages that the ReMix paper claims for its batches, counted.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312),
introduction: drawing balanced batches anew (a) lowers the chance that a vector is seen again (`repetition`),
(b) loses nothing of the majority, as under-sampling does (`unseen_majority`), and (c) spreads rows beyond the
convex hull of the rare class (`outside_hull`). The rare class is the smallest one, the majority the largest.

Each method sees the same mini-batches. Over-sampling is ReMix without its mixing.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from torch import Tensor

from equipoise.batches import BatchSMOTE, ReMix
from equipoise.training.draws import RowDraws
from equipoise_reproductions.remix.hull import ON_HULL, hull_distance

Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

_NEAR = 0.01  # root mean square over the columns, in standard deviations


def repetition(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_batches: int = 200,
    batch_size: int = 64,
    alpha: float = 0.1,
    random_state: int = 0,
) -> pd.DataFrame:
    """Count how often a network is shown the same vector, in single precision as it trains."""
    table, labels = np.asarray(X, dtype=np.float32), _codes(y)
    spread = table.std(axis=0)
    scale = np.sqrt(table.shape[1]) * np.where(spread > 0, spread, 1)
    training_rows = KDTree(table / scale)
    found = {}
    for name, transform in _transforms(labels, alpha, random_state).items():
        rows, rare = _shown(table, labels, transform, n_batches, batch_size, random_state)
        _, number, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        repeated = count[number] > 1
        copied = training_rows.query(rows / scale, distance_upper_bound=_NEAR)[0] <= _NEAR
        found[name] = {
            "rows": len(rows),
            "repeated": repeated.mean(),
            "copied": copied.mean(),
            "rare_rows": rare.sum(),
            "rare_repeated": repeated[rare].mean(),
            "rare_copied": copied[rare].mean(),
            "rare_distinct": len(np.unique(number[rare])),
        }
    return pd.DataFrame.from_dict(found, orient="index")


def unseen_majority(
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: Sequence[int] = (1, 2, 5, 10, 50),
    batch_size: int = 64,
    random_state: int = 0,
) -> pd.DataFrame:
    """Share of the majority's rows that no batch has shown yet, whole or mixed, after so many epochs.

    Random under-sampling keeps the same rows for good. ReMix draws with replacement from each batch, and so
    passes over rows: of m majority rows in a batch of B, each is missed with probability ``(1 - 1/m)^(B/2)``
    where there are two classes. In-batch SMOTE keeps B rows of a pool that is larger.
    """
    table, labels = np.asarray(X, dtype=np.float64), _codes(y)
    majority = labels == np.bincount(labels).argmax()
    under = RandomUnderSampler(random_state=random_state)
    under.fit_resample(table, labels)
    found: dict[str, object] = {"under-sampling": 1 - majority[under.sample_indices_].sum() / majority.sum()}
    ends = [-(-epoch * len(table) // batch_size) for epoch in epochs]
    transforms = _transforms(labels, 0.0, random_state)  # mixed or not, ReMix shows the same rows
    for name in ("SMOTE", "ReMix"):
        rows, _ = _shown(table, labels, transforms[name], max(ends), batch_size, random_state)
        _, number = np.unique(np.concatenate([table, rows]), axis=0, return_inverse=True)
        first = np.full(len(number), len(rows))  # the place at which each vector is shown first
        np.minimum.at(first, number[len(table) :], np.arange(len(rows)))
        met = first[number[: len(table)][majority]]
        found[name] = [(met >= end * batch_size).mean() for end in ends]
    return pd.DataFrame(found, index=pd.Index(epochs, name="epochs"))


def outside_hull(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_batches: int = 100,
    batch_size: int = 64,
    alpha: float = 0.1,
    random_state: int = 0,
) -> pd.DataFrame:
    """Share of the rows that are rare by half or more and lie outside the convex hull of the rare rows."""
    table, labels = np.asarray(X, dtype=np.float64), _codes(y)
    of_rare = table[labels == np.bincount(labels).argmin()]
    transforms = _transforms(labels, alpha, random_state)
    found = {}
    for name in ("SMOTE", "ReMix"):
        rows, rare = _shown(table, labels, transforms[name], n_batches, batch_size, random_state)
        vectors, number = np.unique(rows[rare], axis=0, return_inverse=True)
        away = hull_distance(vectors, of_rare)[number]
        far = np.sqrt(table.shape[1]) * _NEAR
        found[name] = {"rare_rows": rare.sum(), "outside": (away > ON_HULL).mean(), "far_outside": (away > far).mean()}
    return pd.DataFrame.from_dict(found, orient="index")


def _codes(y: ArrayLike) -> NDArray[np.int64]:
    return np.unique(np.asarray(y), return_inverse=True)[1].astype(np.int64)


def _transforms(labels: NDArray[np.int64], alpha: float, random_state: int) -> dict[str, Transform]:
    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(random_state + 1)

    n_classes = int(labels.max()) + 1
    return {
        "over-sampling": ReMix(alpha=0.0, num_classes=n_classes, batch_dims=1, generator=generator()),
        "SMOTE": BatchSMOTE(num_classes=n_classes, batch_dims=1, generator=generator()),
        "ReMix": ReMix(alpha=alpha, num_classes=n_classes, batch_dims=1, generator=generator()),
    }


def _shown(
    table: NDArray[np.floating],
    labels: NDArray[np.int64],
    transform: Transform,
    n_batches: int,
    batch_size: int,
    random_state: int,
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Rows that a transform makes of batches shuffled as in training, (N B, d), and which are rare by half or more."""
    codes = torch.from_numpy(labels)
    shuffle = torch.Generator().manual_seed(random_state)
    order = RowDraws(torch.arange(len(codes)), codes, None, batch_size, None, shuffle).block(n_batches).rows
    rows, soft = transform(torch.from_numpy(table)[order], codes[order])
    rare = soft[..., int(np.bincount(labels).argmin())] >= 0.5
    return rows.flatten(0, 1).numpy(), rare.flatten().numpy()
