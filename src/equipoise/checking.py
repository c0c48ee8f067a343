"""`check`: the check of a table before training, from Python."""

from collections.abc import Sequence
from typing import Any

from equipoise.datasets import split_target
from equipoise.tables.check_table import by_severity, check_features, missing_labels
from equipoise.tables.finding import Finding

__all__ = ["check"]


def check(
    frame: Any,
    target: str | int,
    *,
    group: str | None = None,
    time: str | None = None,
    gap: str | float = 0.0,
    weights: str | None = None,
    preprocessor: Any = None,
    keep: Sequence[str] = (),
) -> list[Finding]:
    """Look for what would make a model of a table, or the figures of one, wrong.

    Of more than 50,000 rows (fewer in a table of more than 100 columns) it looks at as many, drawn in proportion to the
    classes, and says so; duplicates, identifiers and groups are looked for in all.

    Parameters
    ----------
    frame : pandas, polars or other data frame, or array of shape (n_samples, n_columns)
        The table, target included.
    target : str or int
        The column of the classes, or its position, counted from 1.
    group, time, weights : str, optional
        Columns of the group, the time and the weight of a row, which are no features; see `equipoise.compare`.
    gap : str or float, default=0
        Time between training and test rows, such as ``"30d"``.
    preprocessor : TablePreprocessor, default=None
        Unfitted, with what is known of the columns.
    keep : sequence of str
        Columns that are no identifiers and no leaks, however they look. A time that is kept is a feature, too.

    Returns
    -------
    list of Finding
        The most severe first. Nothing is changed in the table.

    Raises
    ------
    ValueError
        If the target or another column does not serve, see `equipoise.datasets.split_target`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from equipoise import check
    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(500) < 0.2
    >>> frame = pd.DataFrame({"x": rng.normal(size=500), "copy": y * 2.0, "fraud": y})
    >>> found = check(frame, "fraud")[0]
    >>> found.severity, found.kind, found.columns
    ('serious', 'leak', ('copy',))
    """
    task = split_target(
        frame,
        target,
        group=group,
        time=time,
        gap=gap,
        weights=weights,
        keep_time=time in keep,
        preprocessor=preprocessor,
    )
    found = check_features(task.X, task.y, preprocessor=preprocessor, keep=keep)
    return by_severity([*missing_labels(task.unlabelled, task.y), *found])
