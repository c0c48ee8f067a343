"""Columns and row orders that give the target away."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.tables.auc import column_auc
from equipoise.tables.finding import Finding, drop_or_keep
from equipoise.tables.sample import SURE, Sample

LEAST = 20  # rows of a class below which such an AUC may be chance
_ABSENT = 0.95  # share of a class that a zero or missing cell covers


def leaks(sample: Sample) -> Iterator[Finding]:
    """Find columns that alone tell the classes apart on held-out rows, and cells that only one class lacks."""
    codes = sample.looked_at[sample.first]
    for name, score in sample.alone.items():
        values = sample.values[name][sample.first]
        if score < SURE:
            yield from _absent(name, values, codes, sample)
            continue
        how = _likeness(values, codes) if len(np.unique(values[_known(values)])) <= 20 else ""
        evidence = f"Column {name!r} alone tells the classes apart: ROC AUC {score:.3f} on held-out rows{how}."
        remedy = drop_or_keep(name)
        yield Finding(sample.severity_of(name), "leak", (name,), evidence, remedy)


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    return ~np.isnan(values) if values.dtype.kind == "f" else values >= 0


def _likeness(values: NDArray[Any], codes: NDArray[np.int64]) -> str:
    """Say in how many of the rows the class is the commonest of their value; nothing where it is in too few."""
    table = pd.crosstab(pd.factorize(values)[0], codes)
    agreement = float(table.max(axis=1).sum() / table.to_numpy().sum())
    if agreement <= 0.98:
        return ""
    where = "" if agreement == 1 else f" in {agreement:.1%} of the rows"
    if len(table) > table.shape[1]:
        return f": it determines the target{where}"
    return f": it is {'the' if where else 'a copy of the'} target{where}"


def _absent(name: str, values: NDArray[Any], codes: NDArray[np.int64], sample: Sample) -> Iterator[Finding]:
    """Find a column that is zero or missing in nearly all rows of one class, and in nearly none of another."""
    empty = ~_known(values) if sample.kinds[name] == "category" else np.isnan(values) | (values == 0)
    hits, counts = np.bincount(codes, empty), np.bincount(codes)
    own, others = hits / counts, (hits.sum() - hits) / (counts.sum() - counts)
    k = int(np.abs(own - others).argmax())
    low, high = sorted((own[k], others[k]))
    if high >= _ABSENT and low <= 1 - _ABSENT and counts.min() >= LEAST:
        evidence = (
            f"Column {name!r} is empty or zero in {own[k]:.1%} of the rows of class {sample.labels[k]!r} and in "
            f"{others[k]:.1%} of all others."
        )
        remedy = drop_or_keep(name)
        yield Finding(sample.severity_of(name), "leak", (name,), evidence, remedy)


def row_order(sample: Sample) -> Iterator[Finding]:
    """Find an order of the rows that separates the classes."""
    codes = sample.looked_at[sample.first]
    if np.bincount(codes, minlength=2).min() < LEAST:
        return
    score = column_auc(sample.rows[sample.first].astype(np.float64), codes, category=False)
    if score > 0.9:
        evidence = f"The order of the rows tells the classes apart: ROC AUC {score:.3f}. The table is sorted by class."
        remedy = "Anything that counts rows, such as an index, gives the target away; folds are shuffled."
        yield Finding("caution", "row order", (), evidence, remedy)
