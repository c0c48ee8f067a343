"""Outer objectives of the search over rows: what a trained network is measured by; lower is better.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Definition 3: J, the share of the sample loss that falls to the majority rows. The others are equipoise's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.evaluation import losses_on
from equipoise.bilevel.rows import Chain, RowProblem, Rows
from equipoise.losses import Loss
from equipoise.training import TrainedNetwork


@dataclass(frozen=True, eq=False)
class Measured:
    """What a step's network is worth.

    Attributes
    ----------
    objective : float
    larger, rare : float
        Mean loss of the training rows of the larger classes and of the others.
    """

    objective: float
    larger: float
    rare: float


class Objective(Protocol):
    """Measures networks, each trained on rows of its own."""

    def measure(
        self, chains: Sequence[Chain], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """Return a value for each chain's network, trained on a sample of its rows."""


@dataclass(frozen=True)
class MajorityShare:
    """J of Definition 3: the sum of the losses of the larger classes' rows in the sample, over its size."""

    def measure(
        self, chains: Sequence[Chain], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        return [
            Measured(float(losses[larger].sum() / len(losses)), _mean(losses[larger]), _mean(losses[~larger]))
            for losses, larger in _on_samples(chains, samples, networks, loss)
        ]


@dataclass(frozen=True)
class MeanMajority:
    """The mean loss of the larger classes' rows in the sample, which does not grow with their share."""

    def measure(
        self, chains: Sequence[Chain], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        return [
            Measured(_mean(losses[larger]), _mean(losses[larger]), _mean(losses[~larger]))
            for losses, larger in _on_samples(chains, samples, networks, loss)
        ]


@dataclass(frozen=True)
class BalancedHeldOut:
    """The mean over classes of their mean loss on rows that never train.

    A class without held-out rows counts with its training rows: a handful of rare rows is not divided.
    """

    def measure(
        self, chains: Sequence[Chain], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        rows = [_measured_on(chain.problem) for chain in chains]
        codes = [chain.problem.codes[part] for chain, part in zip(chains, rows, strict=True)]
        measured = losses_on(networks, _tables(chains, rows), codes, chains[0].problem.n_classes, loss)
        on_samples = _on_samples(chains, samples, networks, loss)
        return [
            Measured(_balanced(losses, c), _mean(own[larger]), _mean(own[~larger]))
            for losses, c, (own, larger) in zip(measured, codes, on_samples, strict=True)
        ]


def _on_samples(
    chains: Sequence[Chain], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Losses of each network on its sample, and which of its rows are of a larger class."""
    codes = [chain.problem.codes[rows] for chain, rows in zip(chains, samples, strict=True)]
    losses = losses_on(networks, _tables(chains, samples), codes, chains[0].problem.n_classes, loss)
    return [
        (values, np.isin(c, list(chain.problem.candidates)))
        for values, c, chain in zip(losses, codes, chains, strict=True)
    ]


def _tables(chains: Sequence[Chain], rows: Sequence[Rows]) -> list[NDArray[np.float32]]:
    return [chain.problem.gather(part) for chain, part in zip(chains, rows, strict=True)]


def _measured_on(problem: RowProblem) -> Rows:
    held_out = np.unique(problem.codes[problem.held_out])
    alone = problem.kept[~np.isin(problem.codes[problem.kept], held_out)]
    return np.concatenate([problem.held_out, alone])


def _balanced(losses: NDArray[np.float64], codes: NDArray[np.integer]) -> float:
    return float(np.mean([losses[codes == c].mean() for c in np.unique(codes)]))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else np.nan
