"""Tables in text files: cells read by arrow.

Nothing is read as a number here: every cell is a text, or null where it is empty or an unquoted word for "missing".
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow_csv

from equipoise.tables.dialects import LARGEST_BLOCK, Dialect, Opener, long_cells
from equipoise.text import counted

NULLS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_BLOCK = 1 << 24  # bytes that arrow reads at once; a cell must fit
_PART = 1 << 21  # bytes of a part of a file that is read part by part: arrow reads up to 32 of them ahead


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
            if "straddl" not in str(error) or block == LARGEST_BLOCK:
                raise _in_other_words(error, open_file, dialect, path) from error
            block = LARGEST_BLOCK


def text_batches(
    open_file: Opener,
    dialect: Dialect,
    path: str,
    *,
    literal: str | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Read a file, or some columns of it, part by part, in memory that does not grow; otherwise as `read_texts`."""
    try:
        with open_file() as file, open_file() as again:
            wanted = dialect.names if columns is None else [name for name in dialect.names if name in columns]
            if wanted == [literal]:
                for cells in _open_csv(file, dialect, _PART, only=literal):
                    yield pa.Table.from_batches([cells])
                return
            whole = _open_csv(file, dialect, _PART, columns=wanted)
            if literal is None or literal not in wanted:
                yield from (pa.Table.from_batches([batch]) for batch in whole)
                return
            own = _open_csv(again, dialect, _PART, only=literal)
            for batch, cells in zip(whole, own, strict=True):
                table = pa.Table.from_batches([batch])
                yield table.set_column(wanted.index(literal), literal, pa.chunked_array(cells.columns))
    except pa.ArrowInvalid as error:
        raise _in_other_words(error, open_file, dialect, path) from error


def _open_csv(
    file: BinaryIO, dialect: Dialect, block: int, only: str | None = None, columns: Sequence[str] = ()
) -> arrow_csv.CSVStreamingReader:
    """Begin to read all columns or some, or one alone, in which words for "missing" are texts."""
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
            include_columns=list(columns) if only is None else [only],
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
    with open_file() as file, long_cells():
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
    with open_file() as file, long_cells():
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
