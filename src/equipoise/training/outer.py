"""The protocol between an outer problem and the training that it drives.

The trainer knows no search by name. An outer problem that runs beside the training (for a loss, a penalty) is an
`OuterProblem` in `Settings.outer`. A search over rows calls `equipoise.training.fit` itself, each time with tasks of
new rows that start from trained networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise.dependence import Dependence
from equipoise.losses.rows import RowLosses
from equipoise.networks import Stack


@dataclass(frozen=True, eq=False)
class InnerTraining:
    """State of the training of R networks, readable by an outer problem."""

    stack: Stack  # the networks, with their current weights
    losses: RowLosses  # loss of the settings: logits ``(R, B, K)`` and targets to losses ``(R, B)``
    # row numbers ``(R, B)`` to rows ``(R, B, *features)`` and targets, ``(R, B)`` class codes (or `Table.cells` with
    # groups) or ``(R, B, K)`` probabilities
    gather: Callable[[Tensor], tuple[Tensor, Tensor]]
    rows: Sequence[Tensor]  # numbers of the training rows of each replica, and of its rows for the outer objective
    validation_rows: Sequence[Tensor]
    class_counts: Tensor  # (R, K), or (R, K, G) with groups: training rows of each class, or class and group
    generators: Sequence[torch.Generator]  # random generator of the outer problem, one a replica
    batch_size: int  # rows a gradient step, and steps of the whole run
    max_steps: int

    @property
    def n_groups(self) -> int:
        """Number of groups, 1 without any."""
        return self.class_counts.shape[2] if self.class_counts.ndim == 3 else 1


@runtime_checkable
class ChangesRows(Protocol):
    """A loss of an outer problem that also changes the rows of a step before the networks see them."""

    def rows(self, x: Tensor, target: Tensor, /) -> Tensor:
        """Return rows ``(R, B, *features)`` in place of those of a step."""


class OuterSearch(Protocol):
    """An outer problem during the training of one stack; a `ChangesRows`, too, if it changes rows."""

    def __call__(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the losses ``(R, B)`` of the next step."""

    def after_step(self, x: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Read the state after a step on a batch, and change the loss of the next steps.

        Rows x are (R, B, *features), as they were drawn, whatever `ChangesRows` made of them; the target (R, B) or (R,
        B, K) is the input of the loss; weights are (R, B).
        """

    def found(self) -> Sequence[Any]:
        """Return the result for each replica, as plain data."""


@runtime_checkable
class OuterProblem(Protocol):
    """A search for a part of the training, such as the loss, while networks train on a part of the rows.

    Tasks train as one stack if their outer problem is the same object, or a scikit-learn estimator of equal
    parameters.
    """

    def split(
        self, cells: NDArray[np.integer], seed: int, **dependence: Dependence
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Split rows, given the class (or class and group) of each, into training and validation rows.

        Where rows depend on each other, it is given their ``dependence``.
        """

    def drive(self, training: InnerTraining) -> OuterSearch:
        """Begin a search beside a training."""

    def losses(self, found: Sequence[Any], training: InnerTraining) -> RowLosses:
        """Return the losses of networks that train with the result of a search, one a replica."""
