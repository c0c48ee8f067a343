"""What an open table is read from: files, arrays, frames and the data sets of arrow, Dask and Ray, part by part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.files import TABLE_ENDINGS, is_mapped, table_files
from equipoise.tables.parquet import ROWS_AT_ONCE, check_footers, open_parquet
from equipoise.tables.reading import Keep, file_columns, plain_names, table_batches
from equipoise.tables.text_cells import without_marks
from equipoise.text import counted, listed

Names = Sequence[str] | None

_ROWS_OF_A_PART = 1 << 20  # of an array


@dataclass(frozen=True)
class Part:
    """A part of a table that one process reads: a file, or a partition."""

    name: str  # for messages
    # ``(columns or None, target or None) -> iterator of data frames``; can be pickled
    read: Callable[[Names, str | None], Iterator[pd.DataFrame]]
    of_file: bool = False

    def pieces(self) -> list["Part"]:
        """Return the row groups of a parquet file as parts; what has none is one piece."""
        if not (self.of_file and self.name.lower().endswith(".parquet")):
            return [self]
        with open_parquet(Path(self.name)) as file:
            n_groups = file.num_row_groups
        groups = [partial(self.read, row_group=group) for group in range(n_groups)]  # type: ignore[call-arg]
        return [replace(self, read=read) for read in groups]

    def chosen(self, target: str, keep: Keep) -> Iterator[pd.DataFrame]:
        """Yield the rows that ``keep`` chooses by their target; of a file, no others become cells."""
        if self.of_file:
            yield from self.read(None, target, keep=keep)  # type: ignore[call-arg]
            return
        for block in self.read(None, target):
            yield block[keep(block[target])]


@dataclass(frozen=True)
class Source:
    """Columns and parts of a table, and whether its cells are text that is yet to be read as numbers."""

    columns: list[str]
    parts: Sequence[Part]
    as_text: bool = False


def source_of(given: Any, reading: dict[str, Any]) -> Source:
    """Open what a user gives; see `equipoise.datasets.open_table`."""
    if isinstance(given, str | Path):
        return _of_path(Path(given), reading)
    if given_options := [name for name, value in reading.items() if value not in (True, None, ())]:
        raise ValueError(f"{listed(given_options)}: these options are for files; leave them out.")
    if isinstance(given, np.ndarray):
        return _of_array(given)
    package = type(given).__module__.partition(".")[0]
    if package == "pyarrow" and hasattr(given, "get_fragments"):
        return Source(plain_names(pd.Index(given.schema.names)), [Part("the data set", partial(_arrow, given))])
    if package in ("dask", "dask_expr") and hasattr(given, "partitions"):
        parts = [Part(f"partition {i}", partial(_dask, given.partitions[i])) for i in range(given.npartitions)]
        return Source(plain_names(given.columns), parts)
    if package == "ray" and hasattr(given, "iter_batches"):
        return Source(plain_names(pd.Index(given.schema().names)), [Part("the data set", partial(_ray, given))])
    try:
        frame = nw.from_native(given, eager_only=True).to_pandas()
    except TypeError:
        raise TypeError(
            "open_table takes a path, a 2-D array, a data frame, or a data set of pyarrow, Dask or Ray; got "
            f"{type(given).__name__}."
        ) from None
    frame = frame.reset_index(drop=True).set_axis(plain_names(frame.columns), axis=1)
    return Source(list(frame.columns), [Part("the frame", partial(_frame, frame))])


def _of_path(path: Path, reading: dict[str, Any]) -> Source:
    if path.is_dir() and is_mapped(path):
        X, y = (np.load(path / name, mmap_mode="r") for name in ("X.npy", "y.npy"))
        return _of_array(X, y)
    if path.suffix.lower() == ".npy":
        return _of_array(np.load(path, mmap_mode="r"))
    files = table_files(path) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(
            f"{path} holds no table: a folder of a table has no folders, and files that end in "
            f"{listed(TABLE_ENDINGS, 'or')}."
        )
    check_footers(files)
    columns = _same_columns(files, reading)
    parts = [Part(str(file), partial(_file, file, reading, columns), of_file=True) for file in files]
    return Source(columns, parts, as_text=files[0].suffix.lower() != ".parquet")


def _same_columns(files: Sequence[Path], reading: dict[str, Any]) -> list[str]:
    first = file_columns(files[0], **reading)
    for file in files[1:]:
        names = file_columns(file, **reading)
        if set(names) != set(first):
            lacks, more = ([n for n in a if n not in b] for a, b in ((first, names), (names, first)))
            said = [f"lacks {listed(map(repr, lacks), most=5)}"] if lacks else []
            said += [f"has {listed(map(repr, more), most=5)} in addition"] if more else []
            raise ValueError(
                f"All files of a table must have the same columns, but {file} {' and '.join(said)}, compared with "
                f"{files[0].name}: mend it, or take it out of the folder."
            )
    return first


def _file(
    path: Path,
    reading: dict[str, Any],
    columns: list[str],
    wanted: Names,
    target: str | None,
    keep: Keep | None = None,
    row_group: int | None = None,
) -> Iterator[pd.DataFrame]:
    names = columns if wanted is None else list(wanted)
    for frame in table_batches(path, **reading, target=target, columns=names, keep=keep, row_group=row_group):
        yield frame[names]


def _of_array(X: Any, y: Any = None) -> Source:
    if X.ndim != 2 or (not np.issubdtype(X.dtype, np.number) and X.dtype != bool):
        raise ValueError(f"An array of a table has numbers in rows and columns, got shape {X.shape} of {X.dtype}.")
    columns = [str(i + 1) for i in range(X.shape[1])]
    if y is not None and len(y) != len(X):
        raise ValueError(f"X.npy and y.npy must be of one length, but have {counted(len(X), 'row')} and {len(y):,}.")
    parts = []
    for start in range(0, max(1, len(X)), _ROWS_OF_A_PART):
        end = min(start + _ROWS_OF_A_PART, len(X))
        of_part = (_Rows(X, start, end), None if y is None else _Rows(y, start, end))
        parts.append(Part(f"rows {start:,} to {end - 1:,}", partial(_array, *of_part, columns)))
    return Source([*columns, *(["y"] if y is not None else [])], parts)


class _Rows:
    """Rows of an array. A copy for another process has them, or names the file where they are memory-mapped."""

    def __init__(self, array: NDArray[Any], start: int, end: int) -> None:
        self._array, self._start, self._end = array, start, end

    def read(self) -> NDArray[Any]:
        """Return the rows, a view."""
        return self._array[self._start : self._end]

    def __reduce__(self) -> tuple[Any, ...]:
        array = self._array
        if isinstance(array, np.memmap) and isinstance(array.base, mmap) and array.mode == "r":
            order = "C" if array.flags.c_contiguous else "F"
            place = (array.filename, array.dtype, "r", array.offset, array.shape, order)
            return _Rows._mapped, (place, self._start, self._end)
        return _Rows, (np.ascontiguousarray(self.read()), 0, self._end - self._start)

    @staticmethod
    def _mapped(place: tuple[Any, ...], start: int, end: int) -> "_Rows":
        return _Rows(np.memmap(*place), start, end)


def _array(
    of_X: _Rows, of_y: _Rows | None, columns: list[str], wanted: Names, target: str | None
) -> Iterator[pd.DataFrame]:
    places = [i for i, name in enumerate(columns) if wanted is None or name in wanted]
    X, y = of_X.read(), None if of_y is None else of_y.read()
    for start in range(0, len(X), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        frame = pd.DataFrame(np.asarray(X[rows])[:, places], columns=[columns[i] for i in places])
        if y is not None and (wanted is None or "y" in wanted):
            frame["y"] = y[rows]
        yield frame


def _frame(frame: pd.DataFrame, wanted: Names, target: str | None) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), ROWS_AT_ONCE):
        yield _selected(frame.iloc[start : start + ROWS_AT_ONCE], wanted)


def _arrow(dataset: Any, wanted: Names, target: str | None) -> Iterator[pd.DataFrame]:
    columns = None if wanted is None else list(wanted)
    for batch in dataset.to_batches(columns=columns, batch_size=ROWS_AT_ONCE):
        if len(batch):
            yield _selected(batch.to_pandas(), wanted)


def _dask(partition: Any, wanted: Names, target: str | None) -> Iterator[pd.DataFrame]:
    frame = (partition if wanted is None else partition[list(wanted)]).compute()
    yield from _frame(frame, wanted, target)


def _ray(dataset: Any, wanted: Names, target: str | None) -> Iterator[pd.DataFrame]:
    chosen = dataset if wanted is None else dataset.select_columns(list(wanted))
    for frame in chosen.iter_batches(batch_size=ROWS_AT_ONCE, batch_format="pandas"):
        yield _selected(frame, wanted)


def _selected(frame: pd.DataFrame, wanted: Names) -> pd.DataFrame:
    named = frame.set_axis(plain_names(frame.columns), axis=1).reset_index(drop=True)
    return without_marks(named if wanted is None else named[list(wanted)], ())
