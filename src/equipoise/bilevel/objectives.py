"""Outer objectives of the row search, measured on a trained network; lower is better.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025),
Definition 3: J, the share of the sample loss that falls to the majority rows. The others are equipoise's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.bilevel.evaluation import losses_on
from equipoise.bilevel.rows import Restart, RowProblem, Rows
from equipoise.losses import Loss
from equipoise.training import TrainedNetwork


@dataclass(frozen=True, eq=False)
class Measured:
    """Objective and losses of the network of a step."""

    objective: float
    majority: float  # mean loss of the training rows of the majority classes; `minority` of the others
    minority: float


class Objective(Protocol):
    """Measures networks, each trained on its own rows."""

    def measure(
        self, restarts: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """Return a value for each restart's network, trained on a sample of its rows."""


@dataclass(frozen=True)
class MajorityShare:
    """J of Definition 3: the sum of losses of the majority classes' rows in the sample, over its size (or weight)."""

    def measure(
        self, restarts: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        return [
            Measured(float((losses * weights)[majority].sum() / weights.sum()), *_means(losses, weights, majority))
            for losses, weights, majority in _on_samples(restarts, samples, networks, loss)
        ]


@dataclass(frozen=True)
class MeanMajority:
    """The mean loss of the majority classes' rows in the sample, which does not grow with their share."""

    def measure(
        self, restarts: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        means = [_means(*sample) for sample in _on_samples(restarts, samples, networks, loss)]
        return [Measured(majority, majority, minority) for majority, minority in means]


@dataclass(frozen=True)
class BalancedHeldOut:
    """The mean over classes of their mean loss on rows that never train.

    A class without held-out rows, since a few minority rows are not split, counts with its training rows.
    """

    def measure(
        self, restarts: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        rows = [measured_on(restart.problem) for restart in restarts]
        codes = [restart.problem.codes[part] for restart, part in zip(restarts, rows, strict=True)]
        measured = losses_on(networks, _tables(restarts, rows), codes, restarts[0].problem.n_classes, loss)
        weights = [restart.problem.weights_of(part) for restart, part in zip(restarts, rows, strict=True)]
        on_samples = _on_samples(restarts, samples, networks, loss)
        return [
            Measured(_balanced(losses, w, c), *_means(*sample))
            for losses, w, c, sample in zip(measured, weights, codes, on_samples, strict=True)
        ]


def _on_samples(
    restarts: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]]:
    """Losses of each network on its sample, the weights of its rows, and which of them are of a majority class."""
    codes = [restart.problem.codes[rows] for restart, rows in zip(restarts, samples, strict=True)]
    losses = losses_on(networks, _tables(restarts, samples), codes, restarts[0].problem.n_classes, loss)
    return [
        (values, restart.problem.weights_of(rows), np.isin(c, list(restart.problem.candidates)))
        for values, rows, c, restart in zip(losses, samples, codes, restarts, strict=True)
    ]


def _tables(restarts: Sequence[Restart], rows: Sequence[Rows]) -> list[NDArray[np.float32]]:
    return [restart.problem.gather(part) for restart, part in zip(restarts, rows, strict=True)]


def measured_on(problem: RowProblem) -> Rows:
    """Rows held out, and those of a class of which none are."""
    held_out = np.unique(problem.codes[problem.held_out])
    alone = problem.kept[~np.isin(problem.codes[problem.kept], held_out)]
    return np.concatenate([problem.held_out, alone])


def _balanced(losses: NDArray[np.float64], weights: NDArray[np.float64], codes: NDArray[np.integer[Any]]) -> float:
    return float(np.mean([_mean(losses, weights, codes == code) for code in np.unique(codes)]))


def _means(
    losses: NDArray[np.float64], weights: NDArray[np.float64], majority: NDArray[np.bool_]
) -> tuple[float, float]:
    """Mean losses of the majority classes' rows, and of the others."""
    return _mean(losses, weights, majority), _mean(losses, weights, ~majority)


def _mean(losses: NDArray[np.float64], weights: NDArray[np.float64], part: NDArray[np.bool_]) -> float:
    return float(np.average(losses[part], weights=weights[part])) if part.any() else np.nan
