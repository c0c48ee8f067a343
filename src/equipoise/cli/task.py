"""A file as a task: its columns read and used as the options say, its findings printed before any work."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equipoise.cli.options import Columns, Reading
from equipoise.files import TABLE_ENDINGS, table_files
from equipoise.text import near_names

if TYPE_CHECKING:
    from equipoise.datasets import Dataset
    from equipoise.deadline import Deadline


_PART_OF_MEMORY = 0.25  # that a table may take
_MANY_ROWS, _MANY_BYTES = 100_000, 20 << 20  # of a table, that the pace of reading is measured for


def load_task(
    path: Path,
    target: str,
    reading: Reading,
    columns: Columns,
    report_by: Sequence[str] = (),
    *,
    seed: int = 0,
    deadline: "Deadline | None" = None,
    passes: int = 1,
    read_before: tuple[int, int] | None = None,
) -> "Dataset":
    """Read a table, take the target and the named columns out, and find the kinds and formats of the others.

    Of a folder, and of a file that would take a quarter of the memory, a sample by class is drawn. With a deadline it
    is so small that its rows can be made numbers ``passes`` times, and is also that of another large file for which
    there is no time; where there is none to read all of a table, some of its files or row groups are drawn.
    ``read_before`` are the rows, and the parts that were drawn (0: none), of a comparison that goes on with them.
    """
    columns.check()

    from equipoise.datasets.in_time import drawn_parts, rows_in_time
    from equipoise.tables import TablePreprocessor
    from equipoise.tables.text_encoder import check_encoder

    preprocessor = TablePreprocessor(
        decimal=columns.decimal, thousands=columns.thousands, dates=columns.dates, text_encoder=columns.text_encoder
    )
    if columns.text_encoder is not None:
        check_encoder(columns.text_encoder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        thousands = "." if columns.decimal == "," else columns.thousands
        opened, n_parts = reading.opened(path) if path.is_dir() or _is_large(path) else None, 0
        most = None if opened is None else opened.largest_sample
        if (
            deadline is not None
            and (about := _rows_about(path))
            and "weights" not in columns.roles
            and _is_long(path, about)
        ):
            whole, (rows, n_parts) = opened or reading.opened(path), read_before or (0, 0)
            parts = drawn_parts(whole, n_parts, deadline, seed) if n_parts else whole
            if not rows:
                parts, rows = rows_in_time(whole, about, target, preprocessor, deadline, passes, seed=seed)
            n_parts = 0 if parts is whole else len(parts.parts)
            if rows < (most or about) or n_parts:
                opened, most = parts, rows
        frame = opened or reading.table(path, target, thousands=thousands)
    notes = tuple(" ".join(str(warning.message).split()) for warning in caught)

    from equipoise import datasets
    from equipoise.datasets.checked import checked
    from equipoise.tables.reading import table_name

    keep = [*(columns.keep or ())]
    given: dict[str, Any] = {
        **columns.roles,
        "gap": columns.gap or 0,
        "report_by": report_by,
        "keep_time": columns.time in keep,
    }
    _check_named([*columns.roles.values(), *report_by], list(map(str, frame.columns)), path)
    if opened is not None:
        data = opened.sample(target, most_rows=most, random_state=seed, preprocessor=preprocessor, **given)
    else:
        data = datasets.split_target(frame, target, name=table_name(path), preprocessor=preprocessor, **given)
    out = [*(columns.drop or ()), *(columns.id or ())]
    no_features = [name for name in columns.roles.values() if name not in data.X]
    _check_named([*out, *keep, *columns.kinds()], [*data.X.columns, *no_features], path)
    ids = [name for name in columns.id or () if name in data.X]
    drop = [name for name in out if name not in no_features]
    data = replace(data, notes=(*notes, *data.notes), ids=data.X[ids] if ids else None, n_parts=n_parts)
    marks = reading.missing_values or ()
    data = checked(data, drop=drop, keep=keep, kinds=columns.kinds(no_features), marks=marks, deadline=deadline)
    if columns.text_encoder is not None and "text" not in data.preprocessor.kinds.values():
        raise ValueError(f"{path} has no column of prose for --text-encoder: remove it, or name one by --text.")
    return data


def check_columns(path: Path, target: str, reading: Reading, columns: Columns, report_by: Sequence[str] = ()) -> None:
    """Refuse options that name columns which a table does not have, before its rows and slow packages are read."""
    columns.check()
    if not (path.is_dir() or _in_parts(path) or path.suffix.lower() == ".xlsx"):
        return  # all of it is to be read

    from equipoise.datasets.target import target_column

    known = reading.columns(path)
    target_column(known, target, str(path))
    of_use = [*(columns.drop or ()), *(columns.id or ()), *(columns.keep or ()), *columns.kinds()]
    _check_named([*columns.roles.values(), *report_by, *of_use], known, path)


def _rows_about(path: Path) -> float:
    """Return about how many rows a folder or file has; 0 where it cannot be read part by part."""
    from equipoise.tables.reading import rows_about

    files = table_files(path) if path.is_dir() else [path]
    return sum(map(rows_about, files)) if all(map(_in_parts, files)) else 0.0


def _is_long(path: Path, n_rows: float) -> bool:
    """Whether the reading of a table, and making it numbers, may take a part of a time limit that matters."""
    files = table_files(path) if path.is_dir() else [path]
    return n_rows > _MANY_ROWS or sum(file.stat().st_size for file in files) > _MANY_BYTES


def _in_parts(path: Path) -> bool:
    """Whether a file is of a kind that can be read part by part."""
    return path.is_file() and path.name.lower().endswith(TABLE_ENDINGS)


def _is_large(path: Path) -> bool:
    """Whether a file of a kind that can be read part by part would take a large part of the memory."""
    ending = path.name.lower().removesuffix(".gz")
    if ending.endswith(".npy"):
        return True
    if not _in_parts(path):
        return False
    size = path.stat().st_size * (4 if path.suffix.lower() == ".gz" else 1)
    if ending.endswith(".parquet"):
        from equipoise.tables.parquet import open_parquet

        shape = open_parquet(path).metadata
        size = 8 * shape.num_rows * shape.num_columns
    return size > _PART_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_named(names: list[str], known: list[str], path: Path) -> None:
    for name in names:
        if name not in known:
            near = near_names(name, known)
            hint = f"its columns are {', '.join(known[:20])}."
            if set(name.split(",")) <= set(known):
                hint = "separate names by blanks."
            elif near:
                hint = f"did you mean {' or '.join(map(repr, near))}?"
            raise ValueError(f"There is no column {name!r} in {path}: {hint}")
