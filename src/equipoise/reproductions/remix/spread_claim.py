"""Claim R10: what ReMix's batches hold, counted on cells of two sources."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import Interval
from equipoise.reports.text import count, number
from equipoise.reproductions.page import Table
from equipoise.reproductions.remix import spread
from equipoise.reproductions.remix.protocol import ALPHA, Problem
from equipoise.reproductions.remix.runs import Rows
from equipoise.reproductions.verdicts import Claim, Statement

_COUNTED = ("segment-binary-0.05", "segment-binary-0.01", "satimage-binary-0.05", "satimage-binary-0.01")
_TEXT = (
    "Drawing anew each batch (a) lowers the chance that a row repeats, (b) avoids the loss of information of "
    "under-sampling, and (c) spreads rows beyond the hull of the rare class."
)
_DIFFERS = (
    "Counted with one seed on the first fold of each cell: no intervals. Over-sampling is ReMix without its mixing."
)


def spread_parts(problems: Sequence[Problem]) -> list[Claim | Table]:
    """Count, and judge the claim: the claim, then the tables behind it."""
    tables: list[Table] = []
    statements: list[Statement] = []
    for problem in problems:
        if problem.name in _COUNTED:
            rows = Rows(problem)
            fold = next(rows.folds(1))
            found = _Spread(problem.name, rows.scaled(fold)[0], rows.y[fold.train])
            tables += found.tables()
            statements += found.statements()
    return [Claim("R10", _TEXT, "Introduction", statements, _DIFFERS), *tables]


class _Spread:
    """What is counted on the rows of one cell."""

    def __init__(self, name: str, X: np.ndarray, y: np.ndarray) -> None:
        self.name = name
        self.repeated = spread.repetition(X, y, alpha=ALPHA)
        self.unseen = spread.unseen_majority(X, y)
        self.outside = spread.outside_hull(X, y, alpha=ALPHA)

    def tables(self) -> list[Table]:
        return [
            Table(f"{self.name}: rows shown in 200 batches", _formatted(self.repeated)),
            Table(f"{self.name}: share of the majority not yet seen, by epochs", _formatted(self.unseen)),
            Table(f"{self.name}: rare rows outside the hull of the rare class", _formatted(self.outside)),
        ]

    def statements(self) -> list[Statement]:
        repeated, outside = self.repeated["rare_repeated"].to_dict(), self.outside["outside"].to_dict()
        unseen = self.unseen.iloc[-1].to_dict()
        lines = {
            "rare rows repeated by over-sampling, less by ReMix": repeated["over-sampling"] - repeated["ReMix"],
            "rare rows repeated by in-batch SMOTE, less by ReMix": repeated["SMOTE"] - repeated["ReMix"],
            "majority never seen by under-sampling, less by ReMix": unseen["under-sampling"] - unseen["ReMix"],
            "rare rows outside the hull by ReMix, less by SMOTE": outside["ReMix"] - outside["SMOTE"],
        }
        return [Statement(f"{self.name}: {text}", Interval(*[float(value)] * 3)) for text, value in lines.items()]


def _formatted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda value: count(value) if value > 1 else number(value))
