"""The check before training: what in a table would make a model, or its figures, wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype
from sklearn.base import clone

from equipoise.deadline import Deadline
from equipoise.tables import check_columns, check_leakage, check_rows, check_splits, check_together
from equipoise.tables.finding import SEVERITIES, Finding, with_marks
from equipoise.tables.sample import OutOfTimeError, Sample, columns_of
from equipoise.text import counted, listed

Check = Callable[[Sample], Iterator[Finding]]

_MOST_ROWS, _MOST_CELLS, _LEAST_ROWS = 50_000, 5_000_000, 2_000  # that the slower checks look at
_SHARE = 0.2  # of the time left when the check begins, that quick models may take
_LIKE_A_CLASS = 0.5  # of the rows of the rarest class, from which on rows without a label may be one
_QUICK_MODELS: dict[Check, str] = {
    check_together.together: "columns that give the target away together",
    check_splits.groups: "rows that belong together",
    check_splits.time: "drift with time",
}
_CHECKS: tuple[Check, ...] = (
    check_leakage.leaks,
    check_together.together,
    check_leakage.row_order,
    check_columns.identifiers,
    check_columns.keys,
    check_rows.class_sizes,
    check_rows.duplicates,
    check_splits.groups,
    check_splits.time,
    check_columns.contents,
    check_columns.categories,
    check_columns.labels,
)


def missing_labels(unlabelled: pd.DataFrame | None, y: pd.Series) -> Iterator[Finding]:
    """Say how many rows of a data frame have no label, and that a class may have been taken for missing.

    A reader such as pandas' takes words such as None and NA for missing cells.
    """
    n = 0 if unlabelled is None else len(unlabelled)
    if not n:
        return
    like_a_class = infer_dtype(y) == "string" and n > 1 and n >= _LIKE_A_CLASS * y.value_counts().min()
    evidence = (
        f"{counted(n, 'row')} of {n + len(y):,} {'has' if n == 1 else 'have'} no label in {y.name!r} and "
        f"{'is' if n == 1 else 'are'} left out."
    )
    remedy = (
        "If they are a class, such as None or NA, which pandas takes for missing, read the file with "
        "keep_default_na=False."
        if like_a_class
        else ""
    )
    yield Finding("caution" if like_a_class else "note", "unlabelled", (str(y.name),), evidence, remedy)


def check_features(
    X: pd.DataFrame,
    y: pd.Series,
    *,
    preprocessor: Any = None,
    keep: Sequence[str] = (),
    marks: Sequence[str] = (),
    deadline: Deadline | None = None,
) -> list[Finding]:
    """Check features and labels that are apart already; see `equipoise.check`.

    ``marks`` are texts that the user says stand for missing cells. Before a deadline, what takes quick models is left
    out, and said to be, once they have taken their share of it.
    """
    from equipoise.tables.preprocessing import TablePreprocessor

    _, codes = np.unique(y.to_numpy(), return_inverse=True)
    rows = _sampled(codes, max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_CELLS // X.shape[1])))
    read = TablePreprocessor() if preprocessor is None else clone(preprocessor)
    until = None if deadline is None else deadline.part(_SHARE)
    sample = Sample(X, y, codes, rows, columns_of(X.iloc[rows]), read, frozenset(keep), until)
    found, left_out = list[Finding](), list[str]()
    for look in _CHECKS:
        try:
            found += look(sample)
        except OutOfTimeError:
            left_out.append(_QUICK_MODELS[look])
    found = with_marks(_joined(found), marks)
    if left_out:
        said = f"Not looked for, to leave time for the rest: {listed(left_out)}."
        found.append(Finding("note", "not looked for", (), said, "The command check looks for all, without a limit."))
    if len(rows) < len(X):
        found.append(
            Finding("note", "sample", (), f"Looked at {counted(len(rows), 'row')} of {len(X):,}, drawn by class.", "")
        )
    return by_severity(found)


def by_severity(found: Sequence[Finding]) -> list[Finding]:
    """Return findings, the most severe first."""
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _joined(found: list[Finding]) -> list[Finding]:
    """Say once of a column that it is an identifier and gives the target away, or that it holds groups."""
    leaks = {finding.columns: finding for finding in found if finding.kind == "leak"}
    names = {finding.columns for finding in found if finding.kind == "identifier"}
    told = {finding.columns for finding in found if finding.kind in ("groups", "leak")}
    return [
        replace(f, severity="serious", evidence=f"{f.evidence} {leaks[f.columns].evidence}")
        if f.kind == "identifier" and f.columns in leaks
        else f
        for f in found
        if not (f.kind == "leak" and f.columns in names) and not (f.kind == "key" and f.columns in told)
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
