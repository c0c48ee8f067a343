"""Parquet files as arrays on disk, for tables that memory does not hold.

A search over rows asks for rows of every row group at every step, and a row group is decoded whole: so each is
decoded once, into a file that gives any row at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray
from pyarrow import types

from equipoise.files import replacing
from equipoise.tables.parquet import open_parquet, parquet_batches

_UNNAMED_INDEX = "__index_level_"  # how pandas writes the numbers of rows that were selected


def map_parquet(
    source: str | Path, target: str, folder: str | Path, *, columns: Sequence[str] | None = None
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Write a parquet data set as memory-mapped arrays, a part of a row group at a time.

    Parameters
    ----------
    source : str or Path
        A parquet file, or a folder of such with the same columns, which are read in the order of their names.
    target : str
        Column of the labels: text, numbers or booleans.
    folder : str or Path
        Where ``X.npy`` and ``y.npy`` are written, 4 bytes a number; made if need be. Later,
        ``numpy.load(..., mmap_mode="r")`` opens them at once.
    columns : sequence of str, optional
        Features, in the order wanted; by default all columns but the target and pandas' unnamed index. Numbers
        or booleans.

    Returns
    -------
    X : memmap of shape (n, n_features), float32
        Whole numbers beyond 2**24 are rounded to 24 bits.
    y : memmap of shape (n,)
        Labels of the column's type; text of as many characters as the longest has.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or the folder holds none that ends in ``.parquet``.
    ValueError
        If a column is absent, a feature is not of numbers, or a value is missing or too large for float32.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> from equipoise import MUBO
    >>> from equipoise.datasets import map_parquet
    >>> table = pd.DataFrame({"size": range(300), "label": ["rare" if i % 20 == 0 else "common" for i in range(300)]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.to_parquet(pathlib.Path(folder) / "table.parquet")
    ...     X, y = map_parquet(pathlib.Path(folder) / "table.parquet", "label", folder)
    ...     X_small, y_small = MUBO(max_iter=2, max_epochs=2, random_state=0).fit_resample(X, y)
    >>> X.shape, str(y[0]), int((y_small == "rare").sum())
    ((300, 1), 'rare', 15)
    """
    paths, folder = _files(Path(source)), Path(folder)
    schema = open_parquet(paths[0]).schema_arrow
    others = [name for name in schema.names if name != target and not name.startswith(_UNNAMED_INDEX)]
    names = others if columns is None else list(columns)
    if target in names:
        raise ValueError(f"the target must not be a feature, but columns holds {target!r}: leave it out.")
    for path in paths:
        found = open_parquet(path).schema_arrow
        _check_columns(found, names, target, path)
        _check_labels(_plain(found.field(target).type), _plain(schema.field(target).type), target, path)
    n = sum(open_parquet(path).metadata.num_rows for path in paths)
    if not n or not names:
        raise ValueError(f"a table needs rows and features, but {source} has {n} rows and {len(names)} features.")
    kind = _label_type(paths, target, schema.field(target).type)
    folder.mkdir(parents=True, exist_ok=True)
    with _written(folder / "X.npy", np.float32, (n, len(names))) as X, _written(folder / "y.npy", kind, (n,)) as y:
        start = 0
        for path, batch in _batches(paths, [*names, target]):
            end = start + len(batch)
            X[start:end], y[start:end] = _numbers(batch, names, path), _labels(batch, target, path)
            start = end
    return np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy", mmap_mode="r")


def _files(source: Path) -> list[Path]:
    found = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    if not found:
        raise FileNotFoundError(f"there is no file that ends in .parquet in {source}: name the folder that has some.")
    if not found[0].exists():
        raise FileNotFoundError(f"there is no file or folder {source}: name the parquet data set to read.")
    return found


def _check_columns(schema: pa.Schema, names: Sequence[str], target: str, path: Path) -> None:
    for name in (*names, target):
        if schema.names.count(name) != 1:
            raise ValueError(
                f"{path} must have one column {name!r}, but its columns are {', '.join(map(repr, schema.names))}."
            )
    for name in names:
        kind = schema.field(name).type
        if not _is_number(kind):
            raise ValueError(
                f"features must be numbers, but column {name!r} of {path} is of type {kind}: encode it before, or name "
                f"the features to take in columns=[...]."
            )


def _check_labels(kind: pa.DataType, first: pa.DataType, target: str, path: Path) -> None:
    place = f"column {target!r} of {path} is of type {kind}"
    if not (_is_number(kind) or types.is_string(kind) or types.is_large_string(kind)):
        raise ValueError(f"labels must be text, numbers or booleans, but {place}: write them as text before.")
    if kind != first:
        raise ValueError(f"labels must be of one type in all files, but {place}, and {first} in the first file.")


def _is_number(kind: pa.DataType) -> bool:
    return any(is_(kind) for is_ in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if types.is_dictionary(kind) else kind


def _label_type(paths: Sequence[Path], target: str, kind: pa.DataType) -> DTypeLike:
    """Return what holds every label; text needs a look at all of them."""
    if _is_number(_plain(kind)):
        return np.dtype(_plain(kind).to_pandas_dtype())
    lengths = [pc.max(pc.utf8_length(_text(batch[target]))).as_py() or 0 for _, batch in _batches(paths, [target])]
    return np.dtype(("U", max(1, *lengths)))


def _text(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _batches(paths: Sequence[Path], names: Sequence[str]) -> Iterator[tuple[Path, pa.RecordBatch]]:
    for path in paths:
        yield from ((path, batch) for batch in parquet_batches(path, names))


def _numbers(batch: pa.RecordBatch, names: Sequence[str], path: Path) -> NDArray[np.float32]:
    values = np.empty((len(batch), len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        values[:, place] = pc.cast(batch[name], pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    absent = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(absent):
        raise ValueError(
            f"column {names[absent[0]]!r} of {path} has values that are missing or that float32 cannot hold: fill "
            f"them or drop their rows before, or leave the column out with columns=[...]."
        )
    return values


def _labels(batch: pa.RecordBatch, target: str, path: Path) -> NDArray[Any]:
    if batch[target].null_count:
        raise ValueError(f"column {target!r} of {path} lacks labels: drop the rows without one before.")
    return _text(batch[target]).to_numpy(zero_copy_only=False)


@contextmanager
def _written(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Give an array on disk to fill, which takes its name only when it is whole."""
    with replacing(path) as draft:
        array = open_memmap(draft, "w+", dtype, shape)
        yield array
        array.flush()
