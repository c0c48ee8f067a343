"""The bilevel search over rows: an outer loop proposes micro-samples, an inner loop trains on them.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Algorithm 1. What is proposed, what is measured and when it is accepted are three parts that can be swapped.
Chains run in lockstep: at each step the networks of all chains train as one stack.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.acceptance import Acceptance
from equipoise.bilevel.objectives import Measured, Objective
from equipoise.bilevel.proposals import MicroSampleSize, Proposal, SizeByAcceptances
from equipoise.bilevel.rows import Chain, RowProblem, Rows
from equipoise.training import Settings, Table, Task, TrainedNetwork, fit

OnStep = Callable[[int, int], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class RowSearch:
    """How a search runs.

    Attributes
    ----------
    settings : Settings
        Of the inner loop; its numbers of steps are set from the epochs and rows of each outer step.
    max_epochs : int
        Of the inner loop in an outer step.
    look_epochs : int
        Epochs between looks at the gradient.
    inner_steps : int or None
        Gradient steps of the inner loop in an outer step, in place of epochs.
    balanced : bool
        Whether the inner loop weighs classes equally, so that a growing sample does not shift what it decides.
    proposal, objective, acceptance, size
        The parts; see `equipoise.bilevel.proposals`, ``objectives`` and ``acceptance``.
    max_iter : int
        Outer steps.
    n_iter_no_change : int or None
        Steps without an acceptance after which a chain ends.
    restore : bool
        Whether a rejection undoes the training on the rejected rows, too.
    burn_in : (float, float) or None
        Shares of m of larger and of rare rows, drawn with replacement, to train on before the first step; the former
        stay in the sample.
    """

    settings: Settings
    max_epochs: int
    look_epochs: int
    proposal: Proposal
    objective: Objective
    acceptance: Acceptance
    size: MicroSampleSize | SizeByAcceptances = field(default_factory=MicroSampleSize)
    inner_steps: int | None = None
    balanced: bool = False
    max_iter: int = 100
    n_iter_no_change: int | None = None
    restore: bool = True
    burn_in: tuple[float, float] | None = None


def search_rows(
    search: RowSearch,
    chains: Sequence[Chain],
    records: list[Record] | None = None,
    *,
    max_time: float | None = None,
    on_step: OnStep = lambda done, total: None,
) -> list[Record]:
    """Run a search on chains, which then hold what they accepted.

    Parameters
    ----------
    search : RowSearch
    chains : sequence of Chain
        As `new_chain` makes them, of problems with as many classes each.
    records : list of dict, optional
        Of the steps that the chains have made before, if they have; those to come are added to it.
    max_time : float, optional
        Seconds after which no further step is begun.
    on_step : callable, optional
        Called with the outer steps done and those there may be.

    Returns
    -------
    list of dict
        One for each step of each chain: ``step``, ``chain``, ``proposed`` rows, ``accepted``, ``objective``, the mean
        losses ``larger_loss`` and ``rare_loss`` on the sample, ``gradient_norm``, ``epochs``, ``size`` (accepted rows
        of the larger classes after the step) and ``seconds``.
    """
    started = time.monotonic()
    records = [] if records is None else records
    if search.burn_in and not records:
        records += _burnt_in(search, chains)
    first = 1 + max(chain.n_steps for chain in chains)
    for step in range(first, search.max_iter + 1):
        active = [chain for chain in chains if not chain.done]
        if not active or (step > first and max_time is not None and time.monotonic() - started >= max_time):
            break
        for chain in active:
            chain.n_steps = step
        begun = time.monotonic()
        sizes = [search.size.of(chain) for chain in active]
        proposed = search.proposal.propose(active, sizes)
        for chain, more, size in zip(active, proposed, sizes, strict=True):
            chain.done = size > 0 and not len(more)  # nothing is left to propose
        trials = [(chain, more) for chain, more in zip(active, proposed, strict=True) if not chain.done]
        if not trials:
            break
        tried, samples = [chain for chain, _ in trials], [chain.rows(more) for chain, more in trials]
        networks = train_chains(search, tried, samples)
        measured = search.objective.measure(tried, samples, networks, search.settings.loss)
        for (chain, more), sample, network, worth in zip(trials, samples, networks, measured, strict=True):
            accepted = _decide(search, chain, more, network, worth)
            record = _record(chain, network, worth, len(sample), search) | {"chain": chains.index(chain), "step": step}
            records.append(
                record
                | {"proposed": len(more), "accepted": accepted, "seconds": (time.monotonic() - begun) / len(trials)}
            )
        on_step(step, search.max_iter)
    return records


def new_chain(problem: RowProblem, seed: int, *, bootstrap: bool = False) -> Chain:
    """Start a chain; with ``bootstrap`` its rare rows are drawn with replacement, as the authors do."""
    rng = np.random.default_rng(seed)
    kept = rng.choice(problem.kept, size=len(problem.kept)) if bootstrap else problem.kept
    return Chain(problem, rng, kept, size_before=len(kept))


def train_chains(search: RowSearch, chains: Sequence[Chain], samples: Sequence[Rows]) -> list[TrainedNetwork]:
    """Run the inner loop: train the networks of all chains on their samples, each from where it stands."""
    batch_size = min(search.settings.batch_size, *map(len, samples))
    an_epoch = -(-max(map(len, samples)) // batch_size)
    settings = replace(
        search.settings,
        batch_size=batch_size,
        epoch_steps=search.look_epochs * an_epoch,
        max_steps=search.inner_steps or search.max_epochs * an_epoch,
    )
    tasks = []
    for chain, rows in zip(chains, samples, strict=True):
        of = chain.problem
        table = Table(of.gather(rows), of.codes[rows].astype(np.int64), of.n_classes)
        seed = int(chain.rng.integers(1 << 31))
        tasks.append(Task(table, seed, settings, weights=_weights(search, of, rows), start=chain.network))
    return fit(tasks)


def _weights(search: RowSearch, problem: RowProblem, rows: Rows) -> NDArray[np.float64] | None:
    """Weights of training rows, of mean one."""
    if problem.weights is None and not search.balanced:
        return None
    weights = problem.weights_of(rows)
    if search.balanced:
        _, codes = np.unique(problem.codes[rows], return_inverse=True)
        weights = weights / np.bincount(codes, weights=weights)[codes]
    return weights / weights.mean()


def _decide(search: RowSearch, chain: Chain, more: Rows, network: TrainedNetwork, worth: Measured) -> bool:
    accepted = search.acceptance.accepts(worth.objective, chain)
    chain.size_before = len(chain.kept) + len(chain.accepted)
    if accepted:
        chain.accepted = np.concatenate([chain.accepted, more])
        chain.objective, chain.best, chain.unchanged = worth.objective, network, 0
        chain.values.append(worth.objective)
    else:
        chain.unchanged += 1
    if accepted or not search.restore:
        chain.network = network
    chain.done = search.n_iter_no_change is not None and chain.unchanged >= search.n_iter_no_change
    return accepted


def _record(chain: Chain, network: TrainedNetwork, worth: Measured, n_rows: int, search: RowSearch) -> Record:
    return {
        "objective": worth.objective,
        "larger_loss": worth.larger,
        "rare_loss": worth.rare,
        "gradient_norm": network.history[-1][1] if network.history else np.nan,
        "epochs": network.n_steps * min(search.settings.batch_size, n_rows) / n_rows,
        "size": len(chain.accepted),
    }


def _burnt_in(search: RowSearch, chains: Sequence[Chain]) -> list[Record]:
    """Train on a few rows of each side first; the larger classes' rows stay in the sample."""
    assert search.burn_in is not None
    begun, samples = time.monotonic(), []
    for chain in chains:
        of_larger, of_rare = (max(1, round(share * chain.problem.n_rare())) for share in search.burn_in)
        parts = [c[chain.rng.integers(len(c), size=of_larger)] for c in chain.problem.candidates.values()]
        chain.accepted = np.concatenate(parts).astype(np.int64)
        rare = chain.kept[chain.rng.integers(len(chain.kept), size=of_rare)]
        samples.append(np.concatenate([rare, chain.accepted]))
    networks = train_chains(search, chains, samples)
    measured = search.objective.measure(chains, samples, networks, search.settings.loss)
    records = []
    for number, (chain, sample, network, worth) in enumerate(zip(chains, samples, networks, measured, strict=True)):
        chain.network = chain.best = network
        chain.values.append(worth.objective)
        records.append(
            _record(chain, network, worth, len(sample), search)
            | {
                "chain": number,
                "step": 0,
                "proposed": len(chain.accepted),
                "accepted": True,
                "seconds": (time.monotonic() - begun) / len(chains),
            }
        )
    return records
