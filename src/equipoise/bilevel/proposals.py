"""Micro-samples: which rows of the larger classes a step proposes.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Algorithm 1, lines 1, 2 and 9 to 12: sizes, and rows at random. The other proposals are equipoise's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from equipoise.bilevel.evaluation import losses_on
from equipoise.bilevel.rows import Chain, Rows
from equipoise.losses import Loss

_LEAST_WEIGHT = 1e-300  # of a row whose loss is zero: small, and yet what is divided by it is finite


@dataclass(frozen=True)
class MicroSampleSize:
    """Rows of a micro-sample: a share of m at first, a smaller one once the sample has grown.

    Algorithm 1 takes ceil(m / 10), and ceil(m / 100) after a step before which the sample had more than 7/4 m
    rows, of all classes: the change comes one step late.

    Attributes
    ----------
    first, then : float
        Shares of m.
    until : float
        Size of the sample, in units of m, up to which the first share is taken.
    """

    first: float = 0.1
    then: float = 0.01
    until: float = 1.75

    def of(self, chain: Chain) -> int:
        """Return the rows to propose of each larger class, one or more."""
        m = chain.problem.n_rare()
        share = self.first if chain.size_before <= self.until * m else self.then
        return max(1, math.ceil(round(share * m, 9)))


@dataclass(frozen=True)
class SizeByAcceptances:
    """Rows of a micro-sample as in the authors' code, which is not as printed.

    round(m / 4) less round(m / 5) at first, round(m / 4) until five samples have been accepted (the burn-in counts as
    one), then round(m / 10), and round(m / 100) once 3/2 m rows of the larger class have been accepted; at least 1
    after the first step.
    """

    def of(self, chain: Chain) -> int:
        """Return the rows to propose of each larger class."""
        m = chain.problem.n_rare()
        if chain.n_steps == 1:
            return round(0.25 * m) - round(0.2 * m)
        if len(chain.accepted) >= 1.5 * m * len(chain.problem.candidates):
            return max(1, round(0.01 * m))
        return max(1, round((0.25 if len(chain.values) < 5 else 0.1) * m))


class Proposal(Protocol):
    """Chooses the rows of micro-samples."""

    def propose(self, chains: Sequence[Chain], sizes: Sequence[int]) -> list[Rows]:
        """Return the rows that each chain tries next; none where none are left."""


@dataclass(frozen=True)
class RandomRows:
    """Rows at random: as printed with replacement, so that rows may come again; or new ones only."""

    replacement: bool = False

    def propose(self, chains: Sequence[Chain], sizes: Sequence[int]) -> list[Rows]:
        """See `Proposal`."""
        return [self._of(chain, size) for chain, size in zip(chains, sizes, strict=True)]

    def _of(self, chain: Chain, size: int) -> Rows:
        if not self.replacement:
            return np.concatenate(chain.new_rows(size))
        parts = [c[chain.rng.integers(len(c), size=size)] for c in chain.problem.candidates.values()]
        return np.concatenate(parts).astype(np.int64)


@dataclass(frozen=True)
class RowsByLoss:
    """New rows with a chance in proportion to their loss under the chain's network; at random before it has one.

    Attributes
    ----------
    n_candidates : int
        Rows looked at for each row that is proposed.
    loss : as `equipoise.losses.row_losses` takes it
    """

    n_candidates: int = 10
    loss: Loss = "cross_entropy"

    def propose(self, chains: Sequence[Chain], sizes: Sequence[int]) -> list[Rows]:
        """See `Proposal`."""
        pools = [chain.new_rows(self.n_candidates * size) for chain, size in zip(chains, sizes, strict=True)]
        weights = self._weights(chains, [np.concatenate(pool) for pool in pools])
        found = []
        for chain, size, pool, weight in zip(chains, sizes, pools, weights, strict=True):
            ends = np.cumsum([len(part) for part in pool])
            parts = zip(pool, np.split(weight, ends[:-1]), strict=True)
            found.append(np.concatenate([_weighted(rows, size, w, chain.rng) for rows, w in parts]))
        return found

    def _weights(self, chains: Sequence[Chain], pools: Sequence[Rows]) -> list[np.ndarray]:
        networks = [chain.network for chain in chains]
        if not all(len(pool) for pool in pools) or any(network is None for network in networks):
            return [np.ones(len(pool)) for pool in pools]
        known = [network for network in networks if network is not None]
        pairs = [(chain.problem, pool) for chain, pool in zip(chains, pools, strict=True)]
        tables, codes = [p.gather(pool) for p, pool in pairs], [p.codes[pool] for p, pool in pairs]
        return losses_on(known, tables, codes, chains[0].problem.n_classes, self.loss)


def _weighted(rows: Rows, size: int, weights: np.ndarray, rng: np.random.Generator) -> Rows:
    """Draw without replacement in proportion to weights (Efraimidis and Spirakis 2006: the smallest E / w)."""
    waiting = rng.exponential(size=len(rows)) / np.maximum(weights, _LEAST_WEIGHT)
    return rows[np.argsort(waiting)[:size]]
