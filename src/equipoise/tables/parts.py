"""The parts of a preprocessed table: which columns go to each, which are of no use, and a transformer for each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from equipoise.tables.columns import Kind, spelling
from equipoise.tables.outliers import reach, within_reach
from equipoise.text import counted, listed

Count = tuple[int, int, int]
"""Missing cells of a column, its distinct values, and rows of the commonest."""

_NEARLY_ALL = 0.9


def why_useless(kind: Kind, count: Count, n_rows: int, min_frequency: int) -> str:
    """Say why a column is of no use; empty where it is of use."""
    missing, distinct, commonest = count
    if not distinct:
        return "no cell has a value"
    if distinct == 1 and not missing:
        return "constant"
    if kind == "category" and distinct > _NEARLY_ALL * n_rows:
        return "nearly every value is distinct"
    if kind == "category" and commonest < min_frequency:
        return f"no value in {min_frequency} rows or more"
    return ""


def far_apart(names: Sequence[str], X: NDArray[np.floating]) -> list[str]:
    """Say of each column (n, d) whose numbers stand far apart which they are, where the others lie, and what to do."""
    notes = []
    for name, column, low, high in zip(names, X.T, *reach(X)):
        apart = column[(column < low) | (column > high)]
        if apart.size:
            spelled = [spelling(value) for value in pd.unique(apart)[:5]]
            notes.append(
                f"Column {name!r}: {apart.size} of {counted(np.sum(~np.isnan(column)), 'value')} stand far apart "
                f"from the others ({listed(map(repr, spelled))}, where the others lie between "
                f"'{column[column >= low].min():g}' and '{column[column <= high].max():g}'): they count as the nearest "
                f"of those. If they stand for missing values, say so: missing_values=[{spelled[0]!r}], on the command "
                f"line --missing-values {spelled[0]}."
            )
    return notes


def lay_out(kinds: Mapping[str, Kind], counts: Mapping[str, Count]) -> dict[str, list[str]]:
    """Assign columns to the parts; where all known cells are alike, only the missing ones tell."""
    layout: dict[str, list[str]] = {"number": [], "boolean": [], "missing": [], "category": []}
    for name, found in kinds.items():
        kind = "number" if found == "date" else found
        if kind == "text":
            continue
        missing, distinct, _ = counts[name]
        if kind == "category" or distinct > 1:
            layout[kind].append(name)
        if kind != "category" and missing:
            layout["missing"].append(name)
    return {part: columns for part, columns in layout.items() if columns}


def fit_part(
    part: str, block: NDArray[Any], weight: NDArray[np.float64] | None, levels: OneHotEncoder
) -> BaseEstimator:
    """Fit the transformer of a part on its columns (n, d): for categories `levels`."""
    if part == "number":
        # Each is fitted on the known cells: medians filled in would make the spread look smaller.
        imputer, scaler = SimpleImputer(strategy="median"), StandardScaler()
        return make_pipeline(imputer.fit(block), scaler.fit(within_reach(block), sample_weight=weight))
    if part == "date":
        return SimpleImputer(strategy="median").fit(block)
    if part == "boolean":
        return SimpleImputer(strategy="most_frequent").fit(block)
    if part == "missing":
        return MissingIndicator(features="all").fit(block)
    return levels.fit(block)


def side_by_side(values: Mapping[str, NDArray[Any]], columns: list[str]) -> NDArray[Any]:
    """Return the cells of some columns as one block (n, d)."""
    return np.column_stack([values[name] for name in columns])
