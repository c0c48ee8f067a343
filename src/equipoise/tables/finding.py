"""What the check before training finds, and what its parts look at."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from equipoise.tables.columns import Column, TextColumn
from equipoise.tables.formats import Style
from equipoise.tables.kinds import find_kinds
from equipoise.text import counted, listed

Severity = Literal["serious", "caution", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "caution", "note")

LEFT_OUT = ("identifier", "constant", "empty")
"""Kinds of findings whose columns no model is fitted on."""


def option(name: str, value: str) -> str:
    """Write an option of the command line as it is to be typed.

    Examples
    --------
    >>> option("--keep", "Account No."), option("--missing-values", "-999"), option("--drop", "-x")
    ("--keep 'Account No.'", '--missing-values -999', '--drop=-x')
    """
    joined = "=" if value.startswith("-") and name != "--missing-values" else " "
    return f"{name}{joined}{shlex.quote(value)}"


@dataclass(frozen=True)
class Finding:
    """Something in a table that would make a model, or its figures, wrong.

    Attributes
    ----------
    severity : {"serious", "caution", "note"}
    kind : str
        Name of what it is, such as ``"leak"`` or ``"identifier"``.
    columns : tuple of str
    evidence : str
        A sentence with numbers.
    remedy : str
        A sentence; empty where nothing is to be done.
    """

    severity: Severity
    kind: str
    columns: tuple[str, ...]
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.evidence, self.remedy)))

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {**asdict(self), "columns": list(self.columns)}


@dataclass(eq=False)
class Sample:
    """The table, and the rows of it that the slower checks look at.

    Attributes
    ----------
    X : DataFrame of shape (n, d)
    y : Series of shape (n,)
    codes : ndarray of shape (n,)
        Class of each row, from 0.
    rows : ndarray of int, of shape (m,)
    columns : mapping of str to NumericColumn or TextColumn
        Of the rows looked at.
    preprocessor : TablePreprocessor
        Unfitted, with what is known of the columns.
    keep : frozenset of str
        Columns that are no identifiers.
    """

    X: pd.DataFrame
    y: pd.Series
    codes: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: Mapping[str, Column]
    preprocessor: Any
    keep: frozenset[str]

    @property
    def looked_at(self) -> NDArray[np.int64]:
        """Classes of the rows looked at."""
        return self.codes[self.rows]

    @cached_property
    def distinct(self) -> dict[str, float]:
        """Number of different values in a known cell, of each column that is not one of floats."""
        whole = {str(name): cells for name, cells in self.X.items() if cells.dtype.kind != "f"}
        return {name: cells.nunique() / max(1, int(cells.notna().sum())) for name, cells in whole.items()}

    @cached_property
    def names_rows(self) -> dict[str, bool]:
        """Whether nearly every cell of a column of integers or texts is different."""
        return {str(name): self.distinct.get(str(name), 0.0) > 0.9 for name in self.X.columns}

    def holds_of_all(self, name: str, n_values: int) -> bool:
        """Tell whether a column that has so few values in the rows looked at has no more in all."""
        return len(self.rows) == len(self.X) or self.X[name].nunique() <= n_values

    @cached_property
    def alike(self) -> NDArray[np.int64]:
        """Number of the set of equal rows that each row belongs to; columns that name the rows do not count."""
        features = [name for name, names in self.names_rows.items() if not names]
        if not features:
            return np.arange(len(self.X))
        return pd.factorize(pd.util.hash_pandas_object(self.X[features], index=False).to_numpy())[0]

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Whether a row looked at is the first of its set of equal rows."""
        return ~pd.Series(self.alike[self.rows]).duplicated().to_numpy()

    @cached_property
    def values(self) -> dict[str, NDArray[Any]]:
        """Cells of the rows looked at: numbers, NaN where missing; of categories the positions of levels, -1 there."""
        p = self.preprocessor
        kinds, formats, _ = find_kinds(
            list(self.columns.values()),
            {name: kind for name, kind in (p.kinds or {}).items() if name in self.columns},
            {name: written for name, written in (p.formats or {}).items() if name in self.columns},
            Style(p.decimal, p.thousands, p.dates),
        )
        self.prose = {name for name, kind in kinds.items() if kind == "text"}
        kinds = {name: "category" if kind == "text" else kind for name, kind in kinds.items()}
        self.kinds, self.misfits = kinds, set[str]()
        found: dict[str, NDArray[Any]] = {}
        for name, column in self.columns.items():
            if kinds[name] == "category":
                found[name] = column.codes if isinstance(column, TextColumn) else pd.factorize(column.as_levels())[0]
            else:
                try:
                    found[name] = column.as_numbers(kinds[name], formats.get(name, ""))
                except ValueError:  # stray texts are refused by the preprocessing, with their rows
                    self.misfits.add(name)
                    found[name] = np.full(len(self.rows), np.nan)
        return found


def auc(scores: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the ROC AUC of scores (n,), or of (n, K) one class against the rest, the mean over classes."""
    if scores.ndim == 1:
        return float(roc_auc_score(codes, scores))
    return float(np.mean([roc_auc_score(codes == k, scores[:, k]) for k in range(scores.shape[1])]))


def shortened(findings: Sequence[Finding], most: int = 5) -> list[Finding]:
    """Return findings for reading: of more than so many of one kind, the rest as one that names their columns."""
    shown: list[Finding] = []
    for (severity, kind), same in groupby(findings, key=lambda finding: (finding.severity, finding.kind)):
        own = list(same)
        shown += own[: most if len(own) > most + 1 else None]
        if len(own) > most + 1:
            columns = tuple(dict.fromkeys(name for finding in own[most:] for name in finding.columns))
            said = f"The same ({kind}) holds for {counted(len(columns), 'more column')}: "
            shown.append(Finding(severity, kind, columns, f"{said}{listed(map(repr, columns), most=20)}.", ""))
    return shown
