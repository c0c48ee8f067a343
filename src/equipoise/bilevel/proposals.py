"""Micro-samples: which rows of the majority classes a step proposes.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Algorithm 1, lines 1, 2 and 9 to 12: sizes, and rows at random. The other proposals are equipoise's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from equipoise.bilevel.evaluation import losses_on
from equipoise.bilevel.rows import Restart, Rows
from equipoise.losses import Loss

_LEAST_WEIGHT = 1e-300  # of a row whose loss is zero: small, and yet what is divided by it is finite


class Size(Protocol):
    """Sets the size of micro-samples."""

    def of(self, restart: Restart) -> int:
        """Return the rows to propose of each majority class."""


@dataclass(frozen=True)
class MicroSampleSize:
    """Rows of a micro-sample: a share of m at first, a smaller one once the sample has grown.

    Algorithm 1 takes ceil(m / 10), and ceil(m / 100) after a step before which the sample had more than 7/4 m
    rows, of all classes: the change comes one step late.
    """

    first: float = 0.1  # shares of m
    then: float = 0.01
    until: float = 1.75  # size of the sample, in units of m, up to which the first share is taken

    def of(self, restart: Restart) -> int:
        """Return the rows to propose of each majority class, one or more."""
        m = restart.problem.n_minority()
        share = self.first if restart.size_before <= self.until * m else self.then
        return max(1, math.ceil(round(share * m, 9)))


@dataclass(frozen=True)
class SizeByAcceptances:
    """Rows of a micro-sample as in the authors' code, which is not as printed.

    round(m / 4) less round(m / 5) at first, round(m / 4) until five samples have been accepted (the burn-in counts as
    one), then round(m / 10), and round(m / 100) once 3/2 m rows of the majority class have been accepted; at least 1
    after the first step.
    """

    def of(self, restart: Restart) -> int:
        """Return the rows to propose of each majority class."""
        m = restart.problem.n_minority()
        if restart.n_steps == 1:
            return round(0.25 * m) - round(0.2 * m)
        if len(restart.accepted) >= 1.5 * m * len(restart.problem.candidates):
            return max(1, round(0.01 * m))
        return max(1, round((0.25 if len(restart.values) < 5 else 0.1) * m))


class Proposal(Protocol):
    """Chooses the rows of micro-samples."""

    def propose(self, restarts: Sequence[Restart], sizes: Sequence[int]) -> list[Rows]:
        """Return the rows that each restart tries next; none where none are left."""


@dataclass(frozen=True)
class RandomRows:
    """Rows at random: as printed with replacement, so that rows may come again; or new ones only."""

    replacement: bool = False

    def propose(self, restarts: Sequence[Restart], sizes: Sequence[int]) -> list[Rows]:
        """See `Proposal`."""
        return [self._of(restart, size) for restart, size in zip(restarts, sizes, strict=True)]

    def _of(self, restart: Restart, size: int) -> Rows:
        if not self.replacement:
            return np.concatenate(restart.new_rows(size))
        parts = [c[restart.rng.integers(len(c), size=size)] for c in restart.problem.candidates.values()]
        return np.concatenate(parts).astype(np.int64)


@dataclass(frozen=True)
class RowsByLoss:
    """New rows with a chance in proportion to their loss under the restart's network; at random before it has one."""

    n_candidates: int = 10  # rows looked at for each row that is proposed
    loss: Loss = "cross_entropy"

    def propose(self, restarts: Sequence[Restart], sizes: Sequence[int]) -> list[Rows]:
        """See `Proposal`."""
        pools = [restart.new_rows(self.n_candidates * size) for restart, size in zip(restarts, sizes, strict=True)]
        weights = self._weights(restarts, [np.concatenate(pool) for pool in pools])
        found = []
        for restart, size, pool, weight in zip(restarts, sizes, pools, weights, strict=True):
            ends = np.cumsum([len(part) for part in pool])
            parts = zip(pool, np.split(weight, ends[:-1]), strict=True)
            found.append(np.concatenate([_weighted(rows, size, w, restart.rng) for rows, w in parts]))
        return found

    def _weights(self, restarts: Sequence[Restart], pools: Sequence[Rows]) -> list[np.ndarray]:
        networks = [restart.network for restart in restarts]
        if not all(len(pool) for pool in pools) or any(network is None for network in networks):
            return [np.ones(len(pool)) for pool in pools]
        known = [network for network in networks if network is not None]
        pairs = [(restart.problem, pool) for restart, pool in zip(restarts, pools, strict=True)]
        tables, codes = [p.gather(pool) for p, pool in pairs], [p.codes[pool] for p, pool in pairs]
        return losses_on(known, tables, codes, restarts[0].problem.n_classes, self.loss)


def _weighted(rows: Rows, size: int, weights: np.ndarray, rng: np.random.Generator) -> Rows:
    """Draw without replacement in proportion to weights (Efraimidis and Spirakis 2006: the smallest E / w)."""
    waiting = rng.exponential(size=len(rows)) / np.maximum(weights, _LEAST_WEIGHT)
    return rows[np.argsort(waiting)[:size]]
