"""Parquet files part by part; what is damaged is named by file and row group."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from equipoise.text import listed

ROWS_AT_ONCE = 1 << 16


def open_parquet(path: Path) -> ParquetFile:
    """Open a file without reading its rows.

    Raises ValueError if it is no parquet file, or cut short.
    """
    try:
        return ParquetFile(path, memory_map=True)  # else whole columns of a row group come to lie in memory
    except pa.ArrowException as error:
        raise ValueError(
            f"{path} cannot be read as parquet ({error}): it is cut short or damaged; copy or write it again."
        ) from error


def check_footers(files: Sequence[Path]) -> None:
    """Open all files of a table without reading their rows, and name all that cannot be read; others are not opened.

    Raises ValueError.
    """
    damaged: dict[Path, str] = {}
    for path in files:
        if path.suffix.lower() == ".parquet":
            try:
                open_parquet(path).close()
            except ValueError as error:
                damaged[path] = str(error)
    if len(damaged) == 1:
        raise ValueError(*damaged.values())
    if damaged:
        raise ValueError(
            f"{len(damaged):,} of {len(files):,} files of {files[0].parent} cannot be read as parquet: "
            f"{listed((path.name for path in damaged), most=20)}. They are cut short or damaged: copy or write them "
            "again, or take them out of the folder."
        )


def parquet_batches(
    path: Path, columns: Sequence[str] | None = None, row_group: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Read a file, or one of its row groups, in parts of the row groups.

    Raises ValueError if a row group is damaged.
    """
    file = open_parquet(path)
    for group in range(file.num_row_groups) if row_group is None else [row_group]:
        wanted = None if columns is None else list(columns)
        try:
            yield from file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=wanted, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"Row group {group} of {path} (of {file.num_row_groups}, the first is 0) is damaged ({error}): copy "
                "the file or write it again."
            ) from error
