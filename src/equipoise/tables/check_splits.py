"""Rows that belong together or drift with time, and how much a random split flatters a model of them."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from equipoise.tables.auc import auc
from equipoise.tables.finding import Finding, option
from equipoise.tables.sample import Sample

_QUICK_ROWS = 8000
_TREES, _FEATURES = 40, 25
_CANDIDATES, _OTHERS = 12, 50  # columns that may be groups, and columns in which their rows may be alike
_ALIKE = 0.2  # share of the variance of a column that groups take, beyond chance
_SMOOTH = 0.3  # correlation of neighbouring values of a number, from which on it measures and does not name
_FLATTERED = 0.02  # difference of AUC that is worth a caution

Rows = NDArray[np.int64]
Splits = Iterable[tuple[Rows, Rows]]


def groups(sample: Sample) -> Iterator[Finding]:
    """Find a column whose values come back in several rows that are alike, and measure what a random split hides."""
    best: tuple[float, str, Sample, Rows] | None = None
    for name in _candidates(sample):
        sample.check_time()
        codes = pd.factorize(sample.X[name])[0]
        part = sample.at(_whole_groups(codes))
        own = pd.factorize(codes[part.rows])[0]
        alike = _likeness(part, name, own)
        if alike > (best[0] if best else _ALIKE):
            best = alike, name, part, own
    if best is None:
        return
    _, name, part, own = best
    n = len(part.rows)
    random = _quick_auc(part, ShuffleSplit(2, test_size=0.3, random_state=0).split(np.empty((n, 1))))
    held = _quick_auc(part, GroupShuffleSplit(2, test_size=0.3, random_state=0).split(np.empty((n, 1)), None, own))
    flattered = random - held > _FLATTERED
    if not flattered and part.kinds[name] == "number":
        return  # such a number measures as often as it names
    evidence = (
        f"Column {name!r} has {sample.X[name].nunique():,} values in {len(sample.X):,} rows, and rows of one value are "
        f"alike. A quick model scores ROC AUC {random:.3f} on random rows, and {held:.3f} on values held out"
        + (": a random split is optimistic." if flattered else ".")
    )
    remedy = f"If new rows come from other values, hold these out together: {option('--group', name)}."
    yield Finding("caution" if flattered else "note", "groups", (name,), evidence, remedy)


def _candidates(sample: Sample) -> list[str]:
    """Columns whose values come back in a few rows each; texts first."""
    found = []
    for name, distinct in sample.distinct.items():
        cells = sample.X[name]
        n_levels = round(distinct * cells.notna().sum())
        fits = n_levels >= 50 and 2 <= len(cells) / n_levels <= len(cells) / 50 and n_levels > 0.005 * len(cells)
        if fits and sample.kinds[name] != "date":
            found.append((cells.dtype.kind in "iu", name))
    return [name for _, name in sorted(found, key=lambda pair: pair[0])[:_CANDIDATES]]


def _whole_groups(codes: Rows) -> Rows:
    """Return the rows of values drawn at random, all rows of each."""
    if len(codes) <= _QUICK_ROWS:
        return np.arange(len(codes))
    counts = np.bincount(codes[codes >= 0])
    order = np.random.default_rng(0).permutation(len(counts))
    chosen = order[: np.searchsorted(np.cumsum(counts[order]), _QUICK_ROWS) + 1]
    return np.flatnonzero(np.isin(codes, chosen))


def _likeness(sample: Sample, name: str, codes: Rows) -> float:
    """Largest share of the variance of another column that the means of the groups take, beyond chance.

    Where groups are numbers and means of neighbouring ones are close, the column measures something.
    """
    best, n_levels = 0.0, codes.max() + 1
    measures = sample.kinds[name] == "number"
    order = np.argsort([sample.values[name][i] for i in np.unique(codes, return_index=True)[1]]) if measures else None
    others = [other for other in sample.values if other != name and sample.kinds[other] in ("number", "boolean")]
    for other in others[:_OTHERS]:
        known = ~np.isnan(sample.values[other])
        if known.sum() < 100 or np.ptp(sample.values[other][known]) == 0:
            continue
        ranks, g = pd.Series(sample.values[other][known]).rank().to_numpy(), codes[known]
        sizes = np.bincount(g, minlength=n_levels)
        present = sizes > 0
        means = np.bincount(g, ranks, n_levels)[present] / sizes[present]
        between = (sizes[present] * (means - ranks.mean()) ** 2).sum()
        chance = (present.sum() - 1) / (len(g) - 1)
        share = (between / ((ranks - ranks.mean()) ** 2).sum() - chance) / (1 - chance)
        if order is not None and share > _ALIKE:
            means = np.bincount(g, ranks, n_levels)[order][present[order]] / sizes[order][present[order]]
            if np.corrcoef(means[:-1], means[1:])[0, 1] > _SMOOTH:
                continue
        best = max(best, share)
    return float(best)


def _quick_auc(sample: Sample, splits: Splits) -> float:
    """Mean AUC of a quick model over splits of the rows looked at; columns that give the target away left out."""
    X, y = sample.matrix(left_out=sample.leaky), sample.looked_at
    scores = []
    for train, test in splits:
        sample.check_time()
        if len(np.unique(y[train])) == len(np.unique(y[test])) == len(np.unique(y)):
            proba = _quick_model(X[train], y[train]).predict_proba(X[test])
            scores.append(auc(proba, y[test]))
    return float(np.mean(scores)) if scores else float("nan")


def _quick_model(X: NDArray[np.float64], y: Rows) -> ExtraTreesClassifier:
    features = max(1, min(X.shape[1] // 2, _FEATURES))
    return ExtraTreesClassifier(_TREES, min_samples_leaf=3, max_features=features, random_state=0).fit(X, y)


def time(sample: Sample) -> Iterator[Finding]:
    """Find dates by which classes or features drift, and measure what a random split hides."""
    for name, days in sample.values.items():
        if sample.kinds[name] != "date" or np.isnan(days).mean() > 0.5:
            continue
        sample.check_time()
        first, last = np.nanquantile(days, [0.25, 0.75])
        early, late = days <= first, days >= last
        if first == last:
            continue
        n_classes = sample.codes.max() + 1
        shares = [np.bincount(sample.looked_at[part], minlength=n_classes) / part.sum() for part in (early, late)]
        change = np.abs(shares[0] - shares[1])
        most = int(change.argmax())
        score, n = _drift(sample, early, late), min(early.sum(), late.sum(), _QUICK_ROWS // 2)
        noise = 3 * np.sqrt(0.25 / n)  # of a share; of an AUC on half of the rows, 3 * sqrt(1 / (3 n))
        if score > 0.5 + max(0.1, 3 * np.sqrt(1 / (3 * n))) or change[most] > max(noise, 0.02):
            yield _drifts(sample, name, score, most, shares)


def _drifts(sample: Sample, name: str, score: float, most: int, shares: list[NDArray[np.float64]]) -> Finding:
    random, forward = _two_splits(sample, sample.values[name])
    flattered = random - forward > _FLATTERED
    scored = np.isfinite([random, forward]).all()  # else a class is missing in the later rows
    quick = (
        f" A quick model scores ROC AUC {random:.3f} on random rows, and {forward:.3f} on rows later than those it was "
        "fitted on"
    )
    evidence = (
        f"By {name!r} the table drifts: a classifier tells its first quarter from its last by ROC AUC {score:.3f}, and "
        f"the share of class {sample.labels[most]!r} goes from {shares[0][most]:.1%} to {shares[1][most]:.1%}."
        + (quick + (": a random split is optimistic." if flattered else ".") if scored else "")
    )
    remedy = f"If the model is to judge later rows, test on later rows: {option('--time', name)}."
    return Finding("caution", "time", (name,), evidence, remedy)


def _two_splits(sample: Sample, days: NDArray[np.float64]) -> tuple[float, float]:
    """Score a quick model on random rows, and on rows that follow its training rows, as many in both."""
    mixed = np.random.default_rng(0).permutation(np.flatnonzero(~np.isnan(days)))[:_QUICK_ROWS]
    in_time, n = mixed[np.argsort(days[mixed], kind="stable")], len(mixed)
    cuts = (n // 2, 3 * n // 4), (3 * n // 4, n)
    random, forward = (_quick_auc(sample, [(order[:a], order[a:b]) for a, b in cuts]) for order in (mixed, in_time))
    return random, forward


def _drift(sample: Sample, early: NDArray[np.bool_], late: NDArray[np.bool_]) -> float:
    left_out = {name for name in sample.values if sample.kinds[name] == "date" or sample.names_rows[name]}
    if len(left_out) == len(sample.values):
        return 0.5
    rows = np.flatnonzero(early | late)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:_QUICK_ROWS]]
    X, is_late = sample.matrix(left_out)[rows], late[rows].astype(np.int64)
    half = len(rows) // 2
    if len(np.unique(is_late[:half])) < 2 or len(np.unique(is_late[half:])) < 2:
        return 0.5
    return auc(_quick_model(X[:half], is_late[:half]).predict_proba(X[half:]), is_late[half:])
