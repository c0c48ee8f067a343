"""The table that is checked, the rows of it that the slower checks look at, and what one column tells."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.deadline import Deadline
from equipoise.tables.auc import beyond, binned, binned_auc, column_auc
from equipoise.tables.columns import Column, Kind, TextColumn, read_column
from equipoise.tables.finding import Severity
from equipoise.tables.formats import Style
from equipoise.tables.kinds import find_kinds

SURE = 0.98
"""AUC on held-out rows from which on columns are said to tell the classes apart."""

_CHANCE = 0.001  # that a column without meaning reaches it
_LEAST = 20  # rows that show whether a column names them
NEARLY_ALL = 0.9  # of the cells
_FEW_WORDS = 2.5
_MANY = 100  # columns, from which on a glance at bins tells which are worth a tree
_BINS, _PROMISING = 32, 0.9  # and the AUC of bins from which on they are


class OutOfTimeError(Exception):
    """Raised where a check has no time left."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a table's rows, and how each column of them was read."""

    values: Mapping[str, NDArray[Any]]  # numbers, NaN where missing; of categories the positions of levels, -1 there
    kinds: Mapping[str, Kind]  # texts count as categories
    formats: Mapping[str, str]
    prose: frozenset[str]  # columns of texts
    misfits: frozenset[str]  # columns that hold something else than their kind: refused by the preprocessing, with rows

    @classmethod
    def read(cls, columns: Mapping[str, Column], n_rows: int, preprocessor: Any) -> "Cells":
        """Read columns by what a preprocessor knows of them."""
        p = preprocessor
        kinds, formats, _ = find_kinds(
            list(columns.values()),
            {name: kind for name, kind in (p.kinds or {}).items() if name in columns},
            {name: written for name, written in (p.formats or {}).items() if name in columns},
            Style(p.decimal, p.thousands, p.dates),
        )
        prose = frozenset(name for name, kind in kinds.items() if kind == "text")
        kinds |= dict.fromkeys(prose, "category")
        values, misfits = dict[str, NDArray[Any]](), set[str]()
        for name, column in columns.items():
            if kinds[name] == "category":
                values[name] = column.codes if isinstance(column, TextColumn) else pd.factorize(column.as_levels())[0]
                continue
            try:
                values[name] = column.as_numbers(kinds[name], formats.get(name, ""))
            except ValueError:
                misfits.add(name)
                values[name] = np.full(n_rows, np.nan)
        return cls(values, kinds, formats, prose, frozenset(misfits))


