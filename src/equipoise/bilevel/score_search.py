"""The amortised search over rows: an outer loop that learns to score rows, instead of deciding on each.

Each step draws rows of the majority classes with known probabilities, uniform ones at first, trains a pilot network on
them, and measures it on held-out rows. Unless the objective rises, pilot and draw are accepted, and a score network
learns from the hypergradients of the held-out loss by the weights of the rows drawn; the next step draws by it. After a
rejection the last accepted pilot and score stay, and the step after it draws anew.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.bilevel.acceptance import Acceptance, NotAbove
from equipoise.bilevel.inclusion import systematic
from equipoise.bilevel.inner import Batch
from equipoise.bilevel.objectives import BalancedHeldOut, Objective, measured_on
from equipoise.bilevel.row_influence import row_influences
from equipoise.bilevel.row_score import RowScore, learn_score, map_scores, score_inputs, with_inclusion
from equipoise.bilevel.rows import Restart, RowProblem, Rows
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit

Record = dict[str, Any]


@dataclass(frozen=True)
class ScoreSearch:
    """Parameters of an amortised search.

    Attributes
    ----------
    settings : Settings
        Of the pilot.
    fraction : float
        Share of the rows of each majority class that is drawn.
    floor : float
        Share of a draw that is uniform.
    max_iter : int
        Outer steps.
    learns : bool
        Whether a score network learns; else the next draw is in proportion to the pilot's loss.
    objective, acceptance
        See `equipoise.bilevel.objectives` and ``acceptance``.
    most_influences : int
        Rows of a draw, and rows held out, that hypergradients are taken of in a step.
    n_landmarks : int
        Rows that distances are taken to, of the minority and of the majority each.
    """

    settings: Settings
    fraction: float
    floor: float = 0.3
    max_iter: int = 2
    learns: bool = True
    objective: Objective = field(default_factory=BalancedHeldOut)
    acceptance: Acceptance = field(default_factory=NotAbove)
    most_influences: int = 2048
    n_landmarks: int = 64


@dataclass(eq=False)
class ScoredRestart(Restart):
    """State of an amortised search; ``accepted`` are the rows of the last accepted draw.

    Attributes
    ----------
    scorer : TrainedNetwork or None
        Score network of the last accepted step, which the next one draws by.
    landmarks : tuple of ndarray
        Rows that it takes distances to; empty before the first step.
    """

    scorer: TrainedNetwork | None = None
    landmarks: tuple[NDArray[np.float32], ...] = ()

    @property
    def score(self) -> RowScore:
        """Score of the last accepted step."""
        n = self.problem.n_classes
        pilot = None if self.best is None else _alone(self.best, n)
        scorer = None if self.scorer is None else _alone(self.scorer, 2)
        return RowScore(n, pilot, scorer, self._rows_by_class(), self.landmarks)

    def _rows_by_class(self) -> NDArray[np.float64]:
        counts = np.bincount(self.problem.codes[self.problem.kept], minlength=self.problem.n_classes).astype(float)
        for code, candidates in self.problem.candidates.items():
            counts[code] = len(candidates)
        return counts / counts.sum()


def _alone(network: TrainedNetwork, n_classes: int) -> FittedEnsemble:
    return FittedEnsemble([network], np.arange(n_classes))


def begin(problem: RowProblem, seed: int) -> ScoredRestart:
    """Begin a search, in which all rows score alike."""
    return ScoredRestart(problem, np.random.default_rng(seed), problem.kept, len(problem.kept))


def search_scores(
    search: ScoreSearch,
    restart: ScoredRestart,
    records: list[Record],
    *,
    max_time: float | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run the outer steps that are left; the restart then holds the score of the last accepted one.

    Parameters
    ----------
    search : ScoreSearch
    restart : ScoredRestart
    records : list of dict
        Records of the steps, extended by new ones.
    max_time : float, optional
        Time limit in seconds, checked before each step but the first.
    on_step : callable, optional
        Called with the numbers of outer steps done and at most.
    """
    started = time.monotonic()
    while restart.n_steps < search.max_iter:
        if restart.n_steps and max_time is not None and time.monotonic() - started >= max_time:
            break
        begun = time.monotonic()
        restart.n_steps += 1
        records.append(_step(search, restart) | {"seconds": time.monotonic() - begun})
        on_step(restart.n_steps, search.max_iter)


