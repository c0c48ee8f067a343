"""How a text file is written, found at the first glance: encoding, delimiter, header and comments."""

import codecs
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from equipoise.text import counted

DELIMITERS = (",", ";", "\t", "|")
LARGEST_BLOCK = (1 << 31) - 2
"""Bytes of the longest cell that arrow can read."""

_GLANCE = 1 << 18  # bytes
Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written."""

    encoding: str
    delimiter: str
    names: list[str]  # of the columns
    skipped: int  # lines before the header, or before the data where there is none
    header: bool
    padded: bool  # whether blanks follow delimiters, before quotes too


def find_dialect(
    open_file: Opener, path: str, *, header: bool, delimiter: str | None, encoding: str | None, tabs: bool
) -> Dialect:
    """Look at the beginning of a file; what is guessed and unusual is said in a warning.

    Raises ValueError if the file is empty, column names repeat, or delimiter or encoding are none; UnicodeError if the
    bytes are not of a named encoding.
    """
    _check_options(delimiter, encoding)
    if not encoding:
        encoding = _find_encoding(open_file, path)
    elif codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"
    lines = _first_lines(open_file, encoding)
    skipped = _blank(lines)
    if skipped < len(lines) and (named := re.match(r"(?i)^sep=(.)\s*$", lines[skipped])):
        delimiter, skipped = delimiter or named[1], skipped + 1
    n_comments = _leading_comments(lines[skipped:], delimiter)
    if n_comments:
        comments = counted(n_comments, "comment line")
        warnings.warn(f"{path} begins with {comments}, left out: {lines[skipped]:.60}", stacklevel=5)
    skipped += n_comments
    skipped += _blank(lines[skipped:])
    delimiter = delimiter or ("\t" if tabs else _find_delimiter(lines[skipped:]))
    first = next(_records(lines[skipped:], delimiter), [])
    if not any(cell.strip() for cell in first):
        raise ValueError(f"{path} is empty: a table needs a row of names and rows of data.")
    names = _names(first, header, path)
    blank = delimiter != " " and any(
        cell[:1].isspace() for record in islice(_records(lines[skipped:], delimiter, False), 50) for cell in record[1:]
    )
    return Dialect(encoding, delimiter, names, skipped, header, blank)


def _blank(lines: Sequence[str]) -> int:
    """Count the blank lines at the beginning."""
    return next((i for i, line in enumerate(lines) if line.strip()), len(lines))


def _check_options(delimiter: str | None, encoding: str | None) -> None:
    if delimiter is not None and len(delimiter) != 1:
        raise ValueError(f"delimiter must be a single character, got {delimiter!r}.")
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, such as 'utf-8', got {encoding!r}.") from None


def _find_encoding(open_file: Opener, path: str) -> str:
    """Return UTF-8 where the whole file is; else what the first bytes or the invalid ones speak for, with a warning."""
    with open_file() as file:
        block = file.read(_GLANCE)
        encoding = _wide_encoding(block)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while encoding is None and block:
                decoder.decode(block)
                block = file.read(_GLANCE)
            if encoding is None:
                decoder.decode(b"", final=True)
                return "utf-8-sig"
        except UnicodeDecodeError:
            pass
    if encoding is None:
        with open_file() as file:
            holes = b"\x81\x8d\x8f\x90\x9d"  # that cp1252 does not have
            encoding = "latin-1" if any(byte in file.read(_GLANCE) for byte in holes) else "cp1252"
    warnings.warn(f"{path} is not UTF-8 text; it was read as {encoding}. To name another: --encoding.", stacklevel=6)
    return encoding


def _wide_encoding(start: bytes) -> str | None:
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > len(start) / 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _first_lines(open_file: Opener, encoding: str) -> list[str]:
    """Return the lines at the beginning, the first whole however long; a cut one at the end is left out."""
    with open_file() as file:
        start = file.read(_GLANCE)
        rest = len(start) == _GLANCE
        while rest and not re.search(rb"[\r\n]", start):
            block = file.read(_GLANCE)
            rest, start = bool(block), start + block
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = io.StringIO(decoder.decode(start, final=not rest), newline="").readlines()
    return lines[:-1] if rest and len(lines) > 1 else lines


def _records(lines: Sequence[str], delimiter: str, skipinitialspace: bool = True) -> Iterator[list[str]]:
    with long_cells():
        for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=skipinitialspace and delimiter != " "):
            if any(cells) or len(cells) > 1:
                yield cells


@contextmanager
def long_cells() -> Iterator[None]:
    """Let the csv reader take cells as long as arrow does."""
    before = csv.field_size_limit(LARGEST_BLOCK)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _leading_comments(lines: Sequence[str], delimiter: str | None) -> int:
    """Count the lines that begin with # and are not as wide as the first that does not."""
    n = next((i for i, line in enumerate(lines) if not line.lstrip().startswith("#")), 0)
    if not n:
        return 0
    separator = delimiter or _find_delimiter(lines[n:])
    width = len(next(_records(lines[n:], separator), []))
    while n and len(next(_records(lines[n - 1 : n], separator), [])) == width > 1:
        n -= 1
    return n


def _find_delimiter(lines: Sequence[str]) -> str:
    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(cells) for cells in islice(_records(lines, delimiter), 50))
        width, n_records = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        return (n_records, width) if width > 1 else (0, 0)

    return max(DELIMITERS, key=agreement)


def _names(first: Sequence[str], header: bool, path: str) -> list[str]:
    names = [str(i) for i in range(1, len(first) + 1)]
    if header:
        names = [cell.strip() or position for cell, position in zip(first, names)]
        if all(re.fullmatch(r"[-+]?\d*[.,]?\d+", cell.strip()) for cell in first):
            warnings.warn(
                f"The names in the first line of {path} are all numbers ({', '.join(first[:5])}): if that line is "
                "data, read the file with header=False (on the command line --no-header).",
                stacklevel=6,
            )
    check_names(names, path, "; or, if its first line is data, read it with header=False (--no-header)")
    return names


def check_names(names: Sequence[str], path: str, remedy: str = "") -> None:
    """Refuse names that repeat."""
    repeated = [repr(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"column names must be unique, but {path} repeats {', '.join(repeated)}: rename them{remedy}.")
