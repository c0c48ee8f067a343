"""A table of costs by label in a text file, with delimiter and decimal mark found as those of data are."""

import csv
import io
from pathlib import Path

import numpy as np

from equipoise.tables.dialects import find_dialect
from equipoise.tables.formats import PLAIN, Ambiguous, Numbers, as_cells, find_number_format, read_numbers
from equipoise.text import listed

_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def read_costs(path: Path) -> dict[str, dict[str, float]]:
    r"""Return the costs by true class, then by decided class.

    The file has a row a true and a column a decided class; what stands in the corner does not matter. Raises ValueError
    if it is empty, rows differ in length, a class has two rows or columns, or a cell is no number; the message says how
    the file was read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "kosten.csv"
    ...     _ = path.write_text("wahr;Betrug;ok\nBetrug;0;1.200,50\nok;2,5;0\n")
    ...     read_costs(path)
    {'Betrug': {'Betrug': 0.0, 'ok': 1200.5}, 'ok': {'Betrug': 2.5, 'ok': 0.0}}
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise ValueError(f"{path} is no text file")
    if not path.read_bytes().strip():
        raise ValueError(f"{path} is empty")
    dialect = find_dialect(
        lambda: path.open("rb"),
        str(path),
        header=False,
        delimiter=None,
        encoding=None,
        tabs=path.suffix.lower() == ".tsv",
    )
    with path.open(encoding=dialect.encoding, newline="") as file:
        text = "".join(file.readlines()[dialect.skipped :])
    records = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, skipinitialspace=True)
    lines = [[cell.strip() for cell in record] for record in records if any(record)]
    read_so = f"{path} was read with {_NAMES.get(dialect.delimiter, repr(dialect.delimiter))} between cells"
    if len(lines) < 2 or len(lines[0]) < 2 or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError(f"{read_so}, and is no table of costs by label so")
    (_, *decided), *rows = lines
    for kind, names in (("rows", [true for true, *_ in rows]), ("columns", decided)):
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"{read_so}, and has several {kind} for {listed([repr(name) for name in twice])}")
    values = _numbers([cell for _, *cells in rows for cell in cells], dialect.delimiter, read_so)
    return {true: dict(zip(decided, line)) for (true, *_), line in zip(rows, values.reshape(len(rows), -1).tolist())}


def _numbers(texts: list[str], delimiter: str, read_so: str) -> Numbers:
    """Read texts by the one format that reads most of them."""
    cells = as_cells(texts)
    try:
        written = find_number_format(cells, np.ones(len(texts), dtype=np.int64), agreement=0.0) or PLAIN
    except Ambiguous as doubt:
        if PLAIN not in doubt.formats or delimiter != ",":
            raise ValueError(
                f"{read_so}, and {doubt.cell!r} reads as a number in two ways, as {' or '.join(doubt.formats)}: write "
                "it without a separator of thousands"
            ) from None
        written = PLAIN
    values = read_numbers(cells, written)
    for text, value in zip(texts, values):
        if not np.isfinite(value):
            mark = "point" if written[-2] == "." else "comma"
            said = f"{text!r} is no number" if text else "a cell is empty"
            raise ValueError(f"{read_so} and a decimal {mark}: {said}")
    return values
