"""The kind and the format of every column of a table: columns that leave no doubt decide for those that do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from equipoise.tables.columns import Column, Kind, NumericColumn, TextColumn
from equipoise.tables.formats import DATES, PLAIN, Ambiguous, Style
from equipoise.text import listed

Found = tuple[Kind, str]


def is_plain(written: str) -> bool:
    """Tell whether a format is what anyone would read without being told."""
    return written in ("", PLAIN, DATES[0])


def find_kinds(
    columns: Sequence[Column], kinds: Mapping[str, Kind], formats: Mapping[str, str], style: Style
) -> tuple[dict[str, Kind], dict[str, str], list[str]]:
    """Find kinds and formats of columns.

    Those of known columns are given by name. Returns kinds, formats of columns of text that have one, and notes on
    formats that are not plain, texts taken for missing, and columns that stay in doubt.
    """
    asked, found = style, dict[str, Found]()
    doubtful: dict[str, tuple[Callable[[Style], Found], Ambiguous]] = {}
    for column in columns:
        finder = _finder(column, kinds.get(column.name), formats.get(column.name))
        try:
            found[column.name] = finder(style)
        except Ambiguous as error:
            doubtful[column.name] = finder, error
    notes = []
    if doubtful:
        style = _style_of([column for column in columns if column.name in found], found, style)
        for name, (finder, doubt) in doubtful.items():
            found[name], note = _settled(name, finder, style, doubt, forced=name in kinds)
            notes += note
    found = {column.name: found[column.name] for column in columns}
    free = [column for column in columns if column.name not in kinds]
    notes += unread(free, {name: kind for name, (kind, _) in found.items()}, asked)
    written = {name: how for name, (_, how) in found.items() if how}
    return {name: kind for name, (kind, _) in found.items()}, written, [*_read_notes(columns, found), *notes]


def _finder(column: Column, kind: Kind | None, written: str | None) -> Callable[[Style], Found]:
    if kind is None:
        return column.find_kind
    known = kind
    return lambda style: (known, column.find_format(known, style) if written is None else written)


def _style_of(columns: Sequence[Column], found: Mapping[str, Found], style: Style) -> Style:
    """Add to what is known of all columns what those without doubt agree on."""
    marks, orders = set(), set()
    for column in columns:
        kind, written = found[column.name]
        if kind == "number" and _shows_decimals(column, written):
            marks.add("." if not written else written[-2])
        elif kind == "date" and written in DATES[1:]:
            orders.add(written)
    marks.discard(style.thousands or "")
    decimal = style.decimal or (marks.pop() if len(marks) == 1 else None)
    return replace(style, decimal=decimal, dates=style.dates or (orders.pop() if len(orders) == 1 else None))


def _shows_decimals(column: Column, written: str) -> bool:
    if isinstance(column, NumericColumn):
        known = column.values[~np.isnan(column.values)]
        return bool((known != np.rint(known)).any())
    return bool(pc.any(pc.match_substring_regex(column.cells, r"\d[.,]\d")).as_py())


def _settled(
    name: str, finder: Callable[[Style], Found], style: Style, doubt: Ambiguous, forced: bool
) -> tuple[Found, list[str]]:
    try:
        return finder(style), []
    except Ambiguous:
        pass
    dates = doubt.formats[0] in DATES
    if not dates and PLAIN in doubt.formats:  # a point is a decimal point unless something speaks against it
        return finder(replace(style, decimal=".")), []
    option = "dates='dayfirst' or 'monthfirst' (--dates)" if dates else "decimal=',' or '.' (--decimal)"
    said = (
        f"Column {name!r} reads as {'dates' if dates else 'numbers'} in two ways, as {' or '.join(doubt.formats)} "
        f"(such as {doubt.cell!r})"
    )
    if forced:
        raise ValueError(f"{said}: name one with {option}.")
    return ("category", ""), [f"{said}, so it counts as categories: settle it with {option}."]


def _read_notes(columns: Sequence[Column], found: Mapping[str, Found]) -> list[str]:
    texts = [column for column in columns if isinstance(column, TextColumn)]
    by_format: dict[str, list[str]] = {}
    for column in texts:
        kind, written = found[column.name]
        if not is_plain(written):
            by_format.setdefault(f"{kind.capitalize()}s are written {written}", []).append(repr(column.name))
    notes = [f"{how} in {', '.join(names)}." for how, names in by_format.items()]
    for column in texts:
        if found[column.name][0] in ("number", "date") and column.marks:
            notes.append(f"Column {column.name!r}: taken for missing: {', '.join(map(repr, column.marks))}.")
    return notes


def unread(columns: Sequence[Column], kinds: Mapping[str, Kind], style: Style) -> list[str]:
    """Say which columns, found to be of some kinds, hold numbers or dates, but not in the style that is asked for."""
    notes = []
    for column in columns if style != Style() else ():
        if isinstance(column, NumericColumn) or kinds[column.name] not in ("category", "text"):
            continue
        try:
            kind, written = column.find_kind(Style())
        except Ambiguous as doubt:
            kind, written = ("date" if doubt.formats[0] in DATES else "number"), listed(doubt.formats, "or")
        names = {"date": ("dates",), "number": ("decimal", "thousands")}.get(kind, ())
        if options := [f"--{name} {value}" for name in names if (value := getattr(style, name)) is not None]:
            how = "with the year first or the month by name" if written == DATES[0] else f"written {written}"
            notes.append(
                f"Column {column.name!r} holds {kind}s {how}, not as {listed(options)} would have them, so it counts "
                "as categories."
            )
    return notes


def otherwise(columns: Sequence[Column], kinds: Mapping[str, Kind], formats: Mapping[str, str], style: Style) -> str:
    """Say which columns were read with another decimal mark than the one that is asked for; empty where none was."""
    marks = {c.name: (formats.get(c.name) or PLAIN)[-2] for c in columns if kinds[c.name] == "number"}
    names = [
        repr(column.name)
        for column in columns
        if style.decimal not in (None, marks.get(column.name, style.decimal))
        and _shows_decimals(column, formats.get(column.name, PLAIN))
    ]
    mark = "point" if style.decimal == "," else "comma"
    what, is_read = ("column", "it is") if len(names) == 1 else ("columns", "they are")
    return (
        f"--decimal {style.decimal} does not fit {what} {listed(names, most=10)}: {is_read} read with a decimal {mark}."
        if names
        else ""
    )


def unmet(kinds: Mapping[str, Kind], formats: Mapping[str, str], style: Style) -> list[str]:
    """Return the options on how cells are written that fit no column, as they are typed on the command line."""
    written = [formats.get(name) or PLAIN for name, kind in kinds.items() if kind == "number"]
    met = {
        "decimal": any(how[-2] == style.decimal for how in written),
        "thousands": any(how[1:-5] == style.thousands for how in written),
        "dates": style.dates in formats.values(),
    }
    given = {name: getattr(style, name) for name in met}
    return [f"--{name} {value}" for name, value in given.items() if value is not None and not met[name]]