@dataclass(eq=False)
class Sample:
    """The table, and the rows of it that the slower checks look at."""

    X: pd.DataFrame  # (n, d)
    y: pd.Series  # (n,)
    codes: NDArray[np.int64]  # (n,): class of each row, from 0
    rows: NDArray[np.int64]  # (m,)
    columns: Mapping[str, Column]  # of the rows looked at
    preprocessor: Any  # unfitted, with what is known of the columns
    keep: frozenset[str]  # columns that are no identifiers and no leaks
    until: Deadline | None = None  # of the checks that take quick models

    def check_time(self) -> None:
        """End a check that takes quick models once their time is spent."""
        if self.until is not None and self.until.left <= 0:
            raise OutOfTimeError

    @cached_property
    def cells(self) -> Cells:
        """Cells of the rows looked at."""
        return Cells.read(self.columns, len(self.rows), self.preprocessor)

    @property
    def values(self) -> Mapping[str, NDArray[Any]]:
        """Values of the rows looked at, by column."""
        return self.cells.values

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Kinds of the columns."""
        return self.cells.kinds

    @cached_property
    def labels(self) -> list[Any]:
        """Labels of the classes."""
        return np.unique(self.y.to_numpy()).tolist()

    @property
    def looked_at(self) -> NDArray[np.int64]:
        """Classes of the rows looked at."""
        return self.codes[self.rows]

    @cached_property
    def distinct(self) -> dict[str, float]:
        """Number of different values in a known cell, of each column that is not one of fractions."""
        whole = {str(name): cells for name, cells in self.X.items() if not self._holds_fractions(str(name), cells)}
        return {name: cells.nunique() / max(1, int(cells.notna().sum())) for name, cells in whole.items()}

    def _holds_fractions(self, name: str, cells: pd.Series) -> bool:
        """Tell whether a column holds numbers of which some are no integers, however they are written."""
        if cells.dtype.kind == "f":
            return not _is_whole(cells.to_numpy())
        read = self.values[name]
        return self.kinds[name] == "number" and name not in self.cells.misfits and not _is_whole(read)

    @cached_property
    def names_rows(self) -> dict[str, bool]:
        """Whether nearly every cell of a column of integers or texts is different."""
        return {str(name): self.distinct.get(str(name), 0.0) > NEARLY_ALL for name in self.X.columns}

    @cached_property
    def identifiers(self) -> dict[str, str]:
        """Columns that name or number the rows, and why that is likely."""
        if len(self.X) < _LEAST:
            return {}
        reasons = {name: _identifies(self, name) for name in self.X.columns if name not in self.keep}
        return {name: reason for name, reason in reasons.items() if reason}

    def severity_of(self, *columns: str) -> Severity:
        """Severity of a leak by columns: the user may vouch for all of them."""
        return "caution" if self.keep.issuperset(columns) else "serious"

    def holds_of_all(self, name: str, n_values: int) -> bool:
        """Tell whether a column that has so few values in the rows looked at has no more in all."""
        return len(self.rows) == len(self.X) or self.X[name].nunique() <= n_values

    @cached_property
    def leaky(self) -> set[str]:
        """Columns that alone tell the classes apart."""
        return {name for name, score in self.alone.items() if score >= SURE}

    @cached_property
    def alone(self) -> dict[str, float]:
        """AUC of each column alone on held-out rows; none where the rarest class has too few to tell it from chance."""
        codes = self.looked_at[self.first]  # equal rows with other labels would hide a leak
        if (1 - SURE) ** (np.bincount(codes, minlength=2).min() // 2) * len(self.values) > _CHANCE:
            return {}
        of_bins = self._at_a_glance(codes) if len(self.values) > _MANY else {}
        return {
            name: glance
            if (glance := of_bins.get(name, 1.0)) < _PROMISING
            else column_auc(cells[self.first], codes, self.kinds[name] == "category")
            for name, cells in self.values.items()
        }

    def _at_a_glance(self, codes: NDArray[np.int64]) -> dict[str, float]:
        """AUC of each column of numbers by its bins alone: of many columns, few are worth a tree."""
        names = [name for name in self.values if self.kinds[name] != "category"]
        train = np.random.default_rng(0).permutation(len(codes)) % 2 == 0
        n_bins, n_classes = max(2, min(_BINS, train.sum() // 5)), codes.max() + 1
        sides = np.zeros((2, len(names), n_bins, n_classes))
        for column, name in enumerate(names):
            cells = binned(self.values[name][self.first], train, n_bins) * n_classes + codes
            for side, rows in enumerate((train, ~train)):
                sides[side, column] = np.bincount(cells[rows], minlength=n_bins * n_classes).reshape(n_bins, n_classes)
        return dict(zip(names, binned_auc(*sides).tolist()))

    def at(self, rows: NDArray[np.int64]) -> "Sample":
        """Return the sample of other rows, read alike."""
        if len(self.rows) == len(self.X):
            columns, values = self.columns, {name: cells[rows] for name, cells in self.values.items()}
        else:
            columns = columns_of(self.X.iloc[rows])
            known = self.preprocessor.set_params(kinds=dict(self.kinds), formats=dict(self.cells.formats))
            values = dict(Cells.read(columns, len(rows), known).values)
        part = Sample(self.X, self.y, self.codes, rows, columns, self.preprocessor, self.keep, self.until)
        part.cells, part.leaky = replace(self.cells, values=values), self.leaky
        return part

    def matrix(self, left_out: Collection[str] = ()) -> NDArray[np.float64]:
        """Return cells as numbers, missing ones below all others; of categories the places of levels in their order."""
        names = [name for name in self.values if name not in left_out]
        columns = [self._ordered(name).astype(np.float64) for name in names]
        return np.column_stack([np.nan_to_num(values, nan=beyond(values)) for values in columns])

    def _ordered(self, name: str) -> NDArray[Any]:
        values, column = self.values[name], self.columns[name]
        if self.kinds[name] != "category" or not isinstance(column, TextColumn):
            return values
        places = np.empty(len(column.levels) + 1, dtype=np.int64)
        places[np.argsort(column.levels.astype(str), kind="stable")], places[-1] = np.arange(len(column.levels)), -1
        return places[values]

    @cached_property
    def alike(self) -> NDArray[np.int64]:
        """Number of the set of equal rows that each row belongs to; identifiers do not count."""
        features = [name for name in self.X.columns if name not in self.identifiers]
        if not features:
            return np.arange(len(self.X))
        return pd.factorize(pd.util.hash_pandas_object(self.X[features], index=False).to_numpy())[0]

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Whether a row looked at is the first of its set of equal rows."""
        return ~pd.Series(self.alike[self.rows]).duplicated().to_numpy()


