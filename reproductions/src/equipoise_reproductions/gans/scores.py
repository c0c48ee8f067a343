"""What the stores hold, as frames: scores of each method, and how like real rows those are that GANs made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise import datasets
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Cell, Store, StoredFold
from equipoise_reproductions.gans.arms import MOVED, UNTREATED
from equipoise_reproductions.moved import Others, at_equal_shares, moved_score
from equipoise_reproductions.suite import stores

SCORED = ("g_mean", "macro_f1", "balanced_brier", "average_precision")
DECIDED = ("g_mean", "macro_f1")
"""Metrics that a moved decision changes."""


def scores(folder: Path) -> pd.DataFrame:
    """Read mean scores over folds.

    Returns
    -------
    DataFrame
        A row a set and method: ``set``, ``family``, ``method``, ``seconds`` a fit, the `SCORED` metrics, and
        ``moved_<metric>`` for the `DECIDED` ones, by offsets tuned for it on the test rows of the other folds. The
        method `MOVED` is the untreated network so moved, its probabilities corrected to equal shares.
    """
    found = stores(folder, datasets.suite())
    rows = [{"set": name, "family": family} | row for name, family, store in found for row in _rows(store)]
    return pd.DataFrame(rows).groupby(["set", "family", "method"], sort=False).mean().reset_index()


def health(folder: Path) -> pd.DataFrame:
    """Read diagnostics of synthetic rows: ``set``, ``family``, ``method``, ``fold``, `SMOTifiedGAN.diagnostics_`."""
    return pd.DataFrame(
        [
            {"set": name, "family": family, "method": cell.recipe, "fold": cell.fold} | figures
            for name, family, store in stores(folder, datasets.suite())
            for cell in store.cells()
            for figures in cell.made
        ]
    )


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    folds, rare = {fold.fold: fold for fold in store.folds()}, store.get("rare")
    by_method: dict[str, list[Cell]] = {}
    for cell in store.cells():
        if cell.probabilities is not None:
            by_method.setdefault(cell.recipe, []).append(cell)
    for method, cells in by_method.items():
        for cell in cells:
            others = [(folds[c.fold].test_codes, np.asarray(c.probabilities)) for c in cells if c is not cell]
            row = {"seconds": cell.seconds} | _scored(folds[cell.fold], np.asarray(cell.probabilities), others, rare)
            yield {"method": method} | row
            if method == UNTREATED:
                yield {"method": MOVED} | row | _moved(folds[cell.fold], np.asarray(cell.probabilities), row, rare)


def _scored(fold: StoredFold, proba: NDArray[Any], others: Others, rare: int) -> dict[str, float]:
    row = {name: METRICS[name].score(fold.test_codes, proba, rare) for name in SCORED}
    return row | {f"moved_{name}": moved_score(name, fold.test_codes, proba, others, rare) for name in DECIDED}


def _moved(fold: StoredFold, proba: NDArray[Any], row: dict[str, Any], rare: int) -> dict[str, float]:
    corrected = at_equal_shares(proba, fold.train_counts)
    brier = METRICS["balanced_brier"].score(fold.test_codes, corrected, rare)
    return {name: row[f"moved_{name}"] for name in DECIDED} | {"balanced_brier": brier}
