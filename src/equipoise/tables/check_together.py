"""A few columns that together give the target away: parts of it, or the terms of the rule that it was made by."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from equipoise.tables.auc import auc, binned, binned_auc, column_auc
from equipoise.tables.finding import Finding, drop_or_keep
from equipoise.tables.sample import SURE, Sample
from equipoise.text import listed

_MOST_ROWS = 8000
_MOST_COLUMNS = 100  # that are looked at, those first that tell most alone
_MOST_CATEGORIES = 40  # of which all pairs are looked at
_FEW = (2, 3, 4, 6, 8)  # columns of a set
_RULE = 0.998  # AUC from which on the columns are the rule by which the target was made
_PAIR_ROWS, _PAIR_BINS = 4000, 8
_PAIR_PROMISING = 0.9  # AUC by bins
_LEAST = 40  # rows of the rarest class

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]


def together(sample: Sample) -> Iterator[Finding]:
    """Find the smallest set of columns by which a line, a small tree or a pair of bins tells the classes apart.

    Of two categories the pairs of their levels are looked at, so that one which tells whether they are equal is found.
    """
    rows = np.random.default_rng(0).permutation(np.flatnonzero(sample.first))[:_MOST_ROWS]
    target = sample.looked_at[rows]
    weak = sorted(_weak(sample), key=lambda name: -sample.alone[name])[:_MOST_COLUMNS]
    if len(weak) < 2 or np.bincount(target, minlength=len(sample.labels)).min() < _LEAST:
        return
    found = next(_sets(sample, weak, rows, target), None)
    if found is not None:
        columns, score, how = found
        evidence = (
            f"Columns {listed(map(repr, columns))} together tell the classes apart, though "
            f"{'neither' if len(columns) == 2 else 'none'} does alone: ROC AUC {score:.3f} of {how} on held-out rows."
        )
        remedy = drop_or_keep(*columns)
        yield Finding(
            sample.severity_of(*columns) if score >= _RULE else "caution",
            "leak together",
            tuple(columns),
            evidence,
            remedy,
        )


def _weak(sample: Sample) -> list[str]:
    """Return the columns that do not tell the classes apart alone, without those that name the rows."""
    return [
        name
        for name, score in sample.alone.items()
        if score < SURE
        and name not in sample.cells.misfits
        and name not in sample.identifiers
        and not (sample.kinds[name] == "category" and sample.names_rows[name])
    ]


def _sets(sample: Sample, weak: list[str], rows: Codes, target: Codes) -> Iterator[tuple[list[str], float, str]]:
    """Find sets of columns that tell the classes apart, their AUC, and what does so by them."""
    sample.check_time()
    X = np.column_stack([_numbers(sample, name, rows, target) for name in weak])
    line = LogisticRegression(C=100.0, class_weight="balanced", max_iter=300)
    tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=3, class_weight="balanced", random_state=0)
    for how, model in (("a line", line), ("a small tree", tree)):
        sample.check_time()
        chosen = _chosen(model, X, target)
        if chosen is not None:
            yield [weak[i] for i in chosen], _score(model, X[:, chosen], target), how
    sample.check_time()
    categories = [name for name in weak if sample.kinds[name] == "category"][:_MOST_CATEGORIES]
    pairs = [
        (_crossed(sample, pair, rows[:_PAIR_ROWS], target[:_PAIR_ROWS]), pair) for pair in combinations(categories, 2)
    ]
    score, names = max(pairs, default=(0.0, ()))
    if score >= SURE:
        yield [*names], score, "their pairs of categories"
    sample.check_time()
    if (pair := _pair(X, target)) is not None:
        yield [weak[i] for i in pair[0]], pair[1], "a small forest"


def _crossed(sample: Sample, names: Sequence[str], rows: Codes, target: Codes) -> float:
    """Return the AUC of the class shares of the pairs of levels of two categories, on held-out rows."""
    one, other = (sample.values[name][rows].astype(np.int64) + 1 for name in names)
    return column_auc(np.unique(one * (other.max() + 1) + other, return_inverse=True)[1], target, category=True)


def _pair(X: Matrix, target: Codes) -> tuple[tuple[int, int], float] | None:
    """Return the pair of columns that tells the classes apart as neither does alone, such as by their difference.

    All pairs are looked at by bins of their quantiles; the most promising one is read by a forest.
    """
    X, target = X[:_PAIR_ROWS], target[:_PAIR_ROWS]
    train, n_classes = _training_rows(len(target)), int(target.max()) + 1
    bins = np.column_stack([binned(column, train, _PAIR_BINS) for column in X.T])
    best: tuple[float, int, int] = (0.0, 0, 0)
    n_cells = _PAIR_BINS**2 * n_classes
    for one in range(1, X.shape[1]):
        cells = (bins[:, [one]] * _PAIR_BINS + bins[:, :one]) * n_classes + target[:, None] + n_cells * np.arange(one)
        counts = [np.bincount(cells[rows].ravel(), minlength=one * n_cells) for rows in (train, ~train)]
        scores = binned_auc(*(part.reshape(one, _PAIR_BINS**2, n_classes).astype(np.float64) for part in counts))
        other = int(scores.argmax())
        best = max(best, (float(scores[other]), other, one))
    if best[0] < _PAIR_PROMISING:
        return None
    chosen = best[1], best[2]
    score = _score(ExtraTreesClassifier(50, min_samples_leaf=2, random_state=0), X[:, chosen], target)
    return (chosen, score) if score >= SURE else None


def _chosen(model: Any, X: Matrix, target: Codes) -> list[int] | None:
    """Return the fewest of the most important columns that suffice, without those that it can do without."""
    train = _training_rows(len(target))
    model.fit(X[train], target[train])
    weights = np.abs(model.coef_).sum(axis=0) if hasattr(model, "coef_") else model.feature_importances_
    order = np.argsort(-weights, kind="stable")
    for size in _FEW:
        chosen = [int(i) for i in order[:size]]
        if len(chosen) == size and _score(model, X[:, chosen], target) >= SURE:
            enough = _score(model, X[:, chosen], target) - 0.001
            for column in reversed(chosen):
                fewer = [i for i in chosen if i != column]
                if len(fewer) > 1 and _score(model, X[:, fewer], target) >= max(enough, SURE):
                    chosen = fewer
            return chosen
    return None


def _score(model: Any, X: Matrix, target: Codes) -> float:
    train = _training_rows(len(target))
    proba = model.fit(X[train], target[train]).predict_proba(X[~train])
    return auc(proba, target[~train])


def _training_rows(n: int) -> NDArray[np.bool_]:
    return np.random.default_rng(1).permutation(n) % 2 == 0


def _numbers(sample: Sample, name: str, rows: Codes, target: Codes) -> NDArray[np.float64]:
    """Return standardised numbers, 0 where missing; of a category the mean code of its training rows' classes."""
    values = sample.values[name][rows]
    if sample.kinds[name] == "category":
        train = _training_rows(len(target))
        n = np.bincount(values[train] + 1, minlength=values.max() + 2)
        hits = np.bincount(values[train] + 1, target[train], minlength=values.max() + 2)
        values = ((hits + target.mean()) / (n + 1))[values + 1]
    known = values[~np.isnan(values)]
    spread = known.std() if known.size else 0.0
    return np.nan_to_num((values - known.mean()) / spread) if spread > 0 else np.zeros(len(values))