def _is_whole(cells: NDArray[np.floating[Any]]) -> bool:
    """Tell whether floats are integers, such as identifiers beside missing ones."""
    for part in (cells[:1000], cells):
        known = part[~np.isnan(part)]
        if not (len(known) and np.isfinite(known).all() and (known == np.rint(known)).all()):
            return False
    return True


def _identifies(sample: Sample, name: str) -> str:
    share = sample.distinct.get(name, 0.0)
    if share <= NEARLY_ALL or len(known := sample.X[name].dropna()) < NEARLY_ALL * len(sample.X):
        return ""
    if (numbers := _integers(sample, name)) is not None:
        values, rows = numbers
        steps = np.diff(values)
        if (steps > 0).mean() > 0.9:
            by_one = (steps == np.diff(rows)).mean() > 0.9
            return "numbers the rows: it grows from row to row" + (" by one" if by_one else "")
        dense = share == 1 and np.ptp(values) < 10 * len(known)
        score = column_auc(values[_some(values)], sample.codes[rows][_some(values)], False)
        if dense or (known.dtype.kind != "f" and share > 0.99 and values.min() >= 0 and score < 0.6):
            return f"holds {known.nunique():,} different integers in {len(known):,} rows, so it names them"
        return ""
    read = sample.columns[name]
    if isinstance(read, TextColumn) and sample.kinds[name] == "category":
        words = np.mean([len(text.split()) for text in read.levels[:1000]])
        if words < _FEW_WORDS:
            return f"holds {known.nunique():,} different texts in {len(known):,} rows, so it names them"
    return ""


def _integers(sample: Sample, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Return the integers of a column and their rows, those looked at where they are written as text; None of others.

    `Sample.distinct` knows no column of fractions.
    """
    known = sample.X[name].dropna()
    if known.dtype.kind in "iuf":
        return known.to_numpy().astype(np.float64), known.index.to_numpy()
    if sample.kinds[name] != "number" or name in sample.cells.misfits:
        return None
    there = ~np.isnan(sample.values[name])
    return sample.values[name][there], sample.rows[there]


def _some(values: NDArray[np.float64]) -> slice:
    return slice(None, None, max(1, len(values) // 20_000))


def columns_of(X: pd.DataFrame) -> dict[str, Column]:
    """Read the columns of a frame, by name."""
    frame = nw.from_native(X, eager_only=True)
    return {name: read_column(name, series) for name, series in zip(X.columns, frame.iter_columns(), strict=True)}
