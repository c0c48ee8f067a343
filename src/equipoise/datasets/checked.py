"""A task that is ready to be learned from: checked, without its useless columns, the others read in one way."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from equipoise.datasets.dataset import Dataset
from equipoise.deadline import Deadline
from equipoise.tables.check_table import check_features
from equipoise.tables.columns import Kind
from equipoise.tables.finding import LEFT_OUT
from equipoise.tables.formats import DATES, Style
from equipoise.tables.kinds import find_kinds, otherwise, unmet, unread
from equipoise.tables.sample import columns_of
from equipoise.text import listed


def checked(
    data: Dataset,
    *,
    drop: Collection[str] = (),
    keep: Sequence[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    marks: Sequence[str] = (),
    deadline: Deadline | None = None,
) -> Dataset:
    """Check the table of a task, leave its useless columns out, and find how the others are read.

    Columns in ``keep`` are used however they look; ``marks`` are what `check_features` takes. The result has findings,
    notes on how columns were read, and equal rows in one group where it has no other groups. Raises ValueError if no
    column is left, or one does not read as its kind or as an option says.
    """
    known = dict(kinds or {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for twice in (r"(?s)Column .*: taken for missing", r"(?s)Column .* stand far apart"):  # findings, with counts
            warnings.filterwarnings("ignore", twice)
        X = data.X.drop(columns=list(drop))
        preprocessor = data.table_preprocessor().set_params(kinds={n: known[n] for n in known if n in X})
        _check_style(data, X, preprocessor)
        findings = check_features(X, data.y, preprocessor=preprocessor, keep=keep, marks=marks, deadline=deadline)
        X = X.drop(columns=[name for found in findings if found.kind in LEFT_OUT for name in found.columns])
        if X.shape[1] == 0:
            raise ValueError(f"No column of {data.source} is left to learn from. {' '.join(map(str, findings))}")
        preprocessor = preprocessor.set_params(kinds={n: known[n] for n in known if n in X}).pinned(X)
    notes = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    if dates := [repr(name) for name, written in (preprocessor.formats or {}).items() if written == DATES[0]]:
        notes[f"Dates, with the year first or the month by name, in {listed(dates, most=10)}."] = None
    return replace(
        data,
        X=X,
        groups=_equal_rows(X) if data.dependence is None else data.groups,
        preprocessor=preprocessor,
        notes=(*data.notes, *notes),
        findings=tuple(findings),
    )


def _equal_rows(X: pd.DataFrame) -> "np.ndarray[Any, Any] | None":
    """Return a number a row, the same for equal rows; None where all differ.

    Rows that are equal but for their time are not held together: they come again in use, too.
    """
    alike, sets = pd.factorize(pd.util.hash_pandas_object(X, index=False).to_numpy())
    return alike if len(sets) < len(X) else None


def _check_style(data: Dataset, X: pd.DataFrame, preprocessor: Any) -> None:
    """Warn of options on how cells are written that fit no column; refuse them where a column is written otherwise."""
    style = Style(preprocessor.decimal, preprocessor.thousands, preprocessor.dates)
    if style == Style():
        return
    columns, forced = list(columns_of(X).values()), preprocessor.kinds
    kinds, formats, _ = find_kinds(columns, forced, {}, style)
    lost = unmet(kinds, formats, style)
    if "time" in data.roles:  # which reads as they say, or is refused
        lost = [option for option in lost if option.startswith("--dates") != data.by_date]
    if "weights" in data.roles:  # these, too
        lost = [option for option in lost if option.startswith("--dates")]
    others = unread([column for column in columns if column.name not in forced], kinds, style)
    if lost and others:
        raise ValueError(f"No column fits {listed(lost)}: correct or remove the option. {' '.join(others)}")
    mixed = otherwise(columns, kinds, formats, style)
    for note in [f"No column needs {listed(map(repr, lost))}."] if lost else [*others, *([mixed] if mixed else [])]:
        warnings.warn(note, UserWarning, stacklevel=3)
