"""What is scored on tables, images and groups, read from the stores."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise import metrics
from equipoise.experiments import METRICS, Metric, results
from equipoise.experiments.readings import DECIDED
from equipoise.experiments.store import Cell, Store, StoredFold

BALANCED_ERROR = Metric(
    "balanced_error",
    "balanced error",
    False,
    True,
    lambda codes, proba, rare: 1 - METRICS["balanced_accuracy"].score(codes, proba, rare),
    "equal",
)
SCORED = (BALANCED_ERROR, METRICS["balanced_brier"])
GROUP_SCORES = {
    "accuracy": "accuracy",
    "error": "balanced error",
    "cells": "mean of four cells",
    "worst": "worst cell",
    "deo": "DEO",
}


def by_fold(folder: Path) -> pd.DataFrame:
    """Read the `SCORED` metrics, a row a set, ``method`` and fold."""
    found = results(folder, metrics=SCORED, readings=[DECIDED])
    return found.drop(columns=["reading", "repeat"]).rename(columns={"arm": "method"})


def over_folds(by_fold: pd.DataFrame) -> pd.DataFrame:
    """Mean scores over folds, a row a set and method."""
    return by_fold.drop(columns="fold").groupby(["set", "family", "method"], sort=False).mean().reset_index()


def group_scores(path: Path, groups: NDArray[np.str_]) -> pd.DataFrame:
    """Read `GROUP_SCORES` of every arm and fold of a store: ``method``, ``fold``, and a column a score."""
    with Store(path) as store:
        folds = {fold.fold: fold for fold in store.folds()}
        return pd.DataFrame(
            [
                {"method": cell.arm, "fold": cell.fold, **_of_groups(cell, folds[cell.fold], groups)}
                for cell in store.cells()
                if cell.decided is not None
            ]
        )


def _of_groups(cell: Cell, fold: StoredFold, groups: NDArray[np.str_]) -> dict[str, float]:
    decided = np.asarray(cell.decided)
    errors = metrics.group_errors(fold.test_codes, decided, groups[fold.test_rows])
    return {
        "accuracy": float((decided == fold.test_codes).mean()),
        "error": 1 - metrics.balanced_accuracy(fold.test_codes, decided),
        "cells": errors["balanced"],
        "worst": errors["worst"],
        "deo": errors["deo"],
    }
