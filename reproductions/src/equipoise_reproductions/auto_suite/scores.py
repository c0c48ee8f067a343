"""What the stores hold, as frames: scores of each method on each fold, what failed, and what the sets are like."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from equipoise import datasets
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise_reproductions.auto_suite.arms import AUTO, DECIDED, MEANS, NATURAL, PRIOR
from equipoise_reproductions.moved import at_equal_shares, moved_score
from equipoise_reproductions.suite import stores

EQUAL = tuple(METRICS[name] for name in ("g_mean", "balanced_brier"))
"""Metrics for which all classes count alike."""

TUNED = Metric("tuned_macro_f1", "macro F1, decision tuned", True, True, METRICS["macro_f1"].score)
FITS = (TUNED, *(METRICS[name] for name in ("log_loss", "average_precision", "roc_auc")))
"""Metrics of a fit, whatever its decision."""


def scores_by_fold(folder: Path) -> pd.DataFrame:
    """Read a row a set, repeat, fold and method: ``family``, ``seconds`` a fit, and the `EQUAL` and `FITS` metrics.

    The decision for macro F1 is tuned on the test rows of the other folds of the same repeat, except that of the
    method `DECIDED`. Methods whose names end in `PRIOR` are fits with their probabilities corrected to equal shares;
    they and `DECIDED` have no scores but those that their reading changes. `MEANS` are read as fits are.
    """
    found = stores(folder, datasets.suite())
    return pd.DataFrame([{"set": name, "family": of} | row for name, of, store in found for row in _rows(store)])


def over_folds(by_fold: pd.DataFrame, methods: Sequence[str] | None = None) -> pd.DataFrame:
    """Mean scores over folds, a row a set and method.

    Parameters
    ----------
    by_fold : DataFrame
        Of `scores_by_fold`.
    methods : sequence of str, optional
        Only these, on the folds that all of them were run on.
    """
    if methods is not None:
        by_fold = by_fold[by_fold["method"].isin(methods)]
        complete = by_fold.groupby(["set", "repeat", "fold"])["method"].transform("nunique") == len(methods)
        by_fold = by_fold[complete]
    columns = by_fold.drop(columns=["repeat", "fold"])
    return columns.groupby(["set", "family", "method"], sort=False).mean().reset_index()


def failures(folder: Path) -> list[str]:
    """Say which fits failed, and why."""
    return [
        f"{cell.recipe} on {name}, repeat {cell.repeat}, fold {cell.fold}: {cell.error}"
        for name, _, store in stores(folder, datasets.suite())
        for cell in store.cells()
        if cell.error is not None
    ]


def of_sets(folder: Path) -> pd.DataFrame:
    """Describe the sets, the smallest first: ``rows``, ``columns`` of the table, ``rare`` rows."""
    sets = {}
    for name, _, store in stores(folder, datasets.suite()):
        first = store.folds()[0]
        counts = np.add(first.train_counts, first.test_counts)
        sets[name] = {"rows": counts.sum(), "columns": store.get("columns"), "rare": counts.min()}
    return pd.DataFrame(sets).T.rename_axis("set").sort_values("rows")


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    folds, rare = {(fold.repeat, fold.fold): fold for fold in store.folds()}, store.get("rare")
    by_repeat: dict[tuple[str, int], list[Cell]] = {}
    for cell in store.cells():
        if cell.probabilities is not None:
            by_repeat.setdefault((cell.recipe, cell.repeat), []).append(cell)
    by_repeat |= _means(by_repeat)
    for (method, repeat), cells in by_repeat.items():
        for cell in cells:
            others = [c for c in cells if c is not cell]
            key = {"repeat": repeat, "fold": cell.fold, "seconds": cell.seconds}
            for name, row in _readings(method, cell, others, folds, rare):
                yield {"method": name} | key | row


def _means(by_repeat: dict[tuple[str, int], list[Cell]]) -> dict[tuple[str, int], list[Cell]]:
    """Return cells of the `MEANS`, of the folds that both were run on."""
    found = {}
    for (method, repeat), cells in by_repeat.items():
        for mean, partner in MEANS.items() if method == AUTO else ():
            theirs = {cell.fold: cell for cell in by_repeat.get((partner, repeat), [])}
            pairs = [(cell, theirs[cell.fold]) for cell in cells if cell.fold in theirs]
            if pairs:
                found[mean, repeat] = [_mean(mean, *pair) for pair in pairs]
    return found


def _mean(name: str, first: Cell, second: Cell) -> Cell:
    probabilities = (np.asarray(first.probabilities) + np.asarray(second.probabilities)) / 2
    return replace(first, recipe=name, seconds=first.seconds + second.seconds, probabilities=probabilities)


def _readings(
    method: str, cell: Cell, others: Sequence[Cell], folds: dict[tuple[int, int], StoredFold], rare: int
) -> Iterator[tuple[str, dict[str, float]]]:
    fold, proba = folds[cell.repeat, cell.fold], np.asarray(cell.probabilities)
    if method == DECIDED:
        yield method, {TUNED.name: TUNED.score(fold.test_codes, proba, rare)}
        return
    scored = {metric.name: metric.score(fold.test_codes, proba, rare) for metric in (*EQUAL, *FITS[1:])}
    if others:
        seen = [(folds[c.repeat, c.fold].test_codes, np.asarray(c.probabilities)) for c in others]
        scored[TUNED.name] = moved_score("macro_f1", fold.test_codes, proba, seen, rare)
    yield method, scored
    if method in (*NATURAL, *MEANS):
        corrected = at_equal_shares(proba, fold.train_counts)
        yield method + PRIOR, {metric.name: metric.score(fold.test_codes, corrected, rare) for metric in EQUAL}
