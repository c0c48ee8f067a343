"""Rows of MUBO's search: read dense and scaled, kept or proposed by class, and some held out to measure on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from equipoise.bilevel.row_score import RowDraw, blocks
from equipoise.bilevel.rows import RowProblem, rows_of
from equipoise.containers import as_array
from equipoise.dependence import Dependence
from equipoise.training.scaling import Standardizer

_FEWEST = 10  # minority rows that some are held out of; fewer all train and measure
_MEASURED_ON = 10  # held-out rows of a majority class, in units of the minority rows, at most


class Scaled:
    """Rows of a table, dense and scaled as they are read."""

    def __init__(self, X: Any, scaler: Standardizer | None) -> None:
        self._X, self._scaler, self.shape = X.tocsr() if issparse(X) else X, scaler, X.shape

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        values: Any = self._X[rows]
        values = values.toarray() if issparse(values) else values
        return values if self._scaler is None or not len(rows) else self._scaler.transform(values)


def whole_problem(
    X: Scaled,
    codes: NDArray[np.integer[Any]],
    n_classes: int,
    majority: Sequence[int],
    weights: NDArray[np.float64] | None,
) -> RowProblem:
    """Keep the rows of the minority classes and offer those of the majority classes, but rows of weight 0."""
    kept = rows_of(codes, [code for code in range(n_classes) if code not in majority]).astype(np.int64)
    candidates = {code: rows_of(codes, [code]) for code in majority}
    if weights is not None:
        kept = kept[weights[kept] > 0]
        candidates = {code: rows[weights[rows] > 0] for code, rows in candidates.items()}
        if not all(map(len, (kept, *candidates.values()))):
            raise ValueError("Each class needs rows of positive sample_weight, but one has none.")
    return RowProblem(X, codes, n_classes, kept, candidates, weights=weights)


def held_out(
    problem: RowProblem, fraction: float, rng: np.random.Generator, dependence: Dependence | None
) -> RowProblem:
    """Hold out rows of every class that only measure; none of a minority class that has too few."""
    if dependence is not None:
        return _held_out_apart(problem, fraction, rng, dependence)
    minority = [problem.kept[problem.codes[problem.kept] == code] for code in np.unique(problem.codes[problem.kept])]
    few = np.concatenate(
        [_part(rows, fraction, len(rows), rng) for rows in minority if len(rows) >= _FEWEST]
        or [np.empty(0, dtype=np.int64)]
    )
    most = _MEASURED_ON * max(len(few), _FEWEST)
    parts = [_part(rows, fraction, most, rng) for rows in problem.candidates.values()]
    return replace(problem, kept=np.setdiff1d(problem.kept, few), held_out=np.concatenate([few, *parts]))


def _held_out_apart(
    problem: RowProblem, fraction: float, rng: np.random.Generator, dependence: Dependence
) -> RowProblem:
    """Hold out whole groups or the last rows; none of their groups, or later, trains."""
    train, apart = dependence.hold_out(problem.codes, fraction, int(rng.integers(1 << 31)))
    few = np.intersect1d(problem.kept, apart)
    most = _MEASURED_ON * max(len(few), _FEWEST)
    others = [np.intersect1d(rows, apart) for rows in problem.candidates.values()]
    measured = [rng.choice(rows, min(most, len(rows)), replace=False) for rows in others]
    candidates = {code: np.intersect1d(rows, train) for code, rows in problem.candidates.items()}
    kept = np.intersect1d(problem.kept, train)
    return replace(problem, kept=kept, candidates=candidates, held_out=np.concatenate([few, *measured]))


def _part(rows: NDArray[Any], fraction: float, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    size = min(most, int(fraction * len(rows)))
    return rng.choice(rows, size, replace=False).astype(np.int64)


class RowInclusion:
    """Probability with which rows of any container are drawn, as if they were of each class."""

    def __init__(self, draw: RowDraw, scaler: Standardizer | None) -> None:
        self.draw, self.scaler = draw, scaler

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities (n, K) of rows, a block at a time."""
        X = as_array(X)
        rows = Scaled(X if issparse(X) else np.asarray(X), self.scaler)
        parts = [self.draw.probabilities(rows[part].astype(np.float32)) for part in blocks(np.arange(rows.shape[0]))]
        return np.concatenate(parts)
