"""A file as a task: its columns read and used as the options say, its findings printed before any work."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.options import Columns, Reading

if TYPE_CHECKING:
    from equipoise.datasets import Dataset


def load_task(path: Path, target: str, reading: Reading, columns: Columns, report_by: Sequence[str] = ()) -> "Dataset":
    """Read a table, take the target and the named columns out, and find the kinds and formats of the others.

    Raises
    ------
    ValueError
        If options contradict each other, one names a column that the table does not have, or a column does not read as
        its kind.
    """
    from equipoise.tables.text_encoder import check_encoder

    columns.check()
    if columns.text_encoder is not None:
        check_encoder(columns.text_encoder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        thousands = "." if columns.decimal == "," else columns.thousands
        frame = reading.table(path, target, thousands=thousands)
    notes = tuple(" ".join(str(warning.message).split()) for warning in caught)

    from equipoise import datasets
    from equipoise.datasets.checked import checked
    from equipoise.tables import TablePreprocessor
    from equipoise.tables.reading import table_name

    preprocessor = TablePreprocessor(
        decimal=columns.decimal,
        thousands=columns.thousands,
        dates=columns.dates,
        text_encoder=columns.text_encoder,
    )
    keep = [*(columns.keep or ())]
    _check_named([*columns.roles.values(), *report_by], list(map(str, frame.columns)), path)
    data = datasets.split_target(
        frame,
        target,
        name=table_name(path),
        **columns.roles,
        gap=columns.gap or 0,
        report_by=report_by,
        keep_time=columns.time in keep,
        preprocessor=preprocessor,
    )
    out = [*(columns.drop or ()), *(columns.id or ())]
    no_features = [name for name in columns.roles.values() if name not in data.X]
    _check_named([*out, *keep, *columns.kinds()], [*data.X.columns, *no_features], path)
    ids = [name for name in columns.id or () if name in data.X]
    drop = [name for name in out if name not in no_features]
    data = replace(data, notes=(*notes, *data.notes), ids=data.X[ids] if ids else None)
    data = checked(data, drop=drop, keep=keep, kinds=columns.kinds(no_features))
    if columns.text_encoder is not None and "text" not in data.preprocessor.kinds.values():
        raise ValueError(f"{path} has no column of prose for --text-encoder: remove it, or name one by --text.")
    return data


def _check_named(names: list[str], known: list[str], path: Path) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?" if near else f"its columns are {', '.join(known[:20])}."
            )
            raise ValueError(f"There is no column {name!r} in {path}: {hint}")
