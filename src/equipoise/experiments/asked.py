"""The columns of a table as models are asked about them: in groups that go together, and at values that rows hold."""

from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets import Dataset
from equipoise.experiments.splits import Fold
from equipoise.experiments.together import associations, groups_of
from equipoise.text import count

POINTS = 13
"""Values of a number or date on its response curve, at most."""
LEVELS = 8
"""Levels of a category on its response curve, at most."""

_SAMPLE = 5000  # rows that tell values and associations of columns
_OF_A_CLASS = 100  # of them at least, where there are as many
_MOST_COLUMNS = 200


@dataclass(frozen=True, eq=False)
class AskedColumns:
    """Columns in groups, and values of the first of each group."""

    groups: list[list[str]]  # columns that are moved together
    kinds: list[str]  # kind of the first column of each
    # values of its response curve: floats, or the cells of a category, NaN at the end where cells are missing; a text
    # has none
    grids: list[list[Any]]
    notes: list[str]  # columns that were left out
    _rows: NDArray[np.int64]
    _cells: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, dataset: Dataset, codes: NDArray[np.int64]) -> Self:
        """Group the columns of a data set; ``codes`` (n,) are the classes of its rows."""
        table = copy(dataset.whole_preprocessor).set_params(native=True)
        rows = _sampled(codes)
        values = table.transform(dataset.X.iloc[rows])
        plain = {name: values[name] for name in dict.fromkeys(table.sources()) if name not in table.texts_}
        notes = []
        if len(plain) > _MOST_COLUMNS:
            notes.append(
                f"Of {count(len(plain))} columns, only the {_MOST_COLUMNS} that are most strongly associated with the "
                "class, one by one, were tried."
            )
            plain = _most_associated(plain, codes[rows])
        groups = groups_of(associations(plain)) if plain else []
        groups += [[name] for name in table.texts_]
        kinds = [str(table.kinds_[first]) for first, *_ in groups]
        cells = {}
        for (name, *_), kind in zip(groups, kinds):
            if kind in ("number", "date"):
                cells[name] = values[name].to_numpy(dtype=np.float64)
            elif kind != "text":
                cells[name] = dataset.X[name].iloc[rows].astype(object).to_numpy()
        grids = [_grid(cells[first]) if first in cells else [] for first, *_ in groups]
        return cls(groups, kinds, grids, notes, rows, cells)

    def donors(self, fold: Fold) -> list[NDArray[np.int64]]:
        """Return training rows of a fold, by their place, that hold the values of each grid; -1 where none does."""
        _, at, places = np.intersect1d(self._rows, fold.train, return_indices=True)
        found = []
        for (first, *_), grid in zip(self.groups, self.grids):
            cells = self._cells[first][at] if grid else np.array([])
            found.append(np.array([_donor(cells, places, value) for value in grid], dtype=np.int64))
        return found


def _sampled(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows drawn at random, and some of every class."""
    rng = np.random.default_rng(0)
    some = [rng.permutation(np.flatnonzero(codes == k))[:_OF_A_CLASS] for k in np.unique(codes)]
    return np.unique(np.concatenate([rng.permutation(len(codes))[:_SAMPLE], *some]))


def _most_associated(columns: dict[str, pd.Series], codes: NDArray[np.int64]) -> dict[str, pd.Series]:
    target = pd.Series(pd.Categorical(codes))
    strength = {name: float(associations({"": target, name: own}).to_numpy()[0, 1]) for name, own in columns.items()}
    first = set(sorted(strength, key=lambda name: -strength[name])[:_MOST_COLUMNS])
    return {name: own for name, own in columns.items() if name in first}


def _grid(cells: NDArray[Any]) -> list[Any]:
    """Return the most frequent cells of a category, or quantiles of numbers; of few distinct ones these themselves.

    NaN is the last where cells are missing.
    """
    missing, shares = pd.isna(cells), np.linspace(0.05, 0.95, POINTS)
    known, gap = cells[~missing], [np.nan] if missing.any() else []
    if not len(known):
        return []
    if cells.dtype == object:
        return [*pd.Series(known).value_counts().index[:LEVELS], *gap]
    grid = np.unique(np.quantile(known, shares, method="nearest"))
    if len(grid) < 3:  # nearly all cells are alike
        grid = np.unique([*grid, *np.quantile(np.unique(known), shares, method="nearest")])
    return [*grid.tolist(), *gap]


def _donor(cells: NDArray[Any], places: NDArray[np.int64], value: Any) -> int:
    """Return the place of a row that holds a category, the number that is nearest, or a gap for NaN; -1 for none."""
    missing = pd.isna(cells)
    rows = np.flatnonzero(missing if pd.isna(value) else ~missing)
    if not pd.isna(value):
        own = cells[rows]
        rows = rows[own == value] if cells.dtype == object else rows[np.argsort(np.abs(own - value), kind="stable")]
    return int(places[rows[0]]) if len(rows) else -1
