"""MUBO's search by row: its parameters, its steps with a checkpoint, and what its restarts leave."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from torch import nn

from equipoise.bilevel.checkpoint import resumed
from equipoise.bilevel.row_search import Record, RowSearch, search_rows, train_restarts
from equipoise.bilevel.rows import Restart, RowProblem
from equipoise.samplers.mubo_variants import Variant
from equipoise.training import TrainedNetwork

_OUTER_STEPS = 100
_HIDDEN = (256, 128)
_MAY_DIFFER = ("checkpoint", "max_iter", "max_time", "verbose")  # from call to call of a search that goes on


def make_row_search(
    variant: Variant,
    n_classes: int,
    *,
    hidden_layer_sizes: Sequence[int] | None,
    max_iter: int | None,
    max_epochs: int | None,
    max_steps: int | None,
    tol: float,
    batch_size: int | None,
    learning_rate: float | None,
    dropout: float,
    weight_decay: float,
    n_iter_no_change: int | None,
    proposal: Any,
    objective: Any,
    acceptance: Any,
) -> RowSearch:
    """Return the search that a variant and parameters of `MUBO` ask for."""
    search, max_iter = variant.search, max_iter or _OUTER_STEPS
    hidden = tuple(int(size) for size in hidden_layer_sizes or _HIDDEN)
    max_epochs = max_epochs or search.max_epochs
    network = variant.network(hidden, n_classes)
    if dropout and callable(network):
        raise ValueError(
            f"The network of this variant has no dropout, but dropout={dropout!r}: set dropout=0, or variant='default'."
        )
    settings = replace(
        search.settings,
        network=network,
        gradient_tolerance=tol,
        batch_size=batch_size or search.settings.batch_size,
        learning_rate=learning_rate or search.settings.learning_rate,
        dropout=dropout,
        weight_decay=weight_decay,
        optimizer="adamw" if weight_decay else search.settings.optimizer,
    )
    return replace(
        search,
        settings=settings,
        max_iter=max_iter,
        max_epochs=max_epochs,
        evaluation_epochs=min(search.evaluation_epochs, max_epochs),
        inner_steps=None if max_steps is None else max(1, max_steps // max_iter),
        n_iter_no_change=n_iter_no_change or search.n_iter_no_change,
        proposal=proposal or search.proposal,
        objective=objective or search.objective,
        acceptance=acceptance or search.acceptance,
    )


def run(
    search: RowSearch,
    restarts: Sequence[Restart],
    *,
    checkpoint: Path | None,
    request: Callable[[], str],
    max_time: float | None,
    on_step: Callable[[int, int], None],
) -> list[Record]:
    """Search from where a checkpoint ends, and return the records of all steps; parameters as for `choose`."""

    def pattern() -> nn.Module | None:
        network, problem = search.settings.network, restarts[0].problem
        return network(problem.X.shape[1:], problem.n_classes) if callable(network) else None

    records, keep = resumed(checkpoint, request, restarts, on_step, pattern=pattern)
    return search_rows(search, restarts, records, max_time=max_time, on_step=keep)


def request(parameters: Mapping[str, Any], inner_steps: int | None, restarts: Sequence[Restart]) -> str:
    """Say what is searched and how, as far as the steps of the search depend on it.

    Raises ValueError if the random state is no integer.
    """
    if not isinstance(random_state := parameters["random_state"], Integral):
        raise ValueError(
            f"A search can only go on with the same draws, but random_state={random_state!r}: give an integer."
        )
    # An object is known by what it holds: where it lies in memory differs from run to run.
    settings = {
        name: f"{type(value).__qualname__}{vars(value)}" if hasattr(value, "__dict__") else repr(value)
        for name, value in parameters.items()
        if name not in _MAY_DIFFER
    }
    problem = restarts[0].problem
    rows = [problem.gather(np.unique(np.concatenate([c.kept, c.problem.held_out]))) for c in restarts]
    return json.dumps([settings, inner_steps, joblib.hash([problem.codes, problem.weights, rows])])


def rows_kept(whole: RowProblem, restart: Restart) -> NDArray[np.int64]:
    """Return all minority rows, those that only measured too, and what the restart accepted."""
    measured = np.intersect1d(whole.kept, restart.problem.held_out)
    return np.sort(np.concatenate([restart.kept, measured, restart.accepted]))


def networks_of(
    search: RowSearch, variant: Variant, restarts: Sequence[Restart], rows: Sequence[NDArray[np.int64]]
) -> list[TrainedNetwork]:
    """Return the networks that the restarts leave, one each where it has one."""
    if variant.holds_out:  # rows that only measured train now
        return train_restarts(search, restarts, rows)
    left = (restart.best if variant.returns_best else restart.network for restart in restarts)
    return [network for network in left if network is not None]
