"""The protocol between an outer problem and the training that it drives.

The trainer knows no search by name. An outer problem that chooses by what training yields (a loss, a penalty) is an
`OuterProblem` in `Settings.outer`. One that chooses rows calls `equipoise.training.fit` itself, each time with tasks
that name the rows and the network to go on from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise.losses.rows import RowLosses
from equipoise.networks import Stack


@dataclass(frozen=True, eq=False)
class InnerTraining:
    """State of the training of R networks, as an outer problem may read it.

    Attributes
    ----------
    stack : Stack
        The networks, with their weights at the moment.
    losses : callable
        Loss of the settings: logits ``(R, B, K)`` and targets to losses ``(R, B)``.
    gather : callable
        Row numbers ``(R, B)`` to rows ``(R, B, *features)`` and targets, ``(R, B)`` class codes (or `Table.cells` with
        groups) or ``(R, B, K)`` probabilities.
    rows, validation_rows : sequence of Tensor
        Numbers of each replica's training rows, and of the rows that the outer problem may judge by.
    class_counts : Tensor of shape (R, K), or (R, K, G) with groups
        Training rows of each class, or class and group.
    generators : sequence of torch.Generator
        One a replica, for the draws of the outer problem.
    batch_size, max_steps : int
        Rows a gradient step, and steps of the whole run.
    """

    stack: Stack
    losses: RowLosses
    gather: Callable[[Tensor], tuple[Tensor, Tensor]]
    rows: Sequence[Tensor]
    validation_rows: Sequence[Tensor]
    class_counts: Tensor
    generators: Sequence[torch.Generator]
    batch_size: int
    max_steps: int

    @property
    def n_groups(self) -> int:
        """Number of groups, 1 without any."""
        return self.class_counts.shape[2] if self.class_counts.ndim == 3 else 1


class OuterSearch(Protocol):
    """An outer problem while the training of one stack runs."""

    def __call__(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the losses ``(R, B)`` of the next step."""

    def after_step(self, x: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Read the state after a step on a batch, and change what the next steps go by.

        Parameters
        ----------
        x : Tensor of shape (R, B, *features)
        target : Tensor of shape (R, B) or (R, B, K)
            As the loss has seen it.
        weights : Tensor of shape (R, B) or None
        """

    def found(self) -> Sequence[Any]:
        """Return the result for each replica, as plain data."""


@runtime_checkable
class OuterProblem(Protocol):
    """Searches for what to train with, while networks train on a part of the rows.

    Tasks of one outer problem train as one stack if it is the same object, or a scikit-learn estimator of equal
    parameters.
    """

    def split(self, cells: NDArray[np.integer], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Divide rows, given the class (or class and group) of each, into those that train and those that judge."""

    def drive(self, training: InnerTraining) -> OuterSearch:
        """Begin a search beside a training."""

    def losses(self, found: Sequence[Any], training: InnerTraining) -> RowLosses:
        """Return the losses of networks that train with the results of a search, one a replica."""
