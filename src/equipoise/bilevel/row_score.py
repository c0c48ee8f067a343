"""Draws of rows by their scores: each row of a majority class with a probability that its score tells.

What rows score is an exchangeable part of a search; `LossScoring` is the simplest, `LearnedScoring` stands in
`equipoise.bilevel.learned_score`. A score knows nothing of a row but its features, so it scores rows never seen.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.inclusion import Inclusion, inclusion_for, systematic
from equipoise.bilevel.rows import Restart, RowProblem, Rows
from equipoise.processes import on_workers
from equipoise.training import FittedEnsemble, TrainedNetwork

ROWS_AT_ONCE = 1 << 14
_NUMBERS_OF_A_TASK = 1 << 20  # at most, where the rows of a block are no more: 4 MB to send
LEAST = 1e-12


class Score(Protocol):
    """Score of rows. A model file may hold it, and `equipoise.onnx_export.inclusion` may give it a graph."""

    def of(self, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
        """Score of rows, as if they were of a class; positive."""


class Scoring(Protocol):
    """What the rows of a search score after each accepted step."""

    def learn(self, restart: Restart, rows: Rows, weights: NDArray[np.float64]) -> dict[str, Any]:
        """Return networks and arrays, kept as ``restart.learned``, from the rows and weights of the pilot's training.

        The pilot is ``restart.best``.
        """

    def score(self, restart: Restart) -> Score:
        """Return the score that the next step draws by."""


class EvenScore:
    """All rows score alike, before the first step."""

    def of(self, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
        """Return ones."""
        return np.ones(len(X), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class LossScore:
    """Loss of a row under a pilot."""

    pilot: FittedEnsemble  # of one network, trained with equal weights of classes
    priors: NDArray[np.float64]  # (K,): of the table, to which its probabilities are corrected

    def of(self, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
        """Loss of rows, as if they were of a class."""
        odds = self.pilot.predict_proba(X) * self.priors
        return np.maximum(-np.log1p(odds[:, code] / odds.sum(axis=1) - 1), LEAST).astype(np.float32)


class LossScoring:
    """Rows score their loss under the pilot; nothing is learned."""

    def learn(self, restart: Restart, rows: Rows, weights: NDArray[np.float64]) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def score(self, restart: Restart) -> LossScore:
        """Return the loss under the pilot."""
        problem = restart.problem
        counts = np.bincount(problem.codes[problem.kept], minlength=problem.n_classes).astype(float)
        for code, candidates in problem.candidates.items():
            counts[code] = len(candidates)
        return LossScore(pilot_of(restart), counts / counts.sum())


def pilot_of(restart: Restart) -> FittedEnsemble:
    """Return the pilot of the last accepted step."""
    assert restart.best is not None
    return alone(restart.best, restart.problem.n_classes)


def alone(network: TrainedNetwork, n_classes: int) -> FittedEnsemble:
    """Return an ensemble of one network."""
    return FittedEnsemble([network], np.arange(n_classes))


@dataclass(frozen=True, eq=False)
class RowDraw:
    """Probability with which each row is drawn."""

    n_classes: int
    score: Score
    inclusion: Mapping[int, Inclusion]  # by the class of the rows; rows of other classes are all drawn

    def probabilities(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of rows to be drawn, as if they were of each class, ``(n, K)``."""
        found = np.ones((len(X), self.n_classes))
        for code, inclusion in self.inclusion.items():
            found[:, code] = inclusion.of(self.score.of(X, code))
        return found


def draw(
    score: Score, problem: RowProblem, fraction: float, floor: float, rng: np.random.Generator
) -> tuple[RowDraw, Rows, NDArray[np.float64]]:
    """Draw a share of the rows of each majority class by their scores, of which a share uniformly.

    Returns the law, the rows, and their probabilities.
    """
    laws, rows, found = dict[int, Inclusion](), [], []
    for code, candidates in problem.candidates.items():
        scores = _scores(score, problem, code)
        laws[code] = inclusion_for(scores, max(1, int(fraction * len(scores))), floor)
        places = systematic(laws[code], scores, rng)
        rows.append(candidates[places].astype(np.int64))
        found.append(laws[code].of(scores[places]))
    return RowDraw(problem.n_classes, score, laws), np.concatenate(rows), np.concatenate(found)


def _scores(score: Score, problem: RowProblem, code: int) -> NDArray[np.float32]:
    """Score all candidates of a class: one pass over them, on the workers of the current `backend`.

    Rows are sent with their task, which another worker repeats if one dies.
    """
    candidates = problem.candidates[code]
    found = np.empty(len(candidates), dtype=np.float32)
    in_task = ROWS_AT_ONCE * max(1, _NUMBERS_OF_A_TASK // (ROWS_AT_ONCE * math.prod(problem.X.shape[1:])))
    tasks = ((score, problem.gather(rows), code) for rows in blocks(candidates, in_task))
    for number, scores in on_workers(_scored, tasks):
        found[number * in_task : (number + 1) * in_task] = scores
    return found


def _scored(score: Score, X: NDArray[np.float32], code: int) -> NDArray[np.float32]:
    return np.concatenate([score.of(X[rows], code) for rows in blocks(np.arange(len(X)))])


def blocks(rows: NDArray[Any], at_once: int = ROWS_AT_ONCE) -> Iterator[Rows]:
    """Cut rows into blocks."""
    for start in range(0, len(rows), at_once):
        yield rows[start : start + at_once].astype(np.int64)
