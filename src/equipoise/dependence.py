"""Rows that depend on each other: groups stay on one side of a split, and the past comes before the future."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_consistent_length, column_or_1d

from equipoise.containers import as_array
from equipoise.text import listed

Rows = NDArray[np.int64]
Split = tuple[Rows, Rows]

_FIRST = 0.5  # share of the rows before the first part that is held out by time


@dataclass(frozen=True, eq=False)
class Dependence:
    """Groups and times of rows, which decide what may be held out from what.

    Parameters
    ----------
    groups : array-like of shape (n,), default=None
        Rows of one group, such as a customer, are held out together.
    times : array-like of shape (n,), numbers or dates, default=None
        Rows are held out after those that train. Rows of equal time stay on one side.
    gap : float, default=0
        Time between the last training row and the first held-out row, in the unit of the times (days for dates).

    Raises
    ------
    ValueError
        If lengths differ, a time is missing, or the gap is negative or without times.

    Examples
    --------
    >>> from equipoise import Dependence
    >>> train, held_out = Dependence(times=[3, 1, 2, 2, 4, 5]).folds([0, 1, 0, 1, 0, 1], 2)[0]
    >>> train.tolist(), held_out.tolist()
    ([1, 2, 3], [0])
    """

    groups: Any = None
    times: Any = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        groups = None if self.groups is None else pd.factorize(column_or_1d(as_array(self.groups)))[0]
        times = None if self.times is None else _numbers(self.times)
        check_consistent_length(groups, times)
        if not self.gap >= 0 or (self.gap and times is None):
            raise ValueError(f"gap must be 0 or more, and needs times; got {self.gap!r}.")
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "times", times)

    def check_length(self, rows: Any) -> None:
        """Raise a ValueError if there are more or fewer rows."""
        check_consistent_length(rows, self.groups, self.times)

    def take(self, rows: ArrayLike) -> Self:
        """Return the dependence of some of the rows, by positions or flags."""
        groups, times = (None if values is None else values[rows] for values in (self.groups, self.times))
        return type(self)(groups, times, self.gap)

    def most_folds(self, codes: ArrayLike) -> int:
        """Return how many folds can each hold out a row of every class."""
        codes = np.asarray(codes)
        if self.groups is None or self.times is not None:
            return int(np.bincount(codes).min())
        n_classes = int(codes.max()) + 1
        return int(np.bincount(np.unique(codes + n_classes * self.groups) % n_classes).min())

    def folds(self, codes: ArrayLike, n_folds: int, seed: int = 0, *, every_class: bool = False) -> list[Split]:
        """Return training and held-out rows of each fold.

        With times, the first half of the rows only trains, and the folds hold out the parts that follow, one after the
        other; all rows before a part train, but for those within the gap and those of its groups. Without, the folds
        divide all rows, with about equal class shares.

        Parameters
        ----------
        codes : array-like of int, of shape (n,)
            Classes, from 0.
        n_folds : int
        seed : int, default=0
            Of the shuffling, where there are no times.
        every_class : bool, default=False
            Whether both sides of a fold by time need every class; there are fewer folds, if need be.

        Raises
        ------
        ValueError
            If all times are equal, or there are no two folds with every class.
        """
        codes = np.asarray(codes)
        if self.times is not None:
            return self._forward(codes, n_folds, every_class)
        if self.groups is None:
            return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(codes, codes))
        fold_of = _fold_of_group(codes, self.groups, n_folds, np.random.default_rng(seed))[self.groups]
        held_out = [np.flatnonzero(fold_of == fold) for fold in range(n_folds)]
        return [(np.flatnonzero(fold_of != fold), rows) for fold, rows in enumerate(held_out) if len(rows)]

    def hold_out(self, cells: ArrayLike, share: float, seed: int = 0) -> Split:
        """Return training rows and a share of held-out rows; both in ascending order.

        With times, the last rows are held out. Every cell keeps a training row.

        Parameters
        ----------
        cells : array-like of int, of shape (n,)
            Class, or class and group, of each row. The only row of a cell trains.
        share : float, in (0, 1)
        seed : int, default=0
            Of the choice, where there are no times.

        Raises
        ------
        ValueError
            If groups or times leave some cell no training row.
        """
        cells = np.asarray(cells)
        if self.times is not None:
            order, starts = self._ordered()
            wanted = (1 - share) * len(order)
            found = min(_cuts_between(cells[order], starts), key=lambda start: abs(start - wanted))
            train, held_out = self._before(order[:found], order[found:])
        elif self.groups is not None:
            n_folds = max(2, min(round(1 / share), int(self.groups.max()) + 1))
            train, held_out = max(self.folds(cells, n_folds, seed), key=lambda fold: len(np.unique(cells[fold[0]])))
        else:
            return _drawn_by_cell(cells, share, seed)
        if len(np.unique(cells[train])) < len(np.unique(cells)) or not len(held_out):
            raise ValueError(
                f"No {share:.0%} of the rows can be held out by {self}: some class would have no training row. Give "
                "more rows, or train without held-out rows."
            )
        return train, held_out

    def __str__(self) -> str:
        return listed([name for name in ("groups", "times") if getattr(self, name) is not None])

    def _ordered(self) -> Split:
        """Return the rows in time, and the places among them where a new time begins."""
        order = np.argsort(self.times, kind="stable")
        starts = np.flatnonzero(np.diff(self.times[order]) > 0) + 1
        if not len(starts):
            raise ValueError("Times must differ, but all rows have the same time: leave it out.")
        return order, starts

    def _before(self, train: Rows, held_out: Rows) -> Split:
        """Leave out training rows within the gap and of the groups that are held out."""
        if self.gap:
            train = train[self.times[train] <= self.times[held_out].min() - self.gap]
        if self.groups is not None:
            train = train[~np.isin(self.groups[train], self.groups[held_out])]
        return np.sort(train), np.sort(held_out)

    def _forward(self, codes: Rows, n_folds: int, every_class: bool) -> list[Split]:
        order, starts = self._ordered()
        n_classes = len(np.unique(codes))
        for n in range(n_folds, 1 if every_class else 0, -1):
            wanted = np.linspace(_FIRST, 1, n, endpoint=False) * len(order)
            cuts = np.unique(starts[np.abs(starts[:, None] - wanted).argmin(axis=0)])
            parts = zip(cuts, [*cuts[1:], len(order)], strict=True)
            folds = [self._before(order[:start], order[start:end]) for start, end in parts]
            folds = folds if every_class else [(train, held_out) for train, held_out in folds if len(train)]
            if not every_class and folds:
                return folds
            if len(folds) == n and all(len(np.unique(codes[side])) == n_classes for fold in folds for side in fold):
                return folds
        raise ValueError(
            "The later half of the rows cannot be divided into two parts or more that each hold every class, with "
            f"every class before them{' (but for the gap)' if self.gap else ''}"
            f"{' in other groups' if self.groups is not None else ''}: give more rows, or fewer conditions."
        )


def _numbers(times: Any) -> NDArray[np.float64]:
    values = column_or_1d(as_array(times))
    if values.dtype.kind == "M":
        missing, values = np.isnat(values), values.astype("datetime64[us]").astype(np.int64) / 86.4e9
    else:
        values = values.astype(np.float64)
        missing = ~np.isfinite(values)
    if missing.any():
        raise ValueError(f"times must be known, but {missing.sum()} are not, the first in row {missing.argmax()}.")
    return values


def _cuts_between(cells: Rows, starts: Rows) -> Rows:
    """Return the cuts with every cell of several rows on both sides; all cuts where there are none."""
    several = np.flatnonzero(np.bincount(cells) > 1)
    first = max((int(np.argmax(cells == cell)) for cell in several), default=0)
    last = min((len(cells) - 1 - int(np.argmax(cells[::-1] == cell)) for cell in several), default=len(cells))
    within = starts[(starts > first) & (starts <= last)]
    return within if len(within) else starts


def _drawn_by_cell(cells: Rows, share: float, seed: int) -> Split:
    rng, held_out = np.random.default_rng(seed), np.zeros(len(cells), dtype=bool)
    for cell in np.unique(cells):
        rows = rng.permutation(np.flatnonzero(cells == cell))
        held_out[rows[: min(len(rows) - 1, max(1, round(share * len(rows))))]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _fold_of_group(codes: Rows, groups: Rows, n_folds: int, rng: np.random.Generator) -> Rows:
    """Assign groups to folds of about equal class shares, the largest first.

    Groups with equal numbers of rows of each class are dealt out in turn; each that is left over goes to the fold that
    has the fewest rows of its classes. So millions of groups of a few rows take seconds.
    """
    n_groups, n_classes = int(groups.max()) + 1, int(codes.max()) + 1
    counts = np.bincount(groups * n_classes + codes, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
    kinds, kind_of, sizes = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(n_groups)
    members = np.split(shuffled[np.argsort(kind_of.ravel()[shuffled], kind="stable")], np.cumsum(sizes)[:-1])
    shares = kinds / np.maximum(counts.sum(axis=0), 1)
    fold_of, filled, n_rows = np.empty(n_groups, dtype=np.int64), np.zeros((n_folds, n_classes)), np.zeros(n_folds)
    for kind in np.argsort(-kinds.sum(axis=1) * rng.uniform(0.8, 1.0, len(kinds))):  # shuffled a little, too
        each = sizes[kind] // n_folds
        dealt, left = np.split(members[kind], [each * n_folds])
        fold_of[dealt] = np.arange(len(dealt)) % n_folds
        filled += each * shares[kind]
        n_rows += each * kinds[kind].sum()
        for group in left:
            fold = np.lexsort((n_rows, (filled @ shares[kind]).round(12)))[0]
            fold_of[group] = fold
            filled[fold] += shares[kind]
            n_rows[fold] += kinds[kind].sum()
    return fold_of
