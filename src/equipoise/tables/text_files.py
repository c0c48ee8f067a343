"""Tables in text files: encoding, delimiter and header found at the first glance, cells read by arrow.

Nothing is read as a number here: every cell is a text, or null where it is empty or an unquoted word for "missing".
"""

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

import pyarrow as pa
from pyarrow import csv as arrow_csv

from equipoise.text import counted

DELIMITERS = (",", ";", "\t", "|")
NULLS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_GLANCE = 1 << 18  # bytes
_BLOCK = 1 << 24  # bytes that arrow reads at once; a cell must fit
_PART = 1 << 21  # bytes of a part of a file that is read part by part: arrow reads up to 32 of them ahead
_LARGEST_BLOCK = (1 << 31) - 2

Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Attributes
    ----------
    encoding : str
    delimiter : str
    names : list of str
        Of the columns.
    skipped : int
        Lines before the header, or before the data where there is none.
    header : bool
    padded : bool
        Whether blanks follow delimiters, before quotes too.
    """

    encoding: str
    delimiter: str
    names: list[str]
    skipped: int
    header: bool
    padded: bool


def find_dialect(
    open_file: Opener, path: str, *, header: bool, delimiter: str | None, encoding: str | None, tabs: bool
) -> Dialect:
    """Look at the beginning of a file; what is guessed and unusual is said in a warning.

    Raises
    ------
    ValueError
        If the file is empty, column names repeat, or delimiter or encoding are none.
    UnicodeError
        If the bytes are not of a named encoding.
    """
    _check_options(delimiter, encoding)
    encoding = _as_python_reads(encoding) if encoding else _find_encoding(open_file, path)
    lines = _first_lines(open_file, encoding)
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    if skipped < len(lines) and (named := re.match(r"(?i)^sep=(.)\s*$", lines[skipped])):
        delimiter, skipped = delimiter or named[1], skipped + 1
    n_comments = _leading_comments(lines[skipped:], delimiter)
    if n_comments:
        comments = counted(n_comments, "comment line")
        warnings.warn(f"{path} begins with {comments}, left out: {lines[skipped]:.60}", stacklevel=4)
    skipped += n_comments
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    delimiter = delimiter or ("\t" if tabs else _find_delimiter(lines[skipped:]))
    first = next(_records(lines[skipped:], delimiter), [])
    if not any(cell.strip() for cell in first):
        raise ValueError(f"{path} is empty: a table needs a row of names and rows of data.")
    names = _names(first, header, path)
    blank = delimiter != " " and any(
        cell[:1].isspace() for record in islice(_records(lines[skipped:], delimiter, False), 50) for cell in record[1:]
    )
    return Dialect(encoding, delimiter, names, skipped, header, blank)


def read_texts(open_file: Opener, dialect: Dialect, path: str, *, literal: str | None = None) -> pa.Table:
    """Read a whole file; words for "missing" in the column `literal` are texts, and only empty cells null."""
    block = _BLOCK
    while True:
        try:
            with open_file() as file:
                table = _open_csv(file, dialect, block).read_all()
            if literal is not None:
                with open_file() as file:
                    own = _open_csv(file, dialect, block, only=literal).read_all()[literal]
                table = table.set_column(dialect.names.index(literal), literal, own)
            return table
        except pa.ArrowInvalid as error:
            if "straddl" not in str(error) or block == _LARGEST_BLOCK:
                raise _in_other_words(error, open_file, dialect, path) from error
            block = _LARGEST_BLOCK


def text_batches(open_file: Opener, dialect: Dialect, path: str, *, literal: str | None = None) -> Iterator[pa.Table]:
    """Read a file part by part, in memory that does not grow with it; otherwise as `read_texts`."""
    try:
        with open_file() as file, open_file() as again:
            whole = _open_csv(file, dialect, _PART)
            if literal is None:
                yield from (pa.Table.from_batches([batch]) for batch in whole)
                return
            own = _open_csv(again, dialect, _PART, only=literal)
            for batch, cells in zip(whole, own, strict=True):
                table = pa.Table.from_batches([batch])
                yield table.set_column(dialect.names.index(literal), literal, pa.chunked_array(cells.columns))
    except pa.ArrowInvalid as error:
        raise _in_other_words(error, open_file, dialect, path) from error


def _open_csv(file: BinaryIO, dialect: Dialect, block: int, only: str | None = None) -> arrow_csv.CSVStreamingReader:
    encoding = dialect.encoding
    if dialect.padded:
        text = _without_padding(io.TextIOWrapper(file, encoding, newline="").read(), dialect.delimiter)
        encoding, file = "utf-8", io.BytesIO(text.encode())
    return arrow_csv.open_csv(
        file,
        arrow_csv.ReadOptions(
            use_threads=False,
            block_size=block,
            column_names=dialect.names,
            skip_rows=dialect.skipped,
            skip_rows_after_names=int(dialect.header),
            encoding="utf-8" if encoding == "utf-8-sig" else encoding,
        ),
        arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
        arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(dialect.names, pa.large_string()),
            null_values=list(NULLS) if only is None else [""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            include_columns=[] if only is None else [only],
        ),
    )


def _without_padding(text: str, delimiter: str) -> str:
    """Take blanks after delimiters away, but not within quotes."""
    bare = re.escape(delimiter)
    pattern = rf'((?:^|(?<=[\r\n{bare}]))[ \t]*"(?:[^"]|"")*")|(?<={bare})[ \t]+'
    return re.sub(pattern, lambda match: (match[1] or "").strip(" \t"), text)


def _check_widths(open_file: Opener, dialect: Dialect, path: str) -> None:
    """Refuse the file by its first record that is too short or too long: arrow knows only that there is one."""
    width, wrong = len(dialect.names), None
    with open_file() as file, _long_cells():
        lines = io.TextIOWrapper(file, dialect.encoding, newline="")
        for _ in range(dialect.skipped):
            lines.readline()
        reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.delimiter != " ")
        for cells in reader:
            if not any(cells) and len(cells) <= 1:
                continue
            if wrong:
                raise ValueError(
                    f"line {wrong[0]} of {path} has {counted(wrong[1], 'cell')} where the first line has {width} "
                    f"(separated by {dialect.delimiter!r}): repair it, or name another delimiter."
                )
            wrong = (reader.line_num + dialect.skipped, len(cells)) if len(cells) != width else None
    if wrong:
        raise ValueError(
            f"line {wrong[0]}, the last of {path}, has {counted(wrong[1], 'cell')} where the first line has {width}: "
            "the file is cut short, or a quotation mark is left open."
        )


def check_quotes(open_file: Opener, dialect: Dialect, path: str) -> None:
    """Refuse a file whose last quotation mark is left open: arrow takes the rest of the file for one cell."""
    quote = '"'.encode(dialect.encoding.removesuffix("-sig") if "16" not in dialect.encoding else "latin-1")
    with open_file() as file:
        count = sum(block.count(quote) for block in iter(lambda: file.read(1 << 22), b""))
    if count % 2 == 0:
        return
    with open_file() as file, _long_cells():
        lines = io.TextIOWrapper(file, dialect.encoding, newline="")
        try:
            for _ in csv.reader(lines, delimiter=dialect.delimiter, strict=True, skipinitialspace=True):
                pass
        except csv.Error as error:
            if "end of data" in str(error):
                raise ValueError(
                    f"{path} cannot be read as a table: it is cut short, or a quotation mark is left open."
                ) from error


def _in_other_words(error: Exception, open_file: Opener, dialect: Dialect, path: str) -> Exception:
    if "columns, got" in str(error):
        _check_widths(open_file, dialect, path)
    if "invalid UTF8" in str(error):
        return UnicodeError(str(error))
    return ValueError(f"{path} cannot be read as a table ({error}): it is cut short, or a quotation mark is left open.")


def _check_options(delimiter: str | None, encoding: str | None) -> None:
    if delimiter is not None and len(delimiter) != 1:
        raise ValueError(f"delimiter must be a single character, got {delimiter!r}.")
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, such as 'utf-8', got {encoding!r}.") from None


def _as_python_reads(encoding: str) -> str:
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


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
    encoding = encoding or _one_byte_encoding(open_file)
    warnings.warn(f"{path} is not UTF-8 text; it was read as {encoding}. To name another: --encoding.", stacklevel=5)
    return encoding


def _wide_encoding(start: bytes) -> str | None:
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > len(start) / 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _one_byte_encoding(open_file: Opener) -> str:
    with open_file() as file:
        holes = b"\x81\x8d\x8f\x90\x9d"  # that cp1252 does not have
        return "latin-1" if any(byte in file.read(_GLANCE) for byte in holes) else "cp1252"


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
    with _long_cells():
        for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=skipinitialspace and delimiter != " "):
            if any(cells) or len(cells) > 1:
                yield cells


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(_LARGEST_BLOCK)
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
                stacklevel=5,
            )
    check_names(names, path, "; or, if its first line is data, read it with header=False (--no-header)")
    return names


def check_names(names: Sequence[str], path: str, remedy: str = "") -> None:
    """Refuse names that repeat."""
    repeated = [repr(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"column names must be unique, but {path} repeats {', '.join(repeated)}: rename them{remedy}.")
