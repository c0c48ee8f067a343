"""The columns of a table as plain numpy arrays, and the kind of value that each one holds.

A column is read in two steps, since fitting and predicting ask different things of it. `read_column` takes
in what the type alone tells: a `NumericColumn` where every cell is a number, a truth value or a date, a
`TextColumn` where only the cells can tell. Then `find_kind` answers which kind the cells are (asked once, at
fit), and `as_numbers` or `as_levels` turn them into that kind, or say which cell does not fit.

Missing is whatever the frame calls missing (None, NaN, NaT, pandas.NA, null), and a text cell that is blank
or reads "nan", which is how numpy spells a missing cell in an array of strings.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from numbers import Number
from typing import Any, Literal, get_args

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from equipoise.tables.formats import (
    DATES,
    PLAIN,
    Cells,
    Style,
    are_codes,
    as_cells,
    find_date_format,
    find_number_format,
    is_mark,
    read_dates,
    read_numbers,
)
from equipoise.tables.misfits import MisfitError
from equipoise.text import counted

Kind = Literal["number", "category", "boolean", "date", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MISSING_LEVEL = "(missing)"
"""The level that stands for the missing cells of a category column."""

_MICROSECONDS_A_DAY = 86_400e6
_LARGEST = float(np.finfo(np.float32).max)
_FEW_NUMBERS = 10
_MANY_TEXTS, _WORDS = 50, 3.0  # different ones, and words of each, from which on cells are prose
_SENTENCE = 6.0  # words, from which on texts that repeat are prose, too: they are made of building blocks


@dataclass(frozen=True)
class NumericColumn:
    """A column whose type says that each cell is a number, a truth value or a date.

    ``values`` are NaN where missing, 0 and 1 for truth values, days since 1970-01-01 (UTC) for dates, days for
    durations.
    """

    name: str
    kind: Kind
    values: NDArray[np.float64]

    def find_kind(self, style: Style) -> tuple[Kind, str]:
        """Return the kind that the type declares, and no format."""
        return self.kind, ""

    def find_format(self, kind: Kind, style: Style) -> str:
        """Return no format: the type declares how cells read."""
        return ""

    def as_numbers(self, kind: Kind, written: str = "") -> NDArray[np.float64]:
        """Return the values where they can stand for `kind`; a ValueError says why they cannot."""
        known = ~np.isnan(self.values)
        if "date" in (kind, self.kind) and kind != self.kind and known.any():
            raise ValueError(
                f"Column {self.name!r} held {kind}s when fitted, but now it holds {self.kind}s: "
                "give it the type that it had."
            )
        if kind == "boolean":
            strange = np.flatnonzero(known & ~np.isin(self.values, (0, 1)))
            if strange.size:
                raise MisfitError(self.name, kind, [(f"{self.values[row]:g}", int(row)) for row in strange])
        return _finite(self.name, self.values)

    def as_levels(self) -> NDArray[np.object_]:
        """Return each cell as text, spelt as a text column would spell it."""
        cells = self.values.astype(bool) if self.kind == "boolean" else self.values
        known = ~np.isnan(self.values)
        levels = np.full(len(cells), MISSING_LEVEL, dtype=object)
        levels[known] = [spelling(cell) for cell in cells[known].tolist()]
        return levels


@dataclass(frozen=True)
class TextColumn:
    """A column of strings, of declared categories or of mixed objects, each cell as text.

    ``codes`` are the positions of the cells' texts in ``levels``, the distinct texts in order of appearance; -1 where
    missing. ``declared`` categories are those of the frame's own type, whose spelling is not looked into.
    """

    name: str
    declared: bool
    codes: NDArray[np.intp]
    levels: NDArray[np.object_]

    @cached_property
    def cells(self) -> Cells:
        """The levels as an arrow array, trimmed."""
        return as_cells(self.levels)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each level occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    @cached_property
    def marks(self) -> list[str]:
        """Levels that stand for a missing cell among numbers and dates."""
        return self.levels[is_mark(self.cells)].tolist()

    def find_kind(self, style: Style) -> tuple[Kind, str]:
        """Return what nearly all known cells read as, and by which format: truth values, numbers, dates.

        A column most of whose cells are numbers, and many different ones, counts as numbers too:
        `as_numbers` then names the stray texts, which is better than a thousand meaningless categories.

        Raises Ambiguous if the cells read as numbers or dates in two ways that disagree.
        """
        if self.declared or not len(self.levels):
            return "category", ""
        if not np.isnan(_parse_booleans(self.levels)).any():
            return "boolean", ""
        written = find_number_format(self.cells, self.counts, style.number_choices)
        if written is not None:
            return ("category", "") if are_codes(self.cells) else ("number", written)
        written = find_date_format(self.cells, self.counts, style.date_choices)
        if written is not None:
            return "date", written
        if self._is_mostly_numbers():
            return "number", PLAIN
        return ("text" if self._is_prose() else "category"), ""

    def find_format(self, kind: Kind, style: Style) -> str:
        """Return the format that reads most cells as a kind that is known.

        Raises Ambiguous if two formats read equally many, and some differently.
        """
        if kind == "number":
            return find_number_format(self.cells, self.counts, style.number_choices, 0.0) or style.number_choices[0]
        if kind == "date":
            return find_date_format(self.cells, self.counts, style.date_choices, 0.0) or style.date_choices[0]
        return ""

    def _is_prose(self) -> bool:
        """Tell whether the cells are many different texts, of several words, or of a sentence where they repeat."""
        if len(self.levels) < _MANY_TEXTS:
            return False
        words = np.array([len(text.split()) for text in self.levels[:1000]])
        repeat = len(self.levels) <= 0.1 * self.counts.sum()
        return bool(np.median(words) >= _SENTENCE if repeat else np.mean(words) >= _WORDS)

    def _is_mostly_numbers(self) -> bool:
        is_number = ~np.isnan(read_numbers(self.cells, PLAIN))
        cells = self.counts[is_number].sum()
        # Few different numbers are labels, as in the doors of a car: "2", "3", "4", "5more".
        return cells > self.counts.sum() / 2 and is_number.sum() > min(_FEW_NUMBERS, cells / 2)

    def as_numbers(self, kind: Kind, written: str = "") -> NDArray[np.float64]:
        """Return the cells read as `kind` by a format; a `MisfitError` names those that do not read so."""
        parsed = self._parsed(kind, written)
        strange = np.flatnonzero(np.append(np.isnan(parsed) & ~is_mark(self.cells), False)[self.codes])
        if strange.size:
            raise MisfitError(self.name, kind, [(self.levels[self.codes[row]], int(row)) for row in strange])
        return _finite(self.name, np.append(parsed, np.nan)[self.codes])  # code -1 takes the last

    def _parsed(self, kind: Kind, written: str) -> NDArray[np.float64]:
        if kind == "boolean":
            return _parse_booleans(self.levels)
        if kind == "date":
            return read_dates(self.cells, written or DATES[0])
        return read_numbers(self.cells, written or PLAIN)

    def as_levels(self) -> NDArray[np.object_]:
        """Return each cell as text, missing cells as `MISSING_LEVEL`."""
        return np.append(self.levels, MISSING_LEVEL)[self.codes]


Column = NumericColumn | TextColumn


def read_column(name: str, series: nw.Series[Any]) -> Column:
    """Read one column of a frame.

    Raises TypeError if a cell holds a collection, ValueError if it holds a complex number.
    """
    dtype = series.dtype
    if dtype == nw.Boolean:
        return NumericColumn(name, "boolean", series.cast(nw.Float64).to_numpy())
    if dtype.is_numeric():
        return NumericColumn(name, "number", series.cast(nw.Float64).to_numpy())
    if isinstance(dtype, nw.Duration):
        days = series.dt.total_microseconds().cast(nw.Float64).to_numpy() / _MICROSECONDS_A_DAY
        return NumericColumn(name, "number", days)
    if isinstance(dtype, nw.Date | nw.Datetime):
        days = series.dt.timestamp("us").cast(nw.Float64).to_numpy() / _MICROSECONDS_A_DAY
        return NumericColumn(name, "date", days)
    if dtype == nw.String:
        return _read_texts(name, series)
    return _read_objects(name, series.to_numpy().astype(object), isinstance(dtype, nw.Categorical | nw.Enum))


def _read_objects(name: str, cells: NDArray[np.object_], declared: bool) -> NumericColumn | TextColumn:
    known = ~pd.isna(cells)
    examples = {type(cell): cell for cell in cells[known]}
    for cell_type, cell in examples.items():
        if issubclass(cell_type, Collection) and not issubclass(cell_type, str | bytes):
            raise TypeError(
                "The argument must be a table in which each cell is a string or a number, but column "
                f"{name!r} holds {cell!r:.60} ({cell_type.__name__}): spread it over columns of its own."
            )
        if issubclass(cell_type, complex | np.complexfloating):
            raise ValueError(
                f"Complex data not supported: column {name!r} holds {cell!s:.60}; give its real and imaginary parts "
                "columns of their own."
            )
    only_numbers = all(issubclass(t, Number) and not issubclass(t, bool | np.bool_) for t in examples)
    if only_numbers and not declared:
        values = np.full(len(cells), np.nan)
        values[known] = cells[known].astype(np.float64)
        return NumericColumn(name, "number", values)
    if set(examples) != {str}:
        cells[known] = [spelling(cell) for cell in cells[known]]
    return TextColumn(name, declared, *_known_texts(*pd.factorize(cells)))


def _read_texts(name: str, series: nw.Series[Any]) -> TextColumn:
    texts = series.to_arrow()
    encoded = (texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return TextColumn(name, False, *_known_texts(codes, encoded.dictionary.drop_null().to_pylist()))


def _known_texts(codes: NDArray[np.intp], levels: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    levels = list(levels)
    kept = np.array([level.strip().lower() not in ("", "nan") for level in levels], dtype=bool)
    positions = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.append(positions, -1)[codes], np.asarray(levels, dtype=object)[kept]


def spelling(cell: object) -> str:
    """Spell a cell as text; 3.0 as "3", since a missing cell turns a column of integers into floats."""
    return str(int(cell)) if isinstance(cell, float | np.floating) and cell.is_integer() else str(cell)


def _parse_booleans(levels: Iterable[str]) -> NDArray[np.float64]:
    truth = {"true": 1.0, "false": 0.0}
    return np.array([truth.get(level.strip().lower(), np.nan) for level in levels], dtype=np.float64)


def _finite(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.flatnonzero(np.abs(values) > _LARGEST)
    if infinite.size:
        raise ValueError(
            f"Column {name!r} holds {counted(infinite.size, 'infinite value')}, or too large for float32, the first "
            f"{values[infinite[0]]:g} in row {infinite[0]} (the first row is 0). Numbers must be finite: "
            "replace such values by missing cells or by the largest sensible value."
        )
    return values
