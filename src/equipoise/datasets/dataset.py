"""A classification task: features, labels and what is known of them; and how a user's table becomes one."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype, is_object_dtype
from sklearn.base import clone

from equipoise.datasets.roles import Roles, check_roles
from equipoise.datasets.target import check_classes, is_labelled, labels_of, quoted, target_column
from equipoise.dependence import Dependence
from equipoise.tables.finding import Finding, shortened
from equipoise.tables.frames import holds_pixels
from equipoise.tables.preprocessing import TablePreprocessor
from equipoise.tables.reading import plain_names
from equipoise.text import counted

__all__ = ["Dataset", "split_target"]

_MOST_GROUPS, _ROWS_OF_A_GROUP = 20, 30  # of a column that a report shows unasked; rows in the median group


@dataclass(frozen=True)
class Dataset:
    """A classification task and what is known of it.

    Attributes
    ----------
    name : str
        What to call it.
    X : DataFrame of shape (n_samples, n_features)
        The features, of any column types, missing cells included.
    y : Series of shape (n_samples,)
        The labels of the task: text, integers or booleans; never missing.
    rare : label
        The class with the fewest rows.
    family : str or None
        Sets cut from the same source rows share one: a comparison counts each family once.
    groups : ndarray of shape (n_samples,) or None
        Rows with the same number belong together and must not be split between training and test.
    source, licence : str
        Where the rows come from and on what terms.
    notes : tuple of str
        What was found in the rows or done to them, one sentence each.
    unlabelled : DataFrame or None
        Rows of the table whose target is missing, which are no rows of the task.
    preprocessor : TablePreprocessor, ImageReader or None
        Unfitted, with what is known of the columns; None where nothing is.
    findings : tuple of Finding
        What `equipoise.check` found in the table, if it was asked.
    times : ndarray of shape (n_samples,) or None
        Times of the rows, in days where they are dates: later rows are held out.
    gap : float
        Time between training and test rows.
    by_date : bool
        Whether times are dates.
    weights : ndarray of shape (n_samples,) or None
        Weights of the rows, positive, of mean 1.
    roles : mapping of str to str
        Columns of the "group", the "time" and the "weights", where they come from one.
    ids : DataFrame or None
        Columns that name the rows, which are no features.
    images : bool
        Whether the rows are images: the one column of ``X``.
    reported : DataFrame or None
        Columns whose values have lines of their own in a report: that of a few large groups, and those that were named.
    class_counts : mapping of label to int, or None
        Rows of each class in the table that these are a sample by class of. `weights` are then divided by the
        probabilities of the rows to be in the sample: so they count in scores and in the statistics of preprocessing,
        not in training.
    training_weights : ndarray of shape (n_samples,) or None
        Weights that count in training: `weights`, or in a sample by class those of their column.
    whole : WholeTable or None
        All rows of that table, to be written as numbers.
    n_parts : int
        Parts of a table to which it was cut, for want of time to read the others; 0 where it was not.
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    rare: object
    family: str | None
    groups: np.ndarray | None
    source: str
    licence: str
    notes: tuple[str, ...]
    unlabelled: pd.DataFrame | None = None
    preprocessor: Any = None
    findings: tuple[Finding, ...] = ()
    times: np.ndarray | None = None
    gap: float = 0.0
    by_date: bool = False
    weights: np.ndarray | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    ids: pd.DataFrame | None = None
    images: bool = False
    reported: pd.DataFrame | None = None
    class_counts: Mapping[Any, int] | None = None
    whole: Any = None
    own_weights: np.ndarray | None = None
    n_parts: int = 0

    @property
    def training_weights(self) -> np.ndarray | None:
        """Weights of the rows that count in training; None where all count alike."""
        return self.weights if self.class_counts is None else self.own_weights

    @property
    def training_mass(self) -> NDArray[np.float64]:
        """Sum of the training weights of each class, in the order of the sorted labels."""
        codes = np.unique(self.y.to_numpy(), return_inverse=True)[1]
        return np.bincount(codes, self.training_weights).astype(np.float64)

    @property
    def n_rows(self) -> int:
        """Number of rows of the table, of which these may be a sample."""
        return len(self.y) if self.class_counts is None else sum(self.class_counts.values())

    @property
    def dependence(self) -> Dependence | None:
        """Groups and times of the rows; None without any."""
        if self.groups is None and self.times is None:
            return None
        return Dependence(self.groups, self.times, self.gap)

    def table_preprocessor(self) -> Any:
        """Return the unfitted preprocessing of the table."""
        return TablePreprocessor() if self.preprocessor is None else clone(self.preprocessor)

    @cached_property
    def whole_preprocessor(self) -> Any:
        """The preprocessing fitted on all rows."""
        return self.fitted_preprocessor(slice(None))

    def fitted_preprocessor(self, rows: NDArray[np.int64] | slice) -> Any:
        """Fit the preprocessing on rows, without its warnings: those of the whole table are told once."""
        weights = None if self.weights is None else self.weights[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.table_preprocessor().fit(self.X.iloc[rows], sample_weight=weights)

    def introduced(self) -> list[str]:
        """Say in lines what the table is: its size, its rare class, what was noted at reading, and the findings."""
        counts = list((self.class_counts or self.y.value_counts().to_dict()).values())
        columns = "" if self.images else f", {counted(self.X.shape[1], 'column')} to learn from"
        return [
            f"{self.name}: {counted(self.n_rows, 'image' if self.images else 'row')}{columns}, {len(counts)} classes; "
            f"the rare class is {self.rare!r} with {counted(min(counts), 'image' if self.images else 'row')} "
            f"({min(counts) / sum(counts):.2%}).",
            *(f"  {note}" for note in self.notes),
            *(f"  {finding.severity.capitalize()}: {finding}" for finding in shortened(self.findings)),
        ]


def split_target(
    frame: Any,
    target: str | int,
    *,
    name: str = "table",
    group: str | None = None,
    time: str | None = None,
    gap: str | float = 0.0,
    weights: str | None = None,
    report_by: Sequence[str] = (),
    keep_time: bool = False,
    preprocessor: TablePreprocessor | None = None,
) -> Dataset:
    """Split a table into features and labels, and find the rare class.

    Parameters
    ----------
    frame : pandas, polars or other data frame that narwhals reads, or array of shape (n_samples, n_columns)
        The table, target included.
    target : str or int
        The target's column name; or its position, counted from 1, or from the end: -1 is the last column. A
        name wins over a position; text such as "-1" is a position where no column has that name.
    name : str, default="table"
        What to call the table in messages.
    group : str, default=None
        Column of the group of a row, such as a customer: rows of one group are held out together.
    time : str, default=None
        Column of the time of a row, a date or a number: later rows are held out.
    gap : str or float, default=0
        Time between training and test rows, such as ``"30d"``; a plain number is in days, or in the unit of the column.
    weights : str, default=None
        Column of weights, 0 or more, in training and in scores. Rows of weight 0 are left out.
    report_by : sequence of str, default=()
        Further columns whose values have lines of their own in a report; they stay features.
    keep_time : bool, default=False
        Whether the time is a feature, too. Then it will lie beyond its range in training.
    preprocessor : TablePreprocessor, default=None
        Unfitted, with what is known of the columns.

    Returns
    -------
    Dataset
        With `family` None: nothing is known of it. The columns of group, time and weights are no features.

    Raises
    ------
    ValueError
        If there is no such column, or it is no usable target: empty, a continuous quantity, a single
        class, or a class with a single row; if column names repeat or hold lists; and if cells of the time or the
        weights cannot be used.
    TypeError
        If `frame` is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.datasets import split_target
    >>> frame = pd.DataFrame({"amount": [3, 5, 900, 4, 700], "fraud": ["no", "no", "yes", "no", "yes"]})
    >>> task = split_target(frame, "fraud")
    >>> task.rare, list(task.X.columns)
    ('yes', ['amount'])
    """
    table = _as_pandas(frame)
    _check_columns(table, name)
    column = target_column(list(table.columns), target, name)
    roles = {role: each for role, each in (("group", group), ("time", time), ("weights", weights)) if each is not None}
    check_roles(roles, list(table.columns), column)
    for each in report_by:
        check_roles({"report": each}, list(table.columns), column)
    labelled = is_labelled(table[column])
    if len(table) == 0:
        raise ValueError(f"{name} has no rows.")
    if not labelled.any():
        raise ValueError(f"the target needs labels, but column {column!r} of {name} is empty.")
    unlabelled = table[~labelled].reset_index(drop=True).drop(columns=column)
    played = Roles.of(table, labelled.to_numpy(), roles, gap, preprocessor or TablePreprocessor())
    table = table.iloc[played.rows].reset_index(drop=True)
    y = labels_of(table[column], name)
    if len(unlabelled) and is_float_dtype(y.dtype):
        y = y.astype("int64")  # floats only because labels are missing
    counts = y.value_counts()
    check_classes(counts, len(unlabelled), column, name)
    features = {time} if keep_time else set()
    X = table.drop(columns=[column, *(name for name in roles.values() if name not in features)])
    if X.shape[1] == 0:
        raise ValueError(
            f"a table needs at least one feature, but {name} has no column beside the target {column!r}: if it "
            "was read from a text file, name its separator, for example delimiter=';'."
        )
    rare = min(counts.index[counts == counts.min()])
    verbs = ("has", "was") if len(unlabelled) == 1 else ("have", "were")
    notes = (f"{len(unlabelled):,} of {len(labelled):,} rows {verbs[0]} no label and {verbs[1]} left out.",)
    shown = list(dict.fromkeys([*([group] if group and _is_coarse(table[group]) else []), *report_by]))
    return Dataset(
        name,
        X,
        y,
        rare,
        None,
        played.groups,
        name,
        "not stated",
        (*(notes if len(unlabelled) else ()), *played.notes),
        unlabelled,
        preprocessor,
        times=played.times,
        gap=played.gap,
        by_date=played.by_date,
        weights=played.weights,
        roles=roles,
        reported=table[shown] if shown else None,
    )


def _is_coarse(groups: pd.Series) -> bool:
    """Whether there are so few groups, and so large ones, that each may have a line of its own."""
    sizes = groups.value_counts()
    return len(sizes) <= _MOST_GROUPS and sizes.median() >= _ROWS_OF_A_GROUP


def _as_pandas(frame: Any) -> pd.DataFrame:
    if isinstance(frame, pd.DataFrame):
        table = frame.reset_index(drop=True)
    elif isinstance(frame, np.ndarray) and frame.ndim == 2:
        table = pd.DataFrame(frame, columns=[str(i + 1) for i in range(frame.shape[1])])
    elif holds_pixels(getattr(frame, "pixels", frame)):
        raise TypeError(
            "A table is needed, but these are images, which are checked and compared on the command line: equipoise "
            "check photos/, equipoise compare photos/. In Python, NeuralClassifier(network='fast_cnn', ...) learns "
            "from their pixels."
        )
    else:
        try:
            table = nw.from_native(frame, eager_only=True).to_pandas()
        except TypeError:
            raise TypeError(
                f"a table must be a pandas or polars DataFrame or a 2-D array, got {type(frame).__name__}: "
                "collect a lazy frame first."
            ) from None
    return table.set_axis(plain_names(table.columns), axis=1)


def _check_columns(table: pd.DataFrame, name: str) -> None:
    repeated = table.columns[table.columns.duplicated()].unique()
    if len(repeated):
        raise ValueError(f"column names must be unique, but {name} repeats {quoted(repeated)}: rename them.")
    for column in filter(lambda column: is_object_dtype(table[column]), table):
        cell = next(iter(table[column].dropna()), None)
        if isinstance(cell, list | dict | set | np.ndarray):
            raise ValueError(
                f"cells must be single values, but column {column!r} of {name} holds {type(cell).__name__}s: "
                "drop it or spread it over several columns."
            )
