"""The columns of a table as plain numpy arrays, and the kind of value that each one holds.

A column is read in two steps, since fitting and predicting ask different things of it. `read_column` takes
in what the type alone tells: a `NumericColumn` where every cell is a number, a truth value or a date, a
`TextColumn` where only the cells can tell. Then `find_kind` answers which kind the cells are (asked once, at
fit), and `as_numbers` or `as_levels` turn them into that kind, or say which cell does not fit.

Missing is whatever the frame calls missing (None, NaN, NaT, pandas.NA, null), and a text cell that is blank
or reads "nan", which is how numpy spells a missing cell in an array of strings.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from numbers import Number
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Kind = Literal["number", "category", "boolean", "date"]

MISSING_LEVEL = "(missing)"
"""The level that stands for the missing cells of a category column."""

_MICROSECONDS_A_DAY = 86_400e6
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d|$)")
_LARGEST = float(np.finfo(np.float32).max)
_FEW_NUMBERS = 10


@dataclass(frozen=True)
class NumericColumn:
    """A column whose type says that each cell is a number, a truth value or a date.

    Parameters
    ----------
    name : str
    kind : {"number", "boolean", "date"}
    values : ndarray of shape (n_rows,), float64
        NaN where missing; truth values as 0 and 1, dates as days since 1970-01-01 (UTC), durations in days.
    """

    name: str
    kind: Kind
    values: NDArray[np.float64]

    def find_kind(self) -> Kind:
        """Return the kind that the type declares."""
        return self.kind

    def as_numbers(self, kind: Kind) -> NDArray[np.float64]:
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
                raise ValueError(_misfit(self.name, kind, f"{self.values[strange[0]]:g}", strange))
        return _finite(self.name, self.values)

    def as_levels(self) -> NDArray[np.object_]:
        """Return each cell as text, spelt as a text column would spell it."""
        cells = self.values.astype(bool) if self.kind == "boolean" else self.values
        known = ~np.isnan(self.values)
        levels = np.full(len(cells), MISSING_LEVEL, dtype=object)
        levels[known] = [_spelling(cell) for cell in cells[known].tolist()]
        return levels


@dataclass(frozen=True)
class TextColumn:
    """A column of strings, of declared categories or of mixed objects, each cell as text.

    Parameters
    ----------
    name : str
    declared : bool
        Whether the frame's own type declares categories; their spelling is not looked into then.
    codes : ndarray of shape (n_rows,), int
        Position of each cell's text in `levels`, -1 where missing.
    levels : ndarray of shape (n_levels,), object
        The distinct texts, in order of appearance.
    """

    name: str
    declared: bool
    codes: NDArray[np.intp]
    levels: NDArray[np.object_]

    def find_kind(self) -> Kind:
        """Return what all known cells read as, tried in turn: truth values, numbers, ISO dates.

        A column most of whose cells are numbers, and many different ones, counts as numbers too:
        `as_numbers` then names the stray text, which is better than a thousand meaningless categories.
        """
        if self.declared or not len(self.levels):
            return "category"
        for kind, parse in _PARSERS.items():
            if not np.isnan(parse(self.levels)).any():
                return kind
        return "number" if self._is_mostly_numbers() else "category"

    def _is_mostly_numbers(self) -> bool:
        is_number = ~np.isnan(_parse_numbers(self.levels))
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))
        cells = counts[is_number].sum()
        # Few different numbers are labels, as in the doors of a car: "2", "3", "4", "5more".
        return cells > counts.sum() / 2 and is_number.sum() > min(_FEW_NUMBERS, cells / 2)

    def as_numbers(self, kind: Kind) -> NDArray[np.float64]:
        """Return the cells read as `kind`; a ValueError names the first that does not read so."""
        parsed = _PARSERS[kind](self.levels)
        strange = np.flatnonzero(np.append(np.isnan(parsed), False)[self.codes])
        if strange.size:
            raise ValueError(_misfit(self.name, kind, self.levels[self.codes[strange[0]]], strange))
        return _finite(self.name, np.append(parsed, np.nan)[self.codes])  # code -1 takes the last

    def as_levels(self) -> NDArray[np.object_]:
        """Return each cell as text, missing cells as `MISSING_LEVEL`."""
        return np.append(self.levels, MISSING_LEVEL)[self.codes]


def read_column(name: str, series: nw.Series) -> NumericColumn | TextColumn:
    """Read one column of a frame.

    Parameters
    ----------
    name : str
        What messages call the column.
    series : narwhals.Series

    Raises
    ------
    TypeError
        If a cell holds a collection instead of a single value.
    ValueError
        If a cell holds a complex number.
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
        return NumericColumn(name, "date", _days_since_epoch(series))
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
        cells[known] = [_spelling(cell) for cell in cells[known]]
    return TextColumn(name, declared, *_distinct_texts(cells))


def _distinct_texts(cells: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    codes, levels = pd.factorize(cells)
    kept = np.array([level.strip().lower() not in ("", "nan") for level in levels], dtype=bool)
    positions = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.append(positions, -1)[codes], np.asarray(levels, dtype=object)[kept]


def _spelling(cell: object) -> str:
    """Spell a cell as text; 3.0 as "3", since a missing cell turns a column of integers into floats."""
    return str(int(cell)) if isinstance(cell, float | np.floating) and cell.is_integer() else str(cell)


def _parse_booleans(levels: Iterable[str]) -> NDArray[np.float64]:
    truth = {"true": 1.0, "false": 0.0}
    return np.array([truth.get(level.strip().lower(), np.nan) for level in levels], dtype=np.float64)


def _parse_numbers(levels: Iterable[str]) -> NDArray[np.float64]:
    return np.array([_parse_number(level) for level in levels], dtype=np.float64)


def _parse_number(level: str) -> float:
    try:
        return float(level)
    except ValueError:
        return np.nan


def _parse_dates(levels: Iterable[str]) -> NDArray[np.float64]:
    dates = [level if _ISO_DATE.match(level) else None for level in levels]
    parsed = pd.to_datetime(pd.Series(dates, dtype=object), format="ISO8601", errors="coerce", utc=True)
    return _days_since_epoch(nw.from_native(parsed, series_only=True))


_PARSERS: dict[Kind, Callable[[Iterable[str]], NDArray[np.float64]]] = {
    "boolean": _parse_booleans,
    "number": _parse_numbers,
    "date": _parse_dates,
}


def _days_since_epoch(dates: nw.Series) -> NDArray[np.float64]:
    return dates.dt.timestamp("us").cast(nw.Float64).to_numpy() / _MICROSECONDS_A_DAY


def _finite(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.flatnonzero(np.abs(values) > _LARGEST)
    if infinite.size:
        raise ValueError(
            f"Column {name!r} holds {infinite.size} infinite value(s), or too large for float32, the first "
            f"{values[infinite[0]]:g} in row {infinite[0]} (the first row is 0). Numbers must be finite: "
            "replace such values by missing cells or by the largest sensible value."
        )
    return values


def _misfit(name: str, kind: Kind, text: str, rows: NDArray[np.intp]) -> str:
    return (
        f"Column {name!r} holds {kind}s, but {rows.size} cell(s) cannot be read as one, the first being "
        f"{text!r} in row {rows[0]} (the first row is 0). If it stands for a missing value, say so when "
        f"reading the table: missing_values=[{text!r}], on the command line --missing-values "
        f"{shlex.quote(text)}. Otherwise mend the cell."
    )
