"""Claim R10: what ReMix's batches hold, counted on cells of two sources."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from equipoise.experiments.claims import Claim, Statement
from equipoise.experiments.statistics import corrected_interval
from equipoise.reports.text import count, number
from equipoise_reproductions.page import Table
from equipoise_reproductions.remix import spread
from equipoise_reproductions.remix.protocol import ALPHA, Problem
from equipoise_reproductions.remix.runs import Rows

_COUNTED = ("segment-binary-0.05", "segment-binary-0.01", "satimage-binary-0.05", "satimage-binary-0.01")
_REPEATS = 2
_TEXT = (
    "Drawing anew each batch (a) lowers the chance that a row repeats, (b) avoids the loss of information of "
    "under-sampling, and (c) spreads rows beyond the hull of the rare class."
)
_DIFFERS = (
    "Counted on four folds of each cell, the tables on the first; intervals from the folds of one data set (Nadeau and "
    "Bengio 2003). Over-sampling is ReMix without its mixing."
)


def spread_parts(problems: Sequence[Problem]) -> list[Claim | Table]:
    """Count, and judge the claim: the claim, then the tables behind it."""
    tables: list[Table] = []
    statements: list[Statement] = []
    for problem in problems:
        if problem.name in _COUNTED:
            rows = Rows(problem)
            found = [_Spread(rows.scaled(f)[0], rows.y[f.train], f.seed) for f in rows.folds(_REPEATS)]
            tables += found[0].tables(problem.name)
            differences = pd.DataFrame([counted.differences() for counted in found])
            statements += [
                Statement(f"{problem.name}: {text}", corrected_interval(values, test_share=0.5))
                for text, values in differences.items()
            ]
    return [Claim("R10", _TEXT, "Introduction", statements, _DIFFERS), *tables]


class _Spread:
    """What is counted on the training rows of one fold."""

    def __init__(self, X: np.ndarray, y: np.ndarray, seed: int) -> None:
        self.repeated = spread.repetition(X, y, alpha=ALPHA, random_state=seed)
        self.unseen = spread.unseen_majority(X, y, random_state=seed)
        self.outside = spread.outside_hull(X, y, alpha=ALPHA, random_state=seed)

    def tables(self, name: str) -> list[Table]:
        return [
            Table(f"{name}: rows shown in 200 batches", _formatted(self.repeated)),
            Table(f"{name}: share of the majority not yet seen, by epochs", _formatted(self.unseen)),
            Table(f"{name}: rare rows outside the hull of the rare class", _formatted(self.outside)),
        ]

    def differences(self) -> dict[str, float]:
        repeated, outside = self.repeated["rare_repeated"].to_dict(), self.outside["outside"].to_dict()
        unseen = self.unseen.iloc[-1].to_dict()
        return {
            "rare rows repeated by over-sampling, less by ReMix": repeated["over-sampling"] - repeated["ReMix"],
            "rare rows repeated by in-batch SMOTE, less by ReMix": repeated["SMOTE"] - repeated["ReMix"],
            "majority never seen by under-sampling, less by ReMix": unseen["under-sampling"] - unseen["ReMix"],
            "rare rows outside the hull by ReMix, less by SMOTE": outside["ReMix"] - outside["SMOTE"],
        }


def _formatted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda value: count(value) if value > 1 else number(value))
