"""The amortised search over rows: an outer loop that learns to score rows, instead of deciding on each.

Each step draws rows of the majority classes with known probabilities, uniform ones at first, trains a pilot network on
them, and measures it on held-out rows. Unless the objective rises, pilot and draw are accepted, and what rows score is
learned from them; the next step draws by it. After a rejection the last accepted pilot and score stay, and the step
after it draws anew.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.acceptance import Acceptance, NotAbove
from equipoise.bilevel.learned_score import LearnedScoring
from equipoise.bilevel.objectives import BalancedHeldOut, Objective
from equipoise.bilevel.row_score import EvenScore, RowDraw, Scoring, draw
from equipoise.bilevel.row_search import Record
from equipoise.bilevel.rows import Restart, RowProblem, Rows, balanced_weights
from equipoise.training import Settings, Table, Task, TrainedNetwork, fit


@dataclass(frozen=True)
class ScoreSearch:
    """Parameters of an amortised search."""

    settings: Settings  # of the pilot
    fraction: float = 0.05  # share of the rows of each majority class that is drawn
    floor: float = 0.3  # share of a draw that is uniform
    max_iter: int = 2  # outer steps
    # what rows score after an accepted step, see `equipoise.bilevel.row_score`
    scoring: Scoring = field(default_factory=LearnedScoring)
    # see `equipoise.bilevel.objectives` and ``acceptance``
    objective: Objective = field(default_factory=BalancedHeldOut)
    acceptance: Acceptance = field(default_factory=NotAbove)


def begin(problem: RowProblem, seed: int) -> Restart:
    """Begin a search, in which all rows score alike."""
    return Restart(problem, np.random.default_rng(seed), problem.kept, len(problem.kept))


def search_scores(
    search: ScoreSearch,
    restart: Restart,
    records: list[Record],
    *,
    max_time: float | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run the outer steps that are left; the restart then holds the rows and the score of the last accepted one.

    Records are extended. ``max_time``, in seconds, is looked at before each step but the first.
    """
    started = time.monotonic()
    while restart.n_steps < search.max_iter:
        if restart.n_steps and max_time is not None and time.monotonic() - started >= max_time:
            break
        begun = time.monotonic()
        restart.n_steps += 1
        records.append(_step(search, restart) | {"seconds": time.monotonic() - begun})
        on_step(restart.n_steps, search.max_iter)


def draw_by(search: ScoreSearch, restart: Restart, problem: RowProblem) -> tuple[RowDraw, Rows, NDArray[np.float64]]:
    """Draw rows of a problem by the score of the last accepted step, see `draw`."""
    score = EvenScore() if restart.best is None else search.scoring.score(restart)
    return draw(score, problem, search.fraction, search.floor, restart.rng)


def _step(search: ScoreSearch, restart: Restart) -> Record:
    problem = restart.problem
    _, drawn, probabilities = draw_by(search, restart, problem)
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
        restart.learned = search.scoring.learn(restart, rows, weights)
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


def _trained(search: ScoreSearch, restart: Restart, rows: Rows, weights: NDArray[np.float64]) -> TrainedNetwork:
    problem = restart.problem
    table = Table(problem.gather(rows), problem.codes[rows].astype(np.int64), problem.n_classes)
    settings = replace(search.settings, batch_size=min(search.settings.batch_size, len(rows)))
    seed = int(restart.rng.integers(1 << 31))
    return fit([Task(table, seed, settings, weights=weights, start=restart.network)])[0]
