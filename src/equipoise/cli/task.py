"""A file as a task: its columns read and used as the options say, its findings printed before any work."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.options import Columns, Reading

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from equipoise.datasets import Dataset


def load_task(path: Path, target: str, reading: Reading, columns: Columns, report_by: Sequence[str] = ()) -> "Dataset":
    """Read a table, take the target and the named columns out, and find the kinds and formats of the others.

    Raises
    ------
    ValueError
        If an option names a column that the table does not have, or a column does not read as its kind.
    """
    from equipoise.tables.text_encoder import check_encoder

    if columns.text_encoder is not None:
        check_encoder(columns.text_encoder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for twice in (r"(?s)Column .*: taken for missing", r"(?s)Column .* stand far apart"):  # findings, with counts
            warnings.filterwarnings("ignore", twice)
        frame = reading.table(path, target)

        from equipoise import datasets
        from equipoise.tables import TablePreprocessor
        from equipoise.tables.check import check_features
        from equipoise.tables.finding import LEFT_OUT
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
        preprocessor = preprocessor.set_params(kinds=columns.kinds([*out, *no_features]))
        X = data.X.drop(columns=[name for name in out if name not in no_features])
        findings = check_features(X, data.y, preprocessor=preprocessor, keep=keep)
        X = X.drop(columns=[name for found in findings if found.kind in LEFT_OUT for name in found.columns])
        if X.shape[1] == 0:
            raise ValueError(f"No column of {path} is left to learn from. {' '.join(map(str, findings))}")
        preprocessor = preprocessor.set_params(kinds=columns.kinds({*data.X.columns, *no_features} - set(X.columns)))
        preprocessor.fit(X)
        if columns.text_encoder is not None and not preprocessor.texts_:
            raise ValueError(f"{path} has no column of prose for --text-encoder: remove it, or name one by --text.")
        preprocessor = preprocessor.pinned()
        groups = _equal_rows(X) if data.dependence is None else data.groups
    ids = [name for name in columns.id or () if name in data.X]
    notes = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    return replace(
        data,
        X=X,
        groups=groups,
        preprocessor=preprocessor,
        notes=(*data.notes, *notes),
        findings=tuple(findings),
        ids=data.X[ids] if ids else None,
    )


def _equal_rows(X: "pd.DataFrame") -> "np.ndarray | None":
    """Return a number a row, the same for equal rows; None where all differ.

    Rows that are equal but for their time are not held together: they come again in use, too.
    """
    import pandas as pd

    alike, sets = pd.factorize(pd.util.hash_pandas_object(X, index=False).to_numpy())
    return alike if len(sets) < len(X) else None


def _check_named(names: list[str], known: list[str], path: Path) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?" if near else f"its columns are {', '.join(known[:20])}."
            )
            raise ValueError(f"There is no column {name!r} in {path}: {hint}")
