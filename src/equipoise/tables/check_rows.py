"""Rows that repeat, belong together, or drift with time; and whether there are enough of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from equipoise.tables.check_leakage import beyond
from equipoise.tables.finding import Finding, Sample, auc, option
from equipoise.text import counted

_TOO_FEW, _FEW = 10, 50
_QUICK_ROWS = 8000
_TREES = 40


def class_sizes(sample: Sample) -> Iterator[Finding]:
    """Say what so many rows of the rarest class can tell."""
    counts = np.bincount(sample.codes)
    rarest = int(counts.min())
    if rarest >= _FEW:
        return
    found = round(0.7 * rarest)
    low, high = beta.ppf(0.025, found, rarest - found + 1), beta.ppf(0.975, found + 1, rarest - found)
    label = np.unique(sample.y.to_numpy())[counts.argmin()]
    evidence = (
        f"The rarest class, {label!r}, has {counted(rarest, 'row')}: of a recall of {found / rarest:.0%} the 95% "
        f"interval is {low:.0%} to {high:.0%}, and of average precision about as wide."
    )
    if rarest < _TOO_FEW:
        yield Finding("serious", "few rows", (), evidence, "No comparison can tell methods apart; collect more rows.")
    else:
        yield Finding("caution", "few rows", (), evidence, "Small differences between methods are chance.")


def duplicates(sample: Sample) -> Iterator[Finding]:
    """Count rows that repeat, with the same label and with another, and bound what any model can reach."""
    groups = sample.alike
    sizes = np.bincount(groups)
    n_repeats = int(len(groups) - len(sizes))
    if not n_repeats:
        return
    table = pd.DataFrame({"group": groups, "code": sample.codes}).value_counts().reset_index(name="n")
    most = table.groupby("group")["n"].max().sum()
    n_wrong = int(len(groups) - most)
    by_group = table.groupby("group")["code"].nunique()
    n_conflicts = int((by_group > 1).sum())
    yield Finding(
        "caution" if n_repeats > 0.01 * len(groups) else "note",
        "duplicates",
        (),
        f"{counted(n_repeats, 'row')} of {len(groups):,} repeat the features of an earlier one.",
        "Hold equal rows out together, or remove the repeats.",
    )
    if n_conflicts:
        yield Finding(
            "caution",
            "contradictions",
            (),
            f"{counted(n_conflicts, 'set')} of equal rows have different labels: no model can be right in more than "
            f"{1 - n_wrong / len(groups):.2%} of the rows.",
            "Look at these rows.",
        )


def groups(sample: Sample) -> Iterator[Finding]:
    """Find columns whose values come back in several rows that are alike, and measure what a random split hides."""
    candidates = []
    for name, column in sample.X.items():
        if column.dtype.kind == "f":
            continue
        codes = pd.factorize(column.iloc[sample.rows])[0]
        n_levels = codes.max() + 1
        per_level = len(codes) / max(1, n_levels)
        if n_levels >= 50 and 2 <= per_level <= len(codes) / 50 and n_levels > 0.005 * len(codes):
            alike = _likeness(sample, str(name), codes)
            if alike > 0.2:
                candidates.append((alike, str(name), codes))
    if not candidates:
        return
    alike, name, codes = max(candidates, key=lambda candidate: candidate[0])
    random, held_together = _two_splits(sample, name, codes)
    gap = f" A quick model scores ROC AUC {random:.3f} on random rows, and {held_together:.3f} on {name!r} held out."
    yield Finding(
        "caution",
        "groups",
        (name,),
        f"Column {name!r} has {codes.max() + 1:,} values in {len(codes):,} rows, and rows of one value are alike."
        + gap,
        f"If new rows come from other values, hold these out together: {option('--group', name)}.",
    )


def _likeness(sample: Sample, name: str, codes: NDArray[np.int64]) -> float:
    """Largest share of the variance of a column that the means of the groups take, beyond chance."""
    best, n_levels = 0.0, codes.max() + 1
    for other, values in sample.values.items():
        if other == name or sample.kinds[other] == "category":
            continue
        known = ~np.isnan(values) & (codes >= 0)
        if known.sum() < 100 or np.ptp(values[known]) == 0:
            continue
        v, g = values[known], codes[known]
        ranks = pd.Series(v).rank().to_numpy()
        sums = np.bincount(g, ranks, n_levels)
        sizes = np.bincount(g, minlength=n_levels)
        present = sizes > 0
        between = (sizes[present] * (sums[present] / sizes[present] - ranks.mean()) ** 2).sum()
        total = ((ranks - ranks.mean()) ** 2).sum()
        chance = (present.sum() - 1) / (len(v) - 1)
        best = max(best, (between / total - chance) / (1 - chance))
    return float(best)


def _two_splits(sample: Sample, name: str, codes: NDArray[np.int64]) -> tuple[float, float]:
    splits = ShuffleSplit(2, test_size=0.3, random_state=0), GroupShuffleSplit(2, test_size=0.3, random_state=0)
    return _quick_auc(sample, splits[0], codes), _quick_auc(sample, splits[1], codes)


def _quick_auc(sample: Sample, splitter: ShuffleSplit | GroupShuffleSplit, groups: NDArray[np.int64]) -> float:
    X, y = _matrix(sample), sample.looked_at
    rows = (
        np.arange(len(y))
        if len(y) <= _QUICK_ROWS
        else np.sort(np.random.default_rng(0).choice(len(y), _QUICK_ROWS, replace=False))
    )
    X, y, groups = X[rows], y[rows], groups[rows]
    scores = []
    for train, test in splitter.split(X, y, groups):
        if len(np.unique(y[train])) == len(np.unique(y[test])) == len(np.unique(y)):
            proba = _quick_model(X[train], y[train]).predict_proba(X[test])
            scores.append(auc(proba[:, 1] if proba.shape[1] == 2 else proba, y[test]))
    return float(np.mean(scores)) if scores else float("nan")


def _quick_model(X: NDArray[np.float64], y: NDArray[np.int64]) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(_TREES, min_samples_leaf=3, max_features=0.5, random_state=0).fit(X, y)


def _matrix(sample: Sample) -> NDArray[np.float64]:
    """Cells as numbers; of categories positions of levels."""
    return _filled(list(sample.values.values()))


def _filled(columns: list[NDArray[Any]]) -> NDArray[np.float64]:
    return np.column_stack([np.nan_to_num(values.astype(np.float64), nan=beyond(values)) for values in columns])


def time(sample: Sample) -> Iterator[Finding]:
    """Find dates by which classes or features drift."""
    for name, days in sample.values.items():
        if sample.kinds[name] != "date" or np.isnan(days).mean() > 0.5:
            continue
        first, last = np.nanquantile(days, [0.25, 0.75])
        early, late = days <= first, days >= last
        if first == last:
            continue
        shares = [
            np.bincount(sample.looked_at[part], minlength=sample.codes.max() + 1) / part.sum() for part in (early, late)
        ]
        change = np.abs(shares[0] - shares[1])
        moved, most = float(change.max()), int(change.argmax())
        score = _drift(sample, name, early, late)
        noise = 3 * np.sqrt(0.25 / min(early.sum(), late.sum()))
        if score > 0.6 or moved > max(noise, 0.02):
            yield Finding(
                "caution",
                "time",
                (name,),
                f"By {name!r} the table drifts: a classifier tells its first quarter from its last by ROC AUC "
                f"{score:.3f}, and a class moves from {shares[0][most]:.1%} to {shares[1][most]:.1%}.",
                f"If the model is to judge later rows, test on later rows: {option('--time', name)}.",
            )


def _drift(sample: Sample, name: str, early: NDArray[np.bool_], late: NDArray[np.bool_]) -> float:
    others = {
        other: v for other, v in sample.values.items() if sample.kinds[other] != "date" and not sample.names_rows[other]
    }
    if not others:
        return 0.5
    X = _filled(list(others.values()))
    rows = np.flatnonzero(early | late)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:_QUICK_ROWS]]
    is_late = late[rows].astype(np.int64)
    half = len(rows) // 2
    if len(np.unique(is_late[:half])) < 2 or len(np.unique(is_late[half:])) < 2:
        return 0.5
    proba = _quick_model(X[rows[:half]], is_late[:half]).predict_proba(X[rows[half:]])
    return auc(proba[:, 1], is_late[half:])
