"""Tables written part by part: csv, tsv, parquet and xlsx."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.files import replacing

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".parquet", ".xlsx")


def _columns_of(path: Path) -> list[str]:
    """Return the names of a file's columns; none where it is no table."""
    import pandas as pd

    from equipoise.tables.reading import file_columns

    try:
        if path.suffix.lower() == ".xlsx":
            return list(pd.read_excel(path, engine="calamine", nrows=0).columns)
        return file_columns(path)
    except Exception:  # whatever the reader of a file that is no table raises
        return []


def check_replaceable(out: Path, names: list[str]) -> None:
    """Refuse to replace a file that is no earlier output of the same model."""
    if out.exists() and _columns_of(out)[-len(names) :] != names:
        raise FileExistsError(
            f"{out} exists and was not written with this model: name another file (--out) or remove it."
        )


def write(parts: Iterable["pd.DataFrame"], path: Path, delimiter: str = ",", decimal: str = ".") -> int:
    """Write the parts of a table to a file that takes its name when it is whole; return the number of rows.

    Delimiter and decimal mark are those of a csv file; tabs separate the cells of a tsv file.
    """
    with replacing(path) as draft:
        kind = path.suffix.lower()
        if kind == ".parquet":
            return _write_parquet(parts, draft)
        if kind == ".xlsx":
            return _write_excel(parts, draft)
        separator, n_rows = "\t" if kind == ".tsv" else delimiter, 0
        for part in parts:
            part.to_csv(draft, index=False, sep=separator, decimal=decimal, mode="a", header=not draft.exists())
            n_rows += len(part)
        return n_rows


def _write_parquet(parts: Iterable["pd.DataFrame"], draft: Path) -> int:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    writer, n_rows = None, 0
    try:
        for part in parts:
            table = pa.Table.from_pandas(part, preserve_index=False)
            writer = writer or ParquetWriter(draft, table.schema)
            writer.write_table(table.cast(writer.schema))
            n_rows += len(part)
    finally:
        if writer is not None:
            writer.close()
    return n_rows


def _write_excel(parts: Iterable["pd.DataFrame"], draft: Path) -> int:
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise ImportError("xlsx files need the package openpyxl: pip install 'equipoise[excel]'.") from error
    book = Workbook(write_only=True)
    sheet, n_rows = book.create_sheet(), 0
    for part in parts:
        cells = part.astype(object).where(part.notna(), None)
        if not n_rows:
            sheet.append(list(cells.columns))
        for row in cells.itertuples(index=False, name=None):
            sheet.append(row)
        n_rows += len(part)
    book.save(draft)
    return n_rows
