"""Columns with a part to play other than that of a feature: the group, the time and the weight of a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets.gap import DAYS, check_gap, read_gap
from equipoise.tables.columns import Column, read_column, spelling
from equipoise.tables.formats import Style
from equipoise.tables.kinds import find_kinds, unread
from equipoise.tables.misfits import MisfitError
from equipoise.tables.preprocessing import TablePreprocessor
from equipoise.text import counted, listed

Floats = NDArray[np.float64]

_MOST = 8  # cells that a message names


@dataclass(frozen=True, eq=False)
class Roles:
    """What columns with a role say of the rows that are used, which are labelled and of positive weight."""

    rows: NDArray[Any]
    groups: NDArray[Any] | None
    times: NDArray[Any] | None
    gap: float
    by_date: bool
    weights: NDArray[Any] | None
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        labelled: NDArray[Any],
        roles: Mapping[str, str],
        gap: str | float,
        preprocessor: TablePreprocessor,
    ) -> Self:
        """Read the columns of a table; ``labelled`` (n,) tells which rows have a target."""
        style = Style(preprocessor.decimal, preprocessor.thousands, preprocessor.dates)
        rows, notes = np.flatnonzero(labelled), list[str]()
        weights = groups = times = None
        if "weights" in roles:
            weights, read = weights_of(table[roles["weights"]].iloc[rows], rows, style)
            notes += read
            used = weights > 0
            if not used.all():
                notes.append(f"{counted(int((~used).sum()), 'row')} of weight 0 were left out.")
            rows, weights = rows[used], weights[used] / weights[used].mean()
        if "group" in roles:
            groups, alone = group_codes(table[roles["group"]].iloc[rows])
            notes += alone
        if "time" in roles:
            times, dates, read = times_of(table[roles["time"]].iloc[rows], rows, style)
            notes += read
            return cls(rows, groups, times, gap_of(gap, roles["time"], dates), dates, weights, tuple(notes))
        check_gap(gap, None)
        return cls(rows, groups, times, 0.0, False, weights, tuple(notes))


def group_codes(column: pd.Series) -> tuple[NDArray[np.int64], list[str]]:
    """Return the number of each row's group, and notes; a row whose cell is missing is a group of its own."""
    codes, levels = pd.factorize(column)
    alone = np.flatnonzero(codes < 0)
    codes[alone] = len(levels) + np.arange(len(alone))
    notes = (
        [f"{counted(len(alone), 'row')} without a {column.name!r} count as groups of their own."] if len(alone) else []
    )
    return codes, notes


def times_of(column: pd.Series, rows: NDArray[np.int64], style: Style) -> tuple[Floats, bool, list[str]]:
    """Return the times of rows, in days for dates, whether they are dates, and notes on how they are read.

    ``rows`` are their positions in the file, for messages. Raises ValueError if cells are missing, or no dates or
    numbers.
    """
    cells = _read(column)
    kinds, formats, notes = find_kinds([cells], {}, {}, style)
    kind = kinds[cells.name]
    if kind not in ("date", "number"):
        reason = " ".join(notes) or f"its cells read as {kind}, such as {column.dropna().iloc[0]!r}."
        raise ValueError(
            f"Column {cells.name!r} must hold dates or numbers to order the rows: {reason} Mend them, or name the "
            "format (--dates)."
        )
    values = _numbers(column, kind, formats.get(cells.name, ""))
    _refuse(column, f"a {kind}", rows, np.isnan(values))
    return values, kind == "date", [*notes, _span(cells.name, values, kind == "date")]


def _span(name: str, values: Floats, dates: bool) -> str:
    ends = values.min(), values.max()
    first, last = (str(np.datetime64(int(end), "D")) for end in ends) if dates else (f"{end:.10g}" for end in ends)
    return f"Rows are ordered by {name!r}, {'dates' if dates else 'numbers'} from {first} to {last}."


def weights_of(column: pd.Series, rows: NDArray[np.int64], style: Style) -> tuple[Floats, list[str]]:
    """Return the weights of rows, 0 or more, and notes on how they are read.

    Raises ValueError if cells are missing, negative or no numbers.
    """
    cells = _read(column)
    _, formats, notes = find_kinds([cells], {cells.name: "number"}, {}, style)
    values = _numbers(column, "number", formats.get(cells.name, ""))
    if np.isnan(values).any() and (said := unread([cells], {cells.name: "category"}, style)):
        raise ValueError(f"Column {cells.name!r} must hold weights: correct or remove the option. {' '.join(said)}")
    _refuse(column, "a weight of 0 or more", rows, ~(values >= 0))
    if not values.any():
        raise ValueError(f"All weights in column {cells.name!r} are zero; some must be positive.")
    return values, notes


def gap_of(gap: str | float, time: str, dates: bool) -> float:
    """Return a gap in the unit of the times, which is days for dates."""
    value, unit = read_gap(gap)
    if (unit is not None and not dates) or (unit is None and dates and isinstance(gap, str)):
        units = f"a number and a unit ({listed(DAYS, 'or')}), such as 30d" if dates else f"a number as in {time!r}"
        raise ValueError(f"The gap must be {units}, got {gap!r}.")
    return value * DAYS[unit or "d"]


def check_roles(roles: dict[str, str], columns: Sequence[str], target: str) -> None:
    """Refuse a column that is missing, is the target, or has two roles."""
    taken = {target: "target"}
    for role, name in roles.items():
        if name not in columns:
            raise ValueError(f"There is no column {name!r} for the {role}: the columns are {listed(columns, most=20)}.")
        if name in taken:
            raise ValueError(f"Column {name!r} cannot be the {role}, because it is the {taken[name]}.")
        taken[name] = role


def _read(column: pd.Series) -> Column:
    return read_column(str(column.name), nw.from_native(column, series_only=True))


def _numbers(column: pd.Series, kind: Any, written: str) -> Floats:
    """Return the cells as numbers, NaN where missing or no number."""
    try:
        return _read(column).as_numbers(kind, written)
    except MisfitError as error:
        known = column.astype(object)
        known.iloc[[row for _, row in error.strays]] = None
        return _read(known).as_numbers(kind, written)


def _refuse(column: pd.Series, what: str, rows: NDArray[np.int64], bad: NDArray[np.bool_]) -> None:
    if not bad.any():
        return
    cells = [
        f"{'an empty cell' if pd.isna(column.iloc[i]) else repr(spelling(column.iloc[i]))} in row {rows[i]:,}"
        for i in np.flatnonzero(bad)[:_MOST]
    ]
    more = [f"{bad.sum() - _MOST:,} more"] if bad.sum() > _MOST else []
    raise ValueError(
        f"Column {column.name!r} must hold {what} in every row, but holds {listed([*cells, *more])} (the first row is "
        "0): mend or remove these rows."
    )
