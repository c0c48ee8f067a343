"""Scores of rows by a small network that learns from hypergradients of the held-out loss by the weights of rows.

The network sees the features of a row, the loss and the margin of a pilot network on it, and its distance to minority
rows and to rows of the majority drawn before.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.bilevel.inner import Batch
from equipoise.bilevel.objectives import measured_on
from equipoise.bilevel.row_influence import row_influences
from equipoise.bilevel.row_score import LEAST, alone, pilot_of
from equipoise.bilevel.rows import Restart, RowProblem, Rows, balanced_weights
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit

_SCORER = Settings(network=(32,), batch_size=128, max_steps=300, learning_rate=1e-2, weight_decay=1e-4)

Landmarks = tuple[NDArray[np.float32], ...]
"""Rows that distances are taken to: of the minority, and of the majority."""


@dataclass(frozen=True, eq=False)
class LearnedScore:
    """Odds of a small network."""

    pilot: FittedEnsemble  # each of one network
    scorer: FittedEnsemble
    landmarks: Landmarks

    def of(self, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
        """Score of rows, as if they were of a class."""
        proba = self.scorer.predict_proba(score_inputs(X, code, self.pilot, self.landmarks))
        return (proba[:, 1] / np.maximum(proba[:, 0], LEAST)).astype(np.float32)


@dataclass(frozen=True)
class LearnedScoring:
    """A score network learns from the influences of some of the rows of each accepted step."""

    most_influences: int = 2048  # rows of a draw, and rows held out, that hypergradients are taken of in a step
    n_landmarks: int = 64  # rows that distances are taken to, of the minority and of the majority each

    def learn(self, restart: Restart, rows: Rows, weights: NDArray[np.float64]) -> dict[str, Any]:
        """Return ``scorer``, a network, and the landmarks ``minority`` and ``majority``."""
        problem, rng = restart.problem, restart.rng
        train = _some(rows, problem, 2 * self.most_influences, rng)
        held_out = measured_on(problem)
        held_out = held_out[_some(held_out, problem, self.most_influences, rng)]
        of_held_out = balanced_weights(problem, held_out, problem.weights_of(held_out))
        table = problem.gather(rows[train])
        assert restart.best is not None
        influences = row_influences(
            restart.best,
            _batch(table, problem, rows[train], weights[train]),
            _batch(problem.gather(held_out), problem, held_out, of_held_out),
            problem.n_classes,
            rng,
        )
        influences = influences * problem.weights_of(rows[train])
        near = [_at_most(part, self.n_landmarks, rng) for part in (restart.kept, restart.accepted)]
        landmarks = tuple(problem.gather(part).reshape(len(part), -1) for part in near)
        pilot, codes = pilot_of(restart), problem.codes[rows[train]]
        inputs = np.concatenate([score_inputs(table[codes == k], k, pilot, landmarks) for k in problem.candidates])
        targets = np.concatenate([influences[codes == k] for k in problem.candidates])
        scorer = learn_score(inputs, targets, int(rng.integers(1 << 31)))
        return {"scorer": scorer, "minority": landmarks[0], "majority": landmarks[1]}

    def score(self, restart: Restart) -> LearnedScore:
        """Return the score of the network."""
        learned = restart.learned
        landmarks = learned["minority"], learned["majority"]
        return LearnedScore(pilot_of(restart), alone(learned["scorer"], 2), landmarks)


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
    """
    roots = np.sqrt(influences)
    share = roots / (roots + max(float(np.median(roots)), LEAST))
    soft = np.column_stack([1 - share, share]).astype(np.float32)
    settings = Settings(**{**vars(_SCORER), "batch_size": min(_SCORER.batch_size, len(inputs))})
    return fit([Task(Table(inputs, soft, 2), seed, settings)])[0]


def _batch(X: NDArray[np.float32], problem: RowProblem, rows: Rows, weights: NDArray[np.float64]) -> Batch:
    target = torch.from_numpy(problem.codes[rows].astype(np.int64))
    return Batch(torch.from_numpy(X), target, weight=torch.from_numpy(weights).float())


def _some(rows: Rows, problem: RowProblem, most: int, rng: np.random.Generator) -> Rows:
    """Places of at most so many rows, of each class alike; all classes remain."""
    codes = problem.codes[rows]
    parts = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    return np.concatenate([_at_most(part, most // len(parts), rng) for part in parts])


def _at_most(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))
