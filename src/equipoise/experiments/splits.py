"""How rows are divided into training and test sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.datasets import Dataset
from equipoise.dependence import Dependence
from equipoise.text import counted


@dataclass(frozen=True, eq=False)
class Fold:
    """One split into training and test rows."""

    repeat: int  # which repeat, and which fold of it, from 0
    number: int
    train: NDArray[np.int64]  # row numbers
    test: NDArray[np.int64]
    seed: int  # seed of every classifier trained on this fold, whatever its arm


class Splits(Protocol):
    """What divides the rows of a data set, repeat by repeat."""

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """Yield the folds of one repeat; ``codes`` (n,) are the classes of the rows from 0."""
        ...


def _seed(random_state: int, repeat: int) -> int:
    return int(np.random.SeedSequence([random_state, repeat]).generate_state(1)[0] >> 1)


@dataclass(frozen=True)
class StratifiedFolds:
    """Folds that keep the class shares, and rows of one group on one side."""

    n_folds: int
    random_state: int = 0
    grouped: bool = True  # whether the groups of a data set are kept together; False where they mean something else

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """See `Splits`; each repeat shuffles the rows again."""
        seed = _seed(self.random_state, repeat)
        parts = Dependence(dataset.groups if self.grouped else None).folds(codes, self.n_folds, seed)
        return (Fold(repeat, number, *rows, seed + number) for number, rows in enumerate(parts))


@dataclass(frozen=True)
class ForwardFolds:
    """Folds that test on the next part of the rows in time, and train on those before; see `Dependence.folds`.

    Thresholds of a fold are tuned on the folds before it. So the first fold only serves that, and is not scored.
    """

    n_folds: int
    random_state: int = 0  # of the seeds of the classifiers

    def folds(self, dataset: Dataset, codes: NDArray[np.int64], repeat: int) -> Iterator[Fold]:
        """See `Splits`; each repeat has the same rows and other seeds."""
        assert dataset.dependence is not None
        seed, parts = _seed(self.random_state, repeat), dataset.dependence.folds(codes, self.n_folds, every_class=True)
        return (Fold(repeat, number, *rows, seed + number) for number, rows in enumerate(parts))


def feasible_folds(
    codes: NDArray[np.int64], wanted: int, dependence: Dependence | None = None
) -> tuple[int, list[str]]:
    """Return how many folds can each test on a row of every class, and what to say of it.

    Raises ValueError if a class has fewer than two rows, all its rows are of one group, or time leaves fewer than two
    parts.
    """
    rarest = int(np.bincount(codes).min())
    if rarest < 2:
        raise ValueError(
            f"Each class needs at least two rows, one for training and one for testing, but the rarest has {rarest}."
        )
    if dependence is not None and dependence.times is not None:
        return _feasible_parts(codes, wanted, dependence)
    groups = rarest if dependence is None else dependence.most_folds(codes)
    if groups < 2:
        raise ValueError("All rows of a class are of one group, so that none can train where others test.")
    folds = min(wanted, groups)
    notes = []
    if folds < wanted:
        where = counted(rarest, "row") if groups == rarest else f"rows in {counted(groups, 'group')}"
        notes.append(f"{folds} folds instead of {wanted}: the rarest class has only {where}.")
    if rarest / folds < 10:
        notes.append(
            f"The rarest class has {counted(rarest, 'row')}, about {rarest / folds:.0f} per test fold: "
            f"with fewer than 10, scores at a threshold are coarse."
        )
    return folds, notes


def _feasible_parts(codes: NDArray[np.int64], wanted: int, dependence: Dependence) -> tuple[int, list[str]]:
    parts = dependence.folds(codes, wanted, every_class=True)
    notes = []
    if len(parts) < wanted:
        notes.append(f"{len(parts)} parts by time instead of {wanted}: more would lack a class or have equal times.")
    fewest = min(int(np.bincount(codes[test]).min()) for _, test in parts)
    if fewest < 10:
        notes.append(
            f"A test part has only {counted(fewest, 'row')} of a class: with fewer than 10, scores at a threshold "
            "are coarse."
        )
    if dependence.groups is not None:
        ends = [int((dependence.times < dependence.times[test].min()).sum()) for _, test in parts]
        kept = sum(len(train) for train, _ in parts) / sum(ends)
        notes.append(
            f"{1 - kept:.0%} of the earlier rows do not train, because their group is tested"
            f"{' or they lie in the gap' if dependence.gap else ''}: scores are those of a model with less data."
        )
    return len(parts), notes
