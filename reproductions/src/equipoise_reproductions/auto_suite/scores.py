"""Scores of every fit in its readings, on each fold; and what the sets are like."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from equipoise.experiments import METRICS, Metric
from equipoise.experiments.readings import CORRECTED, DECIDED, READINGS, Readings, stores
from equipoise.experiments.store import Cell, Store
from equipoise.recipes import AUTO
from equipoise_reproductions.auto_suite import arms
from equipoise_reproductions.auto_suite.arms import MEANS, NATURAL, PRIOR

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
    return pd.concat([_of_store(problem, store) for problem, store in stores(folder)], ignore_index=True)


def _of_store(problem: dict[str, Any], store: Store) -> pd.DataFrame:
    readings = Readings(_with_means(store.cells()), store.folds(), problem["rare"])
    parts = dict(iter(readings.frame([*EQUAL, METRICS["macro_f1"], *FITS[1:]]).groupby("reading")))
    fits = parts[DECIDED].assign(tuned_macro_f1=parts[READINGS[2]]["macro_f1"].to_numpy())
    own = fits["arm"] == arms.DECIDED
    decided = fits.loc[own, ["arm", "repeat", "fold", "seconds"]].assign(tuned_macro_f1=fits.loc[own, "macro_f1"])
    corrected = parts[CORRECTED][parts[CORRECTED]["arm"].isin([*NATURAL, *MEANS])]
    corrected = corrected[["arm", "repeat", "fold", "seconds", *(metric.name for metric in EQUAL)]]
    both = pd.concat([fits[~own], decided, corrected.assign(arm=corrected["arm"] + PRIOR)])
    both = both.drop(columns=["reading", "macro_f1"]).rename(columns={"arm": "method"})
    both.insert(0, "set", problem["name"])
    both.insert(1, "family", problem["family"])
    return both


def _with_means(cells: Sequence[Cell]) -> list[Cell]:
    """Add the cells of the `MEANS`, of the folds that both were run on."""
    good = {cell.key: cell for cell in cells if cell.probabilities is not None}
    pairs = [
        (mean, cell, good[partner, cell.repeat, cell.fold])
        for mean, partner in MEANS.items()
        for cell in good.values()
        if cell.arm == AUTO and (partner, cell.repeat, cell.fold) in good
    ]
    return [*good.values(), *(_mean(*pair) for pair in pairs)]


def _mean(name: str, first: Cell, second: Cell) -> Cell:
    probabilities = (np.asarray(first.probabilities) + np.asarray(second.probabilities)) / 2
    seconds, decided = first.seconds + second.seconds, probabilities.argmax(axis=1)
    return replace(first, arm=name, seconds=seconds, probabilities=probabilities, decided=decided)


def over_folds(by_fold: pd.DataFrame, methods: Sequence[str] | None = None) -> pd.DataFrame:
    """Mean scores over folds, a row a set and method; of ``methods``, on the folds that all of them were run on."""
    if methods is not None:
        by_fold = by_fold[by_fold["method"].isin(methods)]
        complete = by_fold.groupby(["set", "repeat", "fold"])["method"].transform("nunique") == len(methods)
        by_fold = by_fold[complete]
    columns = by_fold.drop(columns=["repeat", "fold"])
    return columns.groupby(["set", "family", "method"], sort=False).mean().reset_index()


def failures(folder: Path) -> list[str]:
    """Say which fits failed, and why."""
    return [
        f"{cell.arm} on {problem['name']}, repeat {cell.repeat}, fold {cell.fold}: {cell.error}"
        for problem, store in stores(folder)
        for cell in store.cells()
        if cell.error is not None
    ]


def of_sets(folder: Path) -> pd.DataFrame:
    """Describe the sets, the smallest first: ``rows``, ``columns`` of the table, ``rare`` rows."""
    rows = {
        problem["name"]: {"rows": problem["n_rows"], "columns": problem["n_columns"], "rare": min(problem["counts"])}
        for problem, _ in stores(folder)
    }
    return pd.DataFrame(rows).T.rename_axis("set")
