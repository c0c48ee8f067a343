"""Other rows, to be scored or held out, against the table that a model learns from."""

from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from equipoise.tables.finding import Finding
from equipoise.text import counted, listed


def check_against(X: pd.DataFrame, other: pd.DataFrame, categories: Collection[str]) -> list[Finding]:
    """Find what sets the rows of another table apart from those that a model learns from, or does not.

    All cells are text. Found are columns that the other table lacks, rows of both, and categories that `X` does not
    have.

    >>> X = pd.DataFrame({"a": ["1", "2", "3"], "b": ["u", "v", "u"]})
    >>> [found.kind for found in check_against(X, pd.DataFrame({"b": ["u", "w"], "a": ["1", "9"]}), ["b"])]
    ['rows of both', 'unseen']
    """
    lacking = [name for name in X.columns if name not in other.columns]
    found = []
    if lacking:
        said = f"The other table lacks {counted(len(lacking), 'column')}: {listed(map(repr, lacking), most=10)}."
        found.append(Finding("serious", "columns", tuple(lacking), said, "Add them."))
    common = [name for name in X.columns if name in other.columns]
    if not common:
        return found
    levels = [name for name in common if name in categories]
    return [*found, *_rows_of_both(X[common], other[common]), *_unseen(X[levels], other[levels])]


def _rows_of_both(X: pd.DataFrame, other: pd.DataFrame) -> Iterator[Finding]:
    own, others = (pd.util.hash_pandas_object(frame.astype("str"), index=False).to_numpy() for frame in (X, other))
    n_equal = int(np.isin(others, own).sum())
    if n_equal:
        evidence = (
            f"{n_equal:,} of {counted(len(other), 'row')} of the other table have the features of a row to learn from: "
            "scores on them say nothing about new rows."
        )
        yield Finding(
            "serious" if n_equal > 0.01 * len(other) else "caution",
            "rows of both",
            (),
            evidence,
            "Leave them out of one of the tables.",
        )


def _unseen(X: pd.DataFrame, other: pd.DataFrame) -> Iterator[Finding]:
    for name in X.columns:
        cells = other[name].dropna()
        counts = Counter(cells[~cells.isin(X[name])])
        if counts:
            said = listed((f"{level!r} ({n:,})" for level, n in counts.most_common()), most=5)
            evidence = f"Column {name!r} holds what no row to learn from holds: {said}."
            yield Finding("note", "unseen", (name,), evidence, "")
