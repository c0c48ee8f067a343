"""How numbers and dates are written: the format that the cells of a column agree on, and cells read by a format.

A format of numbers is spelled as it writes 1234.5: "1234.5", "1.234,5", "1'234.5"; each reads currency signs, percent
(12 % is 0.12), brackets and trailing signs for negatives too. A format of dates is "dates" (year first, or month names,
which leave no doubt), "dayfirst", "monthfirst", or one that `datetime.strptime` takes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Cells: TypeAlias = pa.LargeStringArray
Numbers = NDArray[np.float64]

PLAIN = "1234.5"
NUMBERS = (PLAIN, "1,234.5", "1234,5", "1.234,5", "1'234.5", "1 234,5", "1 234.5", "1'234,5")
DATES = ("dates", "dayfirst", "monthfirst")
MARKS = frozenset(
    re.split(
        r"\s*\|\s*",
        "? | - | -- | --- | . | * | / | # | unknown | n.a. | n.a | na | n/a | none | null | nil | nan | missing | "
        "#n/a | #na | <na> | not available | not known | not stated | not specified | k.a. | k. a. | keine angabe | "
        "unbekannt | #value! | #div/0! | #null! | (blank) | (missing)",
    )
)
"""What stands for a missing cell among numbers and dates, in lower case."""

AGREEMENT = 0.95
"""Share of the known cells of a column that a format must read."""

_GLANCE = 1000
_MICROSECONDS_A_DAY = 86_400_000_000
_BLANKS = "[\u00a0\u2007\u2009\u202f]"
_CURRENCY = r"(?:\p{Sc}|R\$|US\$|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|kr\.?|zł|Kč|Fr\.)"
_SIGN = "[-+−]"
_CODES = r"^0\d+$|^\d+[eE]\d+$"  # 007 and 1E5 are no numbers unless another cell says so
_WRITTEN = r"\.\d|[eE][-+]\d"  # as a program writes numbers: with a point, or an exponent with a sign
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero",
            "feb february februar fevrier février febrero",
            "mar march märz mrz mars marzo",
            "apr april avril abril",
            "may mai mayo",
            "jun june juni juin junio",
            "jul july juli juillet julio",
            "aug august aout août agosto",
            "sep sept september septembre septiembre",
            "oct october okt oktober octobre octubre",
            "nov november novembre noviembre",
            "dec december dez dezember decembre décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
_TIME = (
    r"(?:(?:\s*[T,]\s*|\s+)(?P<H>\d{1,2})[:h](?P<M>\d{2})(?::(?P<S>\d{2}(?:[.,]\d+)?))?\s*(?P<half>[AaPp])?"
    r"(?:\.?[Mm]\.?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
_WEEKDAY = r"^(?:\p{L}\p{L}+\.?,\s+)?"
_YEAR_FIRST = r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
_DAY_NAMED = r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?[ -]*(?P<m>\p{L}+)\.?,?[ -]*(?P<y>\d{4}|\d{2})"
_MONTH_NAMED = r"(?P<m>\p{L}+)\.?[ -](?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,|[ -])\s*(?P<y>\d{4})"
_DAY_FIRST = r"(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4}|\d{2})"
_MONTH_FIRST = r"(?P<m>\d{1,2})[./-](?P<d>\d{1,2})[./-](?P<y>\d{4}|\d{2})"
_ORDERS = {"dates": (), "dayfirst": (_DAY_FIRST,), "monthfirst": (_MONTH_FIRST,)}


class Ambiguous(Exception):
    """A column reads in two ways that disagree; `formats` are the two, `cell` one that shows it."""

    def __init__(self, formats: Sequence[str], cell: str) -> None:
        super().__init__()
        self.formats, self.cell = tuple(formats), cell


def as_cells(texts: Sequence[str] | NDArray[np.object_] | Cells) -> Cells:
    """Return texts as an arrow array, blanks around them taken away."""
    cells = texts.cast(pa.large_string()) if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    return pc.utf8_trim_whitespace(cells)


def is_mark(cells: Cells) -> NDArray[np.bool_]:
    """Tell which cells stand for a missing number or date."""
    return pc.is_in(pc.utf8_lower(cells), pa.array(sorted(MARKS), cells.type)).to_numpy(zero_copy_only=False)


def unstated(labels: Iterable[Any]) -> list[str]:
    """Return the classes that stand for missing elsewhere, where two others remain; none where others are signs.

    >>> unstated(["no", "yes", "k.A."]), unstated(["fraud", "none"]), unstated(["+", "-", "0"])
    (['k.A.'], [], [])
    """
    texts = [label for label in labels if isinstance(label, str)]
    marks = is_mark(as_cells(texts))
    others = [text for text, mark in zip(texts, marks) if not mark]
    if len(others) < 2 or not all(re.search(r"\w", text) for text in others):
        return []
    return [text for text, mark in zip(texts, marks) if mark]


def read_numbers(cells: Cells, written: str) -> Numbers:
    """Read cells (n,) by a format; NaN where it does not read one.

    >>> read_numbers(as_cells(["1.234,50 €", "(3,5)", "12 %", "x"]), "1.234,5").tolist()
    [1234.5, -3.5, 0.12, nan]
    """
    cells = pc.replace_substring_regex(cells, _BLANKS, " ")
    found = pc.extract_regex(cells, _number_pattern(written))
    part = {field.name: found.field(i) for i, field in enumerate(found.type)}
    body = part["number"]
    thousands, decimal = written[1:-5], written[-2]
    if thousands:
        body = pc.replace_substring_regex(body, "[ ']" if thousands in " '" else f"[{thousands}]", "")
    if decimal != ".":
        body = pc.replace_substring(body, decimal, ".")
    values = np.full(len(cells), np.nan)
    read = _where(pc.and_(pc.is_valid(found), pc.equal(pc.equal(part["open"], "("), pc.equal(part["close"], ")"))))
    values[read] = pc.cast(body.filter(pa.array(read)), pa.float64()).to_numpy(zero_copy_only=False)
    around = pc.binary_join_element_wise(part["open"], part["sign"], part["close"], pa.scalar("", pa.large_string()))
    values[_where(pc.match_substring_regex(around, "[(−-]"))] *= -1
    values[_where(pc.equal(part["unit"], "%"))] /= 100
    return values


def _where(condition: pa.BooleanArray) -> NDArray[np.bool_]:
    return pc.fill_null(condition, False).to_numpy(zero_copy_only=False)


def _number_pattern(written: str) -> str:
    thousands, decimal = written[1:-5], written[-2]
    separator = {"": "", ",": ",", ".": r"\.", "'": "['’]", " ": " "}[thousands]
    whole = rf"[1-9]\d{{0,2}}(?:{separator}\d{{3}})+|\d+" if thousands else r"\d+"
    number = rf"(?:{whole})(?:[{decimal}]\d*)?|[{decimal}]\d+"
    return (
        rf"^(?:{_CURRENCY}\s*)?(?P<open>\(?)\s*(?:{_CURRENCY}\s*)?(?P<sign>{_SIGN}?)\s*(?:{_CURRENCY}\s*)?"
        rf"(?P<number>(?:{number})(?:[eE][-+]?\d+)?)\s*(?P<unit>%?)(?:\s*{_CURRENCY})?\s*(?P<close>[-)]?)$"
    )


def read_dates(cells: Cells, written: str) -> Numbers:
    """Read cells (n,) by a format, as days since 1970-01-01 (UTC where a zone is named); NaN where it reads none.

    >>> read_dates(as_cells(["02.01.1970", "3 Jan 1970 12:00", "1970-01-01"]), "dayfirst").tolist()
    [1.0, 2.5, 0.0]
    """
    if "%" in written:
        stamps = pd.to_datetime(pd.Series(cells.to_pylist(), dtype=object), format=written, errors="coerce", utc=True)
        return np.asarray((stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1), dtype=np.float64)
    days, unread = np.full(len(cells), np.nan), _where(pc.is_valid(cells)).nonzero()[0]
    for order in (_YEAR_FIRST, *_ORDERS[written], _DAY_NAMED, _MONTH_NAMED):
        if not unread.size:
            break
        found = pc.extract_regex(cells.take(pa.array(unread)), _WEEKDAY + order + _TIME)
        if (fits := _where(pc.is_valid(found))).any():
            days[unread[fits]] = _days(found.filter(pa.array(fits)))
            unread = unread[np.isnan(days[unread])]
    return days


def _days(found: pa.StructArray) -> Numbers:
    part = {field.name: found.field(i) for i, field in enumerate(found.type)}

    def number(name: str) -> Numbers:
        text = pc.replace_substring(part[name], ",", ".")
        known = pc.not_equal(pc.fill_null(text, ""), "")
        return np.array(pc.cast(pc.if_else(known, text, "0"), pa.float64()))

    lower = pd.Series(part["m"].to_pylist(), dtype=object).str.lower()
    months = pd.to_numeric(lower, errors="coerce").fillna(lower.map(_MONTHS)).to_numpy(np.float64)
    years, days = number("y"), number("d")
    short = np.array([len(year) == 2 for year in part["y"].to_pylist()], dtype=bool)
    years[short] += np.where(years[short] < 69, 2000, 1900)
    fine = (months >= 1) & (months <= 12) & (years >= 1) & (days >= 1)
    month = np.where(fine, (years - 1970) * 12 + months - 1, 0).astype("int64").astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.float64)
    hours, minutes, seconds = number("H"), number("M"), number("S")
    half = pd.Series(part["half"].to_pylist(), dtype=object).fillna("").str.lower().to_numpy()
    hours = np.where(half != "", hours % 12, hours) + np.where(half == "p", 12, 0)
    fine &= (days <= length) & (hours < 24) & (minutes < 60) & (seconds < 61)
    zone = np.array([_zone_minutes(text) for text in part["zone"].to_pylist()], dtype=np.float64)
    microseconds = np.rint((hours * 3600 + (minutes - zone) * 60 + seconds) * 1e6)
    whole = month.astype("datetime64[D]").astype(np.float64) + days - 1
    return np.where(fine, (whole * _MICROSECONDS_A_DAY + microseconds) / _MICROSECONDS_A_DAY, np.nan)


def _zone_minutes(text: str | None) -> int:
    if not text or text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "")
    return int(text[0] + "1") * (60 * int(digits[:2]) + int(digits[2:]))


def are_codes(cells: Cells) -> bool:
    """Tell whether cells that read as numbers are codes instead: a leading zero, or E between whole numbers."""
    if not pc.any(pc.match_substring_regex(cells, _CODES)).as_py():
        return False
    return not pc.any(pc.match_substring_regex(cells, _WRITTEN)).as_py()


def find_number_format(
    cells: Cells, counts: NDArray[np.int64], choices: Sequence[str] = NUMBERS, agreement: float = AGREEMENT
) -> str | None:
    """Return the format in which most cells, and a share of `agreement` or more, are numbers.

    ``counts`` says how often each of the distinct texts stands in the column. Raises Ambiguous if two formats read
    equally many cells, and some of them differently.
    """
    return _find(cells, counts, choices, read_numbers, agreement)


def find_date_format(
    cells: Cells, counts: NDArray[np.int64], choices: Sequence[str] = DATES, agreement: float = AGREEMENT
) -> str | None:
    """Return the format in which most cells are dates; parameters as for `find_number_format`."""
    least = r"\d" if any("%" in written for written in choices) else r"\d\D+\d"
    if not pc.any(pc.match_substring_regex(cells, least)).as_py():
        return None  # at once: the patterns are costly
    return _find(cells, counts, choices, read_dates, agreement)


def _find(
    cells: Cells,
    counts: NDArray[np.int64],
    choices: Sequence[str],
    read: Callable[[Cells, str], Numbers],
    agreement: float,
) -> str | None:
    known = ~is_mark(cells)
    total = counts[known].sum()
    if len(cells) > 2 * _GLANCE:  # most formats are out of the question at the first glance
        glance = cells.filter(pa.array(known))[:_GLANCE]
        choices = [written for written in choices if np.isnan(read(glance, written)).mean() < 0.5]
    best: list[tuple[str, Numbers]] = []
    most = agreement * total
    for written in choices:
        values = read(cells, written)
        n_read = counts[known & ~np.isnan(values)].sum()
        if total and n_read >= most and n_read:
            best = [*best, (written, values)] if n_read == most else [(written, values)]
            most = n_read
    for written, values in best[1:]:
        differ = np.flatnonzero(~((values == best[0][1]) | np.isnan(values)))
        if differ.size:
            raise Ambiguous((best[0][0], written), cells[int(differ[0])].as_py())
    return best[0][0] if best else None


def plain_numbers(cells: Cells) -> Numbers | None:
    """Return the numbers, where all known cells are written as programs write numbers; None where any is not."""
    known = cells.drop_null()
    pattern = r"(?i)^[-+]?(?:(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|inf|infinity)$"
    if not len(known) or not pc.all(pc.match_substring_regex(known, pattern)).as_py() or are_codes(known):
        return None
    return pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class Style:
    """What is known of how a table writes numbers and dates; None where nothing is."""

    decimal: str | None = None
    thousands: str | None = None
    dates: str | None = None  # their format

    def __post_init__(self) -> None:
        for name, value, allowed in (("decimal", self.decimal, ".,"), ("thousands", self.thousands, ",.' ")):
            if value is not None and (len(value) > 1 or value not in allowed or (name == "decimal" and not value)):
                raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands must differ, but both are {self.decimal!r}.")
        if self.dates is not None and self.dates not in DATES and "%" not in self.dates:
            raise ValueError(
                f"dates must be 'dayfirst', 'monthfirst' or a format such as '%d.%m.%Y', got {self.dates!r}."
            )

    @property
    def number_choices(self) -> list[str]:
        """Formats of numbers that are left."""
        return [
            written
            for written in NUMBERS
            if self.decimal in (None, written[-2]) and (self.thousands is None or written[1:-5] in ("", self.thousands))
        ] or [f"1{self.thousands or ''}234{self.decimal or '.'}5"]

    @property
    def date_choices(self) -> Sequence[str]:
        """Formats of dates that are left."""
        return DATES if self.dates is None else (self.dates,)
