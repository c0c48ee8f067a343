"""The bilevel search over rows: an outer loop proposes micro-samples, an inner loop trains on them.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Algorithm 1. Proposal, objective and acceptance are exchangeable parts. Restarts run in lockstep: at each step the
networks of all restarts train as one stack.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.acceptance import Acceptance
from equipoise.bilevel.objectives import Measured, Objective
from equipoise.bilevel.proposals import MicroSampleSize, Proposal, Size
from equipoise.bilevel.rows import Restart, RowProblem, Rows, balanced_weights
from equipoise.progress import OnSteps
from equipoise.training import Settings, Table, Task, TrainedNetwork, fit

Record = dict[str, Any]


@dataclass(frozen=True)
class RowSearch:
    """Parameters of a row search."""

    # settings of the inner loop; numbers of steps follow from the epochs and rows of each outer step
    settings: Settings
    max_epochs: int  # epochs of the inner loop in an outer step
    evaluation_epochs: int  # epochs between evaluations of the gradient
    proposal: Proposal  # the parts; see `equipoise.bilevel.proposals`, ``objectives`` and ``acceptance``
    objective: Objective
    acceptance: Acceptance
    size: Size = field(default_factory=MicroSampleSize)
    inner_steps: int | None = None  # gradient steps of the inner loop in an outer step, instead of epochs
    # whether classes have equal weight in the inner loop, so that a growing sample does not shift its decisions
    balanced: bool = False
    max_iter: int = 100  # outer steps
    n_iter_no_change: int | None = None  # number of steps without acceptance that ends a restart
    restore: bool = True  # whether a rejection also undoes the training on the rejected rows
    # shares of m of majority and of minority rows, drawn with replacement, to train on before the first step; the
    # former stay in the sample
    burn_in: tuple[float, float] | None = None


def search_rows(
    search: RowSearch,
    restarts: Sequence[Restart],
    records: list[Record] | None = None,
    *,
    max_time: float | None = None,
    on_step: OnSteps = lambda done, total: None,
) -> list[Record]:
    """Run a search; the restarts then hold the accepted rows.

    Records are the rows of `MUBO.history_`; those of earlier steps are extended. ``max_time``, in seconds, is looked at
    before each step; ``on_step`` is called with the outer steps done and at most.
    """
    started = time.monotonic()
    records = [] if records is None else records
    if search.burn_in and not records:
        records += _burnt_in(search, restarts)
    first = 1 + max(restart.n_steps for restart in restarts)
    for step in range(first, search.max_iter + 1):
        active = [restart for restart in restarts if not restart.done]
        if not active or (step > first and max_time is not None and time.monotonic() - started >= max_time):
            break
        for restart in active:
            restart.n_steps = step
        begun = time.monotonic()
        sizes = [search.size.of(restart) for restart in active]
        proposed = search.proposal.propose(active, sizes)
        for restart, more, size in zip(active, proposed, sizes, strict=True):
            restart.done = size > 0 and not len(more)  # nothing is left to propose
        trials = [(restart, more) for restart, more in zip(active, proposed, strict=True) if not restart.done]
        if not trials:
            break
        tried, samples = [restart for restart, _ in trials], [restart.rows(more) for restart, more in trials]
        networks = train_restarts(search, tried, samples)
        measured = search.objective.measure(tried, samples, networks, search.settings.loss)
        for (restart, more), sample, network, worth in zip(trials, samples, networks, measured, strict=True):
            accepted = _decide(search, restart, more, network, worth)
            record = _record(search, restarts, restart, sample, network, worth)
            seconds = (time.monotonic() - begun) / len(trials)
            records.append(record | {"proposed": len(more), "accepted": accepted, "seconds": seconds})
        on_step(step, search.max_iter)
    return records


def new_restart(problem: RowProblem, seed: int, *, bootstrap: bool = False) -> Restart:
    """Create a restart; with ``bootstrap`` its minority rows are drawn with replacement, as in the authors' code."""
    rng = np.random.default_rng(seed)
    kept = rng.choice(problem.kept, size=len(problem.kept)) if bootstrap else problem.kept
    return Restart(problem, rng, kept, size_before=len(kept))


