"""How rows are divided into training and test sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from equipoise.datasets import Dataset


@dataclass(frozen=True, eq=False)
class Fold:
    """One split into training and test rows.

    Attributes
    ----------
    repeat, number : int
        Which repeat, and which fold of it, from 0.
    train, test : ndarray of int
        Row numbers.
    seed : int
        Seed of every classifier trained on this fold, whatever its arm.
    """

    repeat: int
    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int


class Splits(Protocol):
    """What divides the rows of a data set, repeat by repeat."""

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """Yield the folds of one repeat; ``codes`` (n,) are the classes of the rows from 0."""
        ...


@dataclass(frozen=True)
class StratifiedFolds:
    """Folds that keep the class shares, and rows of one group on one side.

    Attributes
    ----------
    n_folds : int
    random_state : int
    grouped : bool
        Whether the groups of a data set are kept together; False where they mean something else.
    """

    n_folds: int
    random_state: int = 0
    grouped: bool = True

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """See `Splits`; each repeat shuffles the rows again."""
        seed = int(np.random.SeedSequence([self.random_state, repeat]).generate_state(1)[0] >> 1)
        groups = dataset.groups if self.grouped else None
        splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
        parts = splitter(n_splits=self.n_folds, shuffle=True, random_state=seed).split(codes, codes, groups)
        for number, (train, test) in enumerate(parts):
            yield Fold(repeat, number, train, test, seed + number)


def feasible_folds(counts: NDArray[np.int64], wanted: int) -> tuple[int, list[str]]:
    """Return how many folds the rarest class allows, each with a row of it to test on, and what to say of it.

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Rows of each class.
    wanted : int

    Raises
    ------
    ValueError
        If a class has fewer than two rows.
    """
    rarest = int(counts.min())
    if rarest < 2:
        raise ValueError(
            f"Each class needs at least two rows, one for training and one for testing, but the rarest has {rarest}."
        )
    folds = min(wanted, rarest)
    notes = []
    if folds < wanted:
        notes.append(f"{folds} folds instead of {wanted}: the rarest class has only {rarest} rows.")
    if rarest / folds < 10:
        notes.append(
            f"The rarest class has {rarest} rows, about {rarest / folds:.0f} per test fold: "
            f"with fewer than 10, scores at a threshold are coarse."
        )
    return folds, notes
