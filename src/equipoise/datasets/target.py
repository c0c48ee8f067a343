"""The target of a table: the column that holds the classes, and its cells as labels."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import infer_dtype, is_float_dtype

from equipoise.text import counted, listed, near_names

TEXT = ("string", "mixed", "mixed-integer", "categorical")  # as pandas infers what a column holds


def target_column(columns: Sequence[str], target: str | int, name: str) -> str:
    """Return the name of the target among those of the columns."""
    if hasattr(target, "__len__") and not isinstance(target, (str, tuple)):
        raise TypeError(
            f"the target is the name of a column, or its position, got a {type(target).__name__}: add the labels to "
            "the table, such as frame.assign(target=y), and name that column."
        )
    wanted = str(target)
    if wanted in columns:
        return wanted
    n_columns = len(columns)
    if wanted.removeprefix("-").isdecimal():
        position = int(wanted)
        if 1 <= abs(position) <= n_columns:
            return columns[position - 1 if position > 0 else position]
        raise ValueError(f"there is no column {wanted} in {name}: it has {n_columns} columns, counted from 1.")
    if near := near_names(wanted, columns):
        raise ValueError(f"there is no column {wanted!r} in {name}: did you mean {quoted(near, 'or')}?")
    raise ValueError(
        f"there is no column {wanted!r} in {name}: its {n_columns} columns are {quoted(columns)}. If "
        "its file has no header line, read it with header=False (on the command line --no-header) and give "
        "the target's position, -1 for the last column."
    )


def is_labelled(column: pd.Series) -> pd.Series:
    """Return which cells of a target hold a label."""
    return column.notna() & (column.astype(str).str.strip() != "") if infer_dtype(column) in TEXT else column.notna()


def labels_of(column: pd.Series, name: str) -> pd.Series:
    """Return the cells of a target as labels: text without blanks around it, integers or truth values."""
    if is_float_dtype(column.dtype) and not (column % 1 == 0).all():
        raise ValueError(
            f"the target must name classes, but column {column.name!r} of {name} is continuous "
            f"({column.nunique()} distinct values, such as {quoted(column)}): cut it into classes first."
        )
    # Through Python values: a category, a nullable integer or a polars enum becomes what it stands for.
    y = pd.Series(column.tolist(), name=column.name)
    if infer_dtype(y) in TEXT:
        y = y.astype(str).str.strip()  # a trailing blank would make a class of its own
    return y


def check_classes(counts: pd.Series, n_unlabelled: int, column: str, name: str) -> None:
    """Refuse a target of one class, or with classes of one row."""
    if len(counts) == 1:
        beside = (
            f" beside {counted(n_unlabelled, 'cell')} without a label. If these are a class, such as None or NA, which "
            "pandas takes for missing, read the file with keep_default_na=False; otherwise give them a name"
        )
        raise ValueError(
            f"the target needs two classes or more, but column {column!r} of {name} holds only "
            f"{quoted(counts.index)}{beside if n_unlabelled else ''}."
        )
    single = counts.index[counts == 1]
    if len(single):
        raise ValueError(
            f"each class needs at least two rows, but of the {len(counts)} classes in column {column!r} of "
            f"{name} these have a single row: {quoted(single)}. Merge them with others or drop their rows."
        )


def quoted(names: Iterable[Any], last: str = "and") -> str:
    """List names in quotation marks."""
    return listed(map(repr, names), last, most=5)
