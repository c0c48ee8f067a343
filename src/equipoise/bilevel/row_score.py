"""Scores of rows by a small network, and from them the probability with which a row of each class is drawn.

The network sees the features of a row, the loss and the margin of a pilot network on it, and its distance to minority
rows and to rows of the majority drawn before. It knows nothing else of a row, so it scores rows never seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.bilevel.inclusion import Inclusion, inclusion_for
from equipoise.bilevel.rows import RowProblem, Rows
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit

ROWS_AT_ONCE = 1 << 14
LEAST = 1e-12
_SCORER = Settings(network=(32,), batch_size=128, max_steps=300, learning_rate=1e-2, weight_decay=1e-4)

Landmarks = tuple[NDArray[np.float32], ...]
"""Rows that distances are taken to: of the minority, and of the majority."""


@dataclass(frozen=True, eq=False)
class RowScore:
    """Scores rows, and gives the probability with which each is drawn.

    Attributes
    ----------
    n_classes : int
    pilot, scorer : FittedEnsemble or None
        Of one network each. Without a scorer a row scores its loss under the pilot, whose probabilities, learned with
        equal weights of classes, are corrected to `priors`; without a pilot all rows score alike.
    priors : ndarray of shape (K,), or None
    landmarks : tuple of ndarray
    inclusion : dict of int to Inclusion
        By the class of the rows; rows of other classes are all drawn.
    """

    n_classes: int
    pilot: FittedEnsemble | None = None
    scorer: FittedEnsemble | None = None
    priors: NDArray[np.float64] | None = None
    landmarks: Landmarks = ()
    inclusion: Mapping[int, Inclusion] = field(default_factory=dict)

    def of(self, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
        """Score of rows, as if they were of a class; positive."""
        if self.pilot is None:
            return np.ones(len(X), dtype=np.float32)
        if self.scorer is None:
            odds = self.pilot.predict_proba(X) * (1.0 if self.priors is None else self.priors)
            return np.maximum(-np.log1p(odds[:, code] / odds.sum(axis=1) - 1), LEAST).astype(np.float32)
        proba = self.scorer.predict_proba(score_inputs(X, code, self.pilot, self.landmarks))
        return (proba[:, 1] / np.maximum(proba[:, 0], LEAST)).astype(np.float32)

    def probabilities(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of rows to be drawn, as if they were of each class, ``(n, K)``."""
        found = np.ones((len(X), self.n_classes))
        for code, inclusion in self.inclusion.items():
            found[:, code] = inclusion.of(self.of(X, code))
        return found


def score_inputs(X: NDArray[np.float32], code: int, pilot: FittedEnsemble, landmarks: Landmarks) -> NDArray[np.float32]:
    """What the scorer sees of rows: features, loss and margin under a class, distances to the landmarks."""
    logs = np.log(np.maximum(pilot.predict_proba(X), LEAST))
    margin = logs[:, code] - np.delete(logs, code, axis=1).max(axis=1)
    rows = torch.from_numpy(X.reshape(len(X), -1))
    exact = rows.double()  # in float32, distances to a row itself would be some thousandths, and hang on the block
    near = [torch.cdist(exact, torch.from_numpy(part).double()).amin(dim=1).log1p().numpy() for part in landmarks]
    return np.column_stack([rows.numpy(), -logs[:, code], margin / 4, *near]).astype(np.float32)


def learn_score(inputs: NDArray[np.float32], influences: NDArray[np.float64], seed: int) -> TrainedNetwork:
    """Train a scorer whose odds follow the roots of the influences of rows.

    Of the root r it learns the share ``r / (r + c)``, c the median: a bounded target, whose odds are ``r / c``. The
    root, since an influence is measured on a pilot of few rows, and the largest are so by its chance.

    Parameters
    ----------
    inputs : ndarray of shape (n, d)
    influences : ndarray of shape (n,)
    seed : int
    """
    roots = np.sqrt(influences)
    share = roots / (roots + max(float(np.median(roots)), LEAST))
    soft = np.column_stack([1 - share, share]).astype(np.float32)
    settings = Settings(**{**vars(_SCORER), "batch_size": min(_SCORER.batch_size, len(inputs))})
    return fit([Task(Table(inputs, soft, 2), seed, settings)])[0]


def map_scores(score: RowScore, problem: RowProblem) -> dict[int, NDArray[np.float32]]:
    """Score all candidates of a table, a block of rows at a time: one pass over it."""
    found = {}
    for code, candidates in problem.candidates.items():
        found[code], start = np.empty(len(candidates), dtype=np.float32), 0
        for rows in blocks(candidates):
            found[code][start : start + len(rows)] = score.of(problem.gather(rows), code)
            start += len(rows)
    return found


def with_inclusion(
    score: RowScore, scores: Mapping[int, NDArray[np.float32]], fraction: float, floor: float
) -> RowScore:
    """Return a score under which a share of the rows of each class is drawn."""
    inclusion = {
        code: inclusion_for(values, max(1, int(fraction * len(values))), floor) for code, values in scores.items()
    }
    return replace(score, inclusion=inclusion)


def blocks(rows: NDArray[Any]) -> Iterator[Rows]:
    """Cut rows into blocks."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE].astype(np.int64)
