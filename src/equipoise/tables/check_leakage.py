"""Columns and row orders that give the target away."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from equipoise.tables.finding import Finding, Sample, auc, option

_SURE = 0.98  # AUC of one column on rows that it was not fitted on
_LEAST = 20  # rows of a class below which such an AUC may be chance
_ABSENT = 0.95  # share of a class that a zero or missing cell covers


def leaks(sample: Sample) -> Iterator[Finding]:
    """Find columns that alone tell the classes apart on held-out rows, and cells that only one class lacks."""
    codes = sample.looked_at[sample.first]  # equal rows with other labels would hide a leak
    if np.bincount(codes, minlength=2).min() < 4:
        return
    for name, cells in sample.values.items():
        values = cells[sample.first]
        score = column_auc(values, codes, sample.kinds[name] == "category")
        if score < _SURE:
            yield from _absent(name, values, codes, sample)
            continue
        agreement = _agreement(values, codes)
        what = "a copy of the target" if agreement == 1 else f"the target in {agreement:.1%} of the rows"
        how = f": it is {what}" if agreement > 0.98 and len(np.unique(values[_known(values)])) <= 20 else ""
        yield Finding(
            "serious",
            "leak",
            (name,),
            f"Column {name!r} alone tells the classes apart: ROC AUC {score:.3f} on held-out rows{how}.",
            f"If it is known only with or after the outcome, leave it out: {option('--drop', name)}.",
        )


def column_auc(values: NDArray[Any], codes: NDArray[np.int64], category: bool) -> float:
    """Return the AUC of a small tree on one column, fitted on one half of the rows and scored on the other."""
    half = np.random.default_rng(0).permutation(len(codes)) % 2 == 0
    if np.unique(codes[half]).size < np.unique(codes).size or np.unique(codes[~half]).size < np.unique(codes).size:
        return 0.5
    if category:
        shares = pd.crosstab(values[half], codes[half])
        shares = (shares + np.bincount(codes) / len(codes)).div(shares.sum(axis=1) + 1, axis=0)
        scores = shares.reindex(values[~half]).fillna(0).to_numpy()
    else:
        filled = np.nan_to_num(values, nan=beyond(values))[:, None]
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=3, class_weight="balanced", random_state=0)
        scores = tree.fit(filled[half], codes[half]).predict_proba(filled[~half])
    if scores.shape[1] != np.unique(codes).size:
        return 0.5
    return auc(scores[:, 1] if scores.shape[1] == 2 else scores, codes[~half])


def beyond(values: NDArray[Any]) -> float:
    """Return a number below all others, which stands for the missing ones in a tree."""
    known = values[~np.isnan(values)]
    return float(known.min() - 1 - abs(known.min())) if known.size else 0.0


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    return ~np.isnan(values) if values.dtype.kind == "f" else values >= 0


def _agreement(values: NDArray[Any], codes: NDArray[np.int64]) -> float:
    """Share of the rows whose class is the commonest of their value."""
    table = pd.crosstab(pd.factorize(values)[0], codes)
    return float(table.max(axis=1).sum() / table.to_numpy().sum())


def _absent(name: str, values: NDArray[Any], codes: NDArray[np.int64], sample: Sample) -> Iterator[Finding]:
    """Find a column that is zero or missing in nearly all rows of one class, and in nearly none of another."""
    empty = ~_known(values) if sample.kinds[name] == "category" else np.isnan(values) | (values == 0)
    shares = np.array([empty[codes == k].mean() for k in np.unique(codes)])
    counts = np.bincount(codes)
    if shares.max() >= _ABSENT and shares.min() <= 1 - _ABSENT and counts.min() >= _LEAST:
        yield Finding(
            "serious",
            "leak",
            (name,),
            f"Column {name!r} is empty or zero in {shares.max():.1%} of the rows of one class and in "
            f"{shares.min():.1%} of another.",
            f"If it is known only after the outcome, leave it out: {option('--drop', name)}.",
        )


def row_order(sample: Sample) -> Iterator[Finding]:
    """Find an order of the rows that separates the classes."""
    codes = sample.looked_at[sample.first]
    if np.bincount(codes, minlength=2).min() < _LEAST:
        return
    score = column_auc(sample.rows[sample.first].astype(np.float64), codes, category=False)
    if score > 0.9:
        yield Finding(
            "caution",
            "row order",
            (),
            f"The order of the rows tells the classes apart: ROC AUC {score:.3f}. The table is sorted by class.",
            "Anything that counts rows, such as an index, gives the target away; folds are shuffled.",
        )