def draw(
    search: ScoreSearch, score: RowScore, problem: RowProblem, rng: np.random.Generator
) -> tuple[RowScore, Rows, NDArray[np.float64]]:
    """Draw rows of the majority classes by a score.

    Returns
    -------
    score : RowScore
        With the probabilities by which rows of this table are drawn.
    rows : ndarray of int
    probabilities : ndarray of shape (len(rows),)
    """
    scores = map_scores(score, problem)
    score = with_inclusion(score, scores, search.fraction, search.floor)
    rows, found = [], []
    for code, candidates in problem.candidates.items():
        places = systematic(score.inclusion[code], scores[code], rng)
        rows.append(candidates[places].astype(np.int64))
        found.append(score.inclusion[code].of(scores[code][places]))
    return score, np.concatenate(rows), np.concatenate(found)


def _step(search: ScoreSearch, restart: ScoredRestart) -> Record:
    problem = restart.problem
    _, drawn, probabilities = draw(search, restart.score, problem, restart.rng)
    trains = ~np.isin(drawn, problem.held_out)
    drawn, probabilities = drawn[trains], probabilities[trains]
    rows = np.concatenate([restart.kept, drawn])
    chances = np.concatenate([np.ones(len(restart.kept)), probabilities])
    weights = balanced_weights(problem, rows, problem.weights_of(rows) / chances)
    pilot = _trained(search, restart, rows, weights)
    (worth,) = search.objective.measure([restart], [rows], [pilot], search.settings.loss)
    accepted = search.acceptance.accepts(worth.objective, restart)
    if accepted:
        restart.accepted, restart.network, restart.best, restart.objective = drawn, pilot, pilot, worth.objective
        restart.values.append(worth.objective)
        if search.learns:
            _learn(search, restart, pilot, rows, weights)
    return {
        "restart": 0,
        "step": restart.n_steps,
        "proposed": len(drawn),
        "accepted": accepted,
        "objective": worth.objective,
        "majority_loss": worth.majority,
        "minority_loss": worth.minority,
        "size": len(restart.accepted),
    }


def balanced_weights(problem: RowProblem, rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of mean one under which all classes weigh alike."""
    codes = problem.codes[rows].astype(np.int64)
    mass = np.bincount(codes, weights=weights, minlength=problem.n_classes)
    weights = weights / mass[codes]
    return weights / weights.mean()


def _trained(search: ScoreSearch, restart: Restart, rows: Rows, weights: NDArray[np.float64]) -> TrainedNetwork:
    problem = restart.problem
    table = Table(problem.gather(rows), problem.codes[rows].astype(np.int64), problem.n_classes)
    settings = replace(search.settings, batch_size=min(search.settings.batch_size, len(rows)))
    seed = int(restart.rng.integers(1 << 31))
    return fit([Task(table, seed, settings, weights=weights, start=restart.network)])[0]


def _learn(
    search: ScoreSearch, restart: ScoredRestart, pilot: TrainedNetwork, rows: Rows, weights: NDArray[np.float64]
) -> None:
    """Let a score network learn from the influences of some of the rows of a step."""
    problem, rng = restart.problem, restart.rng
    train = _some(rows, problem, 2 * search.most_influences, rng)
    held_out = measured_on(problem)
    held_out = held_out[_some(held_out, problem, search.most_influences, rng)]
    of_held_out = balanced_weights(problem, held_out, problem.weights_of(held_out))
    table = problem.gather(rows[train])
    influences = row_influences(
        pilot,
        _batch(table, problem, rows[train], weights[train]),
        _batch(problem.gather(held_out), problem, held_out, of_held_out),
        problem.n_classes,
        rng,
    )
    influences = influences * problem.weights_of(rows[train])
    codes = problem.codes[rows[train]]
    of_majority = np.isin(codes, list(problem.candidates))
    near = (_at_most(part, search.n_landmarks, rng) for part in (restart.kept, restart.accepted))
    landmarks = tuple(problem.gather(part).reshape(len(part), -1) for part in near)
    own = _alone(pilot, problem.n_classes)
    inputs = np.concatenate([score_inputs(table[codes == code], code, own, landmarks) for code in problem.candidates])
    targets = np.concatenate([influences[of_majority & (codes == code)] for code in problem.candidates])
    restart.scorer, restart.landmarks = learn_score(inputs, targets, int(rng.integers(1 << 31))), landmarks


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