def train_restarts(search: RowSearch, restarts: Sequence[Restart], samples: Sequence[Rows]) -> list[TrainedNetwork]:
    """Run the inner loop: train the networks of all restarts on their samples, each from its current weights."""
    batch_size = min(search.settings.batch_size, *map(len, samples))
    an_epoch = -(-max(map(len, samples)) // batch_size)
    settings = replace(
        search.settings,
        batch_size=batch_size,
        epoch_steps=search.evaluation_epochs * an_epoch,
        max_steps=search.inner_steps or search.max_epochs * an_epoch,
    )
    tasks = []
    for restart, rows in zip(restarts, samples, strict=True):
        of = restart.problem
        table = Table(of.gather(rows), of.codes[rows].astype(np.int64), of.n_classes)
        seed = int(restart.rng.integers(1 << 31))
        tasks.append(Task(table, seed, settings, weights=_weights(search, of, rows), start=restart.network))
    return fit(tasks)


def _weights(search: RowSearch, problem: RowProblem, rows: Rows) -> NDArray[np.float64] | None:
    """Weights of training rows, of mean one."""
    if problem.weights is None and not search.balanced:
        return None
    weights = problem.weights_of(rows)
    return balanced_weights(problem, rows, weights) if search.balanced else weights / weights.mean()


def _decide(search: RowSearch, restart: Restart, more: Rows, network: TrainedNetwork, worth: Measured) -> bool:
    accepted = search.acceptance.accepts(worth.objective, restart)
    restart.size_before = len(restart.kept) + len(restart.accepted)
    if accepted:
        restart.accepted = np.concatenate([restart.accepted, more])
        restart.objective, restart.best, restart.unchanged = worth.objective, network, 0
        restart.values.append(worth.objective)
    else:
        restart.unchanged += 1
    if accepted or not search.restore:
        restart.network = network
    restart.done = search.n_iter_no_change is not None and restart.unchanged >= search.n_iter_no_change
    return accepted


def _record(
    search: RowSearch,
    restarts: Sequence[Restart],
    restart: Restart,
    sample: Rows,
    network: TrainedNetwork,
    worth: Measured,
) -> Record:
    return {
        "objective": worth.objective,
        "majority_loss": worth.majority,
        "minority_loss": worth.minority,
        "gradient_norm": network.history[-1][1] if network.history else np.nan,
        "epochs": network.n_steps * min(search.settings.batch_size, len(sample)) / len(sample),
        "size": len(restart.accepted),
        "restart": restarts.index(restart),
        "step": restart.n_steps,
    }


def _burnt_in(search: RowSearch, restarts: Sequence[Restart]) -> list[Record]:
    """Train on a few rows of all classes first; the rows of the majority classes stay in the sample."""
    assert search.burn_in is not None
    begun, samples = time.monotonic(), []
    for restart in restarts:
        of_majority, of_minority = (max(1, round(share * restart.problem.n_minority())) for share in search.burn_in)
        parts = [c[restart.rng.integers(len(c), size=of_majority)] for c in restart.problem.candidates.values()]
        restart.accepted = np.concatenate(parts).astype(np.int64)
        minority = restart.kept[restart.rng.integers(len(restart.kept), size=of_minority)]
        samples.append(np.concatenate([minority, restart.accepted]))
    networks = train_restarts(search, restarts, samples)
    measured = search.objective.measure(restarts, samples, networks, search.settings.loss)
    records = []
    for restart, sample, network, worth in zip(restarts, samples, networks, measured, strict=True):
        restart.network = restart.best = network
        restart.values.append(worth.objective)
        record = _record(search, restarts, restart, sample, network, worth)
        seconds = (time.monotonic() - begun) / len(restarts)
        records.append(record | {"proposed": len(restart.accepted), "accepted": True, "seconds": seconds})
    return records
