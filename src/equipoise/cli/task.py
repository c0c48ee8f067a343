"""A file as a task: its columns read and used as the options say, its findings printed before any work."""

import warnings
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.options import Columns, Reading

if TYPE_CHECKING:
    from equipoise.datasets import Dataset


def load_task(path: Path, target: str, reading: Reading, columns: Columns) -> "Dataset":
    """Read a table, take the target and the named columns out, and find the kinds and formats of the others.

    Raises
    ------
    ValueError
        If an option names a column that the table does not have, or a column does not read as its kind.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = reading.table(path, target)

        from equipoise import datasets
        from equipoise.tables import TablePreprocessor

        data = datasets.split_target(frame, target, name=path.stem)
        out = [*(columns.drop or ()), *(columns.id or ())]
        _check_named([*out, *(columns.keep or ()), *columns.kinds()], list(data.X.columns), path)
        preprocessor = TablePreprocessor(
            kinds=columns.kinds(out),
            decimal=columns.decimal,
            thousands=columns.thousands,
            dates=columns.dates,
        )
        X = data.X.drop(columns=out)
        preprocessor = preprocessor.fit(X).pinned()
    notes = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    return replace(data, X=X, preprocessor=preprocessor, notes=(*data.notes, *notes))


def _check_named(names: list[str], known: list[str], path: Path) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?" if near else f"its columns are {', '.join(known[:20])}."
            )
            raise ValueError(f"There is no column {name!r} in {path}: {hint}")
