"""Long tails: the training side of a fold is cut so that its classes shrink exponentially, the test side is not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.datasets import Dataset
from equipoise.experiments.splits import Fold, StratifiedFolds

FACTOR = 100.0
SETS = {"letter": "letter", "optdigits": "optdigits", "seizure": "seizure_multiclass"}
"""Sets of many classes of about equal size, by short name."""


def tail_sizes(n_classes: int, largest: int, factor: float = FACTOR) -> NDArray[np.int64]:
    """Rows of each class, the first the largest: ``largest factor^(-k / (K - 1))``, as CIFAR-LT is made.

    Examples
    --------
    >>> tail_sizes(3, 500).tolist()
    [500, 50, 5]
    """
    sizes = largest * factor ** (-np.arange(n_classes) / (n_classes - 1))
    return np.maximum(1, sizes.round(9).astype(np.int64))


def long_tailed(folds: Iterable[Fold], codes: NDArray[np.int64], factor: float = FACTOR) -> Iterator[Fold]:
    """Cut the training side of folds, without replacement; which class is how rare is drawn anew for each fold."""
    for fold in folds:
        rng = np.random.default_rng(fold.seed)
        counts = np.bincount(codes[fold.train])
        order = rng.permutation(len(counts))
        sizes = np.minimum(tail_sizes(len(counts), int(counts.min()), factor), counts[order])
        rows = [
            rng.choice(fold.train[codes[fold.train] == k], n, replace=False) for k, n in zip(order, sizes, strict=True)
        ]
        yield replace(fold, train=np.sort(np.concatenate(rows)))


@dataclass(frozen=True)
class LongTailed:
    """Stratified folds whose training sides are cut to long tails."""

    n_folds: int

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """See `equipoise.experiments.splits.Splits`."""
        return long_tailed(StratifiedFolds(self.n_folds).folds(dataset, codes, repeat), codes)
