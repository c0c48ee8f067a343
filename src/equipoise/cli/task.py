"""A file as a task: its columns read and used as the options say, its findings printed before any work."""

import warnings
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.options import Columns, Reading

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from equipoise.datasets import Dataset


_MOST_ROWS = 20_000  # beyond, holding equal rows together would take long


def load_task(path: Path, target: str, reading: Reading, columns: Columns) -> "Dataset":
    """Read a table, take the target and the named columns out, and find the kinds and formats of the others.

    Raises
    ------
    ValueError
        If an option names a column that the table does not have, or a column does not read as its kind.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for twice in (r"(?s)Column .*: taken for missing", r"(?s)Column .* stand far apart"):  # findings, with counts
            warnings.filterwarnings("ignore", twice)
        frame = reading.table(path, target)

        from equipoise import datasets
        from equipoise.tables import TablePreprocessor
        from equipoise.tables.check import check_features
        from equipoise.tables.finding import LEFT_OUT
        from equipoise.tables.reading import table_name

        data = datasets.split_target(frame, target, name=table_name(path))
        out = [*(columns.drop or ()), *(columns.id or ()), *([columns.group] if columns.group else [])]
        _check_named([*out, *(columns.keep or ()), *columns.kinds()], list(data.X.columns), path)
        preprocessor = TablePreprocessor(
            kinds=columns.kinds(out),
            decimal=columns.decimal,
            thousands=columns.thousands,
            dates=columns.dates,
        )
        X = data.X.drop(columns=out)
        findings = check_features(X, data.y, preprocessor=preprocessor, keep=columns.keep or ())
        X = X.drop(columns=[name for found in findings if found.kind in LEFT_OUT for name in found.columns])
        if X.shape[1] == 0:
            raise ValueError(f"No column of {path} is left to learn from. {' '.join(map(str, findings))}")
        preprocessor = preprocessor.set_params(kinds=columns.kinds(set(data.X.columns) - set(X.columns)))
        preprocessor = preprocessor.fit(X).pinned()
        groups = _held_together(data.X, columns.group, X)
    notes = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    return replace(
        data, X=X, groups=groups, preprocessor=preprocessor, notes=(*data.notes, *notes), findings=tuple(findings)
    )


def _held_together(table: "pd.DataFrame", group: str | None, X: "pd.DataFrame") -> "np.ndarray | None":
    """Return a number a row: equal for rows of one group, or else for equal rows; None where all differ."""
    import pandas as pd

    if group is not None:
        return pd.factorize(table[group].astype(str))[0]
    alike = pd.factorize(pd.util.hash_pandas_object(X, index=False).to_numpy())[0]
    repeats = len(X) - int(alike.max()) - 1
    if repeats and len(X) > _MOST_ROWS:
        warnings.warn(
            f"{repeats:,} rows repeat another row. Above {_MOST_ROWS:,} rows equal rows are not held out together, so "
            "scores may be optimistic: remove repeated rows, or name a --group.",
            stacklevel=2,
        )
        return None
    return alike if repeats else None


def _check_named(names: list[str], known: list[str], path: Path) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?" if near else f"its columns are {', '.join(known[:20])}."
            )
            raise ValueError(f"There is no column {name!r} in {path}: {hint}")
