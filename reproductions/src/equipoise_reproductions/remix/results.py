"""What the stores of the cells hold, as frames of scores: one row a fold, then means, gains and ranks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from equipoise import metrics
from equipoise.decisions import correct_prior
from equipoise.experiments import Store
from equipoise.experiments.store import Cell, StoredFold
from equipoise_reproductions.remix.protocol import BASELINE, PRIOR_CORRECTED, Problem

METRICS = {"g_mean": "GM", "bbs": "BBS"}
"""The paper's two metrics by column: greater is better for the first, smaller for the second."""


def scores(folder: Path, problems: Sequence[Problem]) -> pd.DataFrame:
    """Score every stored result of some problems.

    Parameters
    ----------
    folder : Path
        Of the stores.
    problems : sequence of Problem

    Returns
    -------
    DataFrame
        A row a method and fold: ``problem``, ``source``, ``kind`` ("binary" or "multi-class"), ``ratio``,
        ``method``, ``repeat``, ``fold``, ``g_mean``, ``bbs``, ``brier``, ``seconds``, and the recalls and Brier
        scores of the classes as lists. The baseline stands there a second time, its probabilities corrected from
        the training shares to equal ones.
    """
    return pd.DataFrame([row for problem in problems for row in _of_problem(folder, problem)])


def _of_problem(folder: Path, problem: Problem) -> list[dict[str, object]]:
    path = folder / f"{problem.name}.sqlite"
    if not path.exists():
        return []
    with Store(path) as store:
        folds = {(fold.repeat, fold.fold): fold for fold in store.folds()}
        cells = [cell for cell in store.cells() if cell.error is None]
    rows = []
    for cell in cells:
        fold = folds[cell.repeat, cell.fold]
        rows.append(_scored(problem, cell.arm, fold, cell, cell.probabilities))
        if cell.arm == BASELINE.name:
            n = len(fold.train_counts)
            shares = np.array(fold.train_counts) / sum(fold.train_counts)
            corrected = correct_prior(np.asarray(cell.probabilities), shares, np.full(n, 1 / n))
            rows.append(_scored(problem, PRIOR_CORRECTED, fold, cell, corrected))
    return rows


def _scored(problem: Problem, method: str, fold: StoredFold, cell: Cell, proba: np.ndarray | None) -> dict[str, object]:
    assert proba is not None
    codes, labels = fold.test_codes, np.arange(proba.shape[1])
    decided = proba.argmax(axis=1)
    recalls = recall_score(codes, decided, labels=labels, average=None, zero_division=0)
    briers = metrics.class_brier_scores(codes, proba, labels=labels)
    return {
        "problem": problem.name,
        "source": problem.source.title,
        "ratio": problem.ratio,
        "kind": "multi-class" if problem.source.multiclass else "binary",
        "method": method,
        "repeat": cell.repeat,
        "fold": cell.fold,
        "g_mean": metrics.g_mean(codes, decided, labels=labels),
        "bbs": float(np.mean(briers)),
        "brier": metrics.brier_score(codes, proba, labels=labels),
        "seconds": cell.seconds,
        "recalls": np.round(recalls, 5).tolist(),
        "class_briers": np.round(briers, 6).tolist(),
    }
