"""The check before training: what in a table would make a model, or its figures, wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from equipoise.tables import check_columns, check_leakage, check_rows, check_splits, check_together
from equipoise.tables.finding import SEVERITIES, Finding
from equipoise.tables.sample import Sample, columns_of
from equipoise.text import counted

__all__ = ["check"]

_MOST_ROWS, _MOST_CELLS, _LEAST_ROWS = 50_000, 5_000_000, 2_000  # that the slower checks look at
_CHECKS: tuple[Callable[[Sample], Iterator[Finding]], ...] = (
    check_leakage.leaks,
    check_together.together,
    check_leakage.row_order,
    check_columns.identifiers,
    check_rows.class_sizes,
    check_rows.duplicates,
    check_splits.groups,
    check_splits.time,
    check_columns.contents,
    check_columns.categories,
    check_columns.labels,
)


def check(frame: Any, target: str | int, *, preprocessor: Any = None, keep: Sequence[str] = ()) -> list[Finding]:
    """Look for what would make a model of a table, or the figures of one, wrong.

    Of more than 50,000 rows (fewer in a table of more than 100 columns) it looks at as many, drawn in proportion to the
    classes, and says so; duplicates, identifiers and groups are looked for in all.

    Parameters
    ----------
    frame : pandas, polars or other data frame, or array of shape (n_samples, n_columns)
        The table, target included.
    target : str or int
        The column of the classes, or its position, counted from 1.
    preprocessor : TablePreprocessor, default=None
        Unfitted, with what is known of the columns.
    keep : sequence of str
        Columns that are no identifiers and no leaks, however they look.

    Returns
    -------
    list of Finding
        The most severe first. Nothing is changed in the table.

    Raises
    ------
    ValueError
        If the target does not serve, see `equipoise.datasets.split_target`.

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
    from equipoise.datasets import split_target  # which is made of tables

    task = split_target(frame, target)
    return check_features(task.X, task.y, preprocessor=preprocessor, keep=keep)


def check_features(
    X: pd.DataFrame, y: pd.Series, *, preprocessor: Any = None, keep: Sequence[str] = ()
) -> list[Finding]:
    """Check features and labels that are apart already; see `check`."""
    from equipoise.tables.preprocessing import TablePreprocessor

    _, codes = np.unique(y.to_numpy(), return_inverse=True)
    rows = _sampled(codes, max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_CELLS // X.shape[1])))
    read = TablePreprocessor() if preprocessor is None else clone(preprocessor)
    sample = Sample(X, y, codes, rows, columns_of(X.iloc[rows]), read, frozenset(keep))
    found = [finding for look in _CHECKS for finding in look(sample)]
    found = _joined(found)
    if len(rows) < len(X):
        found.append(
            Finding("note", "sample", (), f"Looked at {counted(len(rows), 'row')} of {len(X):,}, drawn by class.", "")
        )
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _joined(found: list[Finding]) -> list[Finding]:
    """Say once of a column that it is an identifier and gives the target away."""
    leaks = {finding.columns: finding for finding in found if finding.kind == "leak"}
    names = {finding.columns for finding in found if finding.kind == "identifier"}
    return [
        replace(f, severity="serious", evidence=f"{f.evidence} {leaks[f.columns].evidence}")
        if f.kind == "identifier" and f.columns in leaks
        else f
        for f in found
        if not (f.kind == "leak" and f.columns in names)
    ]


def _sampled(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Rows in their order; of a rare class 500 at least, where it has as many."""
    if len(codes) <= most:
        return np.arange(len(codes))
    rng, chosen = np.random.default_rng(0), []
    for code in np.unique(codes):
        own = np.flatnonzero(codes == code)
        wanted = max(most * len(own) // len(codes), min(len(own), 500))
        chosen.append(rng.choice(own, wanted, replace=False))
    return np.sort(np.concatenate(chosen))
