"""MUBO's amortised search: its default parameters, and the rows that it draws."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.checkpoint import resumed
from equipoise.bilevel.learned_score import LearnedScoring
from equipoise.bilevel.row_score import LossScoring, RowDraw
from equipoise.bilevel.row_search import Record
from equipoise.bilevel.rows import Restart, RowProblem
from equipoise.bilevel.score_search import ScoreSearch, draw_by, search_scores
from equipoise.text import counted
from equipoise.training import Settings, TrainedNetwork

CLIP = 5.0
"""Bound of standardised features: the pilot is trained on few rows."""

_PILOT = Settings(network=(64, 64), batch_size=256, learning_rate=5e-3, dropout=0.3, max_steps=150)
SELECTORS = {
    "score": ScoreSearch(_PILOT, max_iter=2, scoring=LearnedScoring()),
    "loss": ScoreSearch(_PILOT, max_iter=1, scoring=LossScoring()),
}
"""Searches by name that draw rows by a score."""
_FEWEST = 0.1  # rows drawn of a class, in units of the minority rows, that are not warned of
_OF_SEARCH = {
    "variant": "default",
    "n_restarts": 1,
    "max_epochs": None,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "n_iter_no_change": None,
    "proposal": None,
}
"""Parameters that only the search by row reads, with their defaults."""


class Chosen(NamedTuple):
    """Rows that a score drew."""

    rows: NDArray[np.int64]  # ascending, with those of the minority
    probabilities: NDArray[np.float64]  # (len(rows),)
    draw: RowDraw
    pilot: TrainedNetwork
    records: list[Record]


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters of the search by row."""
    for name, default in _OF_SEARCH.items():
        if (value := parameters[name]) != default:
            raise ValueError(
                f"{name} is for selector='search', but {name}={value!r} with selector={parameters['selector']!r}: "
                f"leave it at {default!r}."
            )


def make_score_search(
    *,
    selector: str,
    majority_fraction: float,
    hidden_layer_sizes: Sequence[int] | None,
    max_iter: int | None,
    max_steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    objective: Any,
    acceptance: Any,
) -> ScoreSearch:
    """Return the search that parameters of `MUBO` ask for."""
    search = SELECTORS[selector]
    pilot, steps = search.settings, max_iter or search.max_iter
    settings = replace(
        pilot,
        network=tuple(map(int, hidden_layer_sizes)) if hidden_layer_sizes else pilot.network,
        batch_size=batch_size or pilot.batch_size,
        learning_rate=learning_rate or pilot.learning_rate,
        max_steps=pilot.max_steps if max_steps is None else max(1, max_steps // steps),
    )
    return replace(
        search,
        settings=settings,
        fraction=majority_fraction,
        max_iter=steps,
        objective=objective or search.objective,
        acceptance=acceptance or search.acceptance,
    )


def choose(
    search: ScoreSearch,
    whole: RowProblem,
    restart: Restart,
    *,
    checkpoint: Path | None,
    request: Callable[[], str],
    max_time: float | None,
    on_step: Callable[[int, int], None],
) -> Chosen:
    """Search for a score, and draw rows of the whole table by it.

    The restart is of ``whole`` with some rows held out for the objective. The checkpoint keeps the search after each
    outer step; ``request`` says what is searched. ``max_time`` is in seconds; ``on_step`` is called with the outer
    steps done and at most.
    """
    fewest = min(max(1, int(search.fraction * len(rows))) for rows in whole.candidates.values())
    if fewest < _FEWEST * len(whole.kept):
        warnings.warn(
            f"majority_fraction={search.fraction!r} draws only {counted(fewest, 'row')} of a majority class beside "
            f"{len(whole.kept)} minority rows: the rare class becomes the common one. Raise majority_fraction.",
            UserWarning,
            stacklevel=4,
        )
    records, keep = resumed(checkpoint, request, [restart], on_step)
    search_scores(search, restart, records, max_time=max_time, on_step=keep)
    assert restart.best is not None
    draw, drawn, probabilities = draw_by(search, restart, whole)
    rows = np.concatenate([whole.kept, drawn])
    chances = np.concatenate([np.ones(len(whole.kept)), probabilities])
    order = np.argsort(rows)
    return Chosen(rows[order], chances[order], draw, restart.best, records)
