"""Batches of the networks of a stack that still train."""

from collections.abc import Iterator, Sequence
from itertools import repeat

import torch
from torch import Tensor

from equipoise.batches.transform import transformed
from equipoise.networks import MLPStack, Stack
from equipoise.training.draws import AUGMENTATION, DROPOUT, OF_SECOND, ROWS, Block, DropoutMasks, RowDraws, stream
from equipoise.training.pool import AugmentedRows, CompactRows, Pool
from equipoise.training.task import Task

Batch = tuple[Tensor, Tensor, Tensor | None]
"""Rows ``(R, B, *features)``, targets ``(R, B[, K])``, and weights ``(R, B)`` if rows have weights."""

Masks = Sequence[Tensor | None]
"""Dropout masks of the hidden layers."""


class StackBatches:
    """Draws the batches and dropout masks of a stack.

    `weights` are those of the training rows of each task, if any task has weights; `seeded` tells that
    transforms draw from torch's global generator at each step.
    """

    def __init__(self, stack: Stack, tasks: Sequence[Task], pool: Pool) -> None:
        self._tasks, self._pool = list(tasks), pool
        placed = {_of_rows(task): task for task in tasks}  # members share all rows
        shared = {key: (pool.rows(task), torch.from_numpy(task.labels())) for key, task in placed.items()}
        members = [shared[_of_rows(task)] for task in tasks]
        self._placed = [rows for rows, _ in members]
        weighted = any(task.weights is not None for task in tasks)
        self.weights = [_weights(task) if weighted else None for task in tasks]
        settings = tasks[0].settings
        own = settings.mixing is not None or settings.augmentation is not None
        self.seeded = settings.batch_transform is not None and not own
        self._rows = _augmented_rows(tasks, pool)
        self._draws = [
            RowDraws(
                rows,
                labels,
                weights,
                settings.batch_size,
                task.settings.mixing,
                stream(task, ROWS),
                settings.batch_sampler,
            )
            for task, (rows, labels), weights in zip(tasks, members, self.weights, strict=True)
        ]
        self._masks = _dropout_masks(stack, tasks, pool.X[:0])

    @property
    def rows(self) -> list[Tensor]:
        """Positions of the training rows of each task in the pool, unless they are drawn by class."""
        return [rows for rows in self._placed if isinstance(rows, Tensor)]

    def block(self, length: int) -> Iterator[tuple[Batch, Masks]]:
        """Draw the batches of the next steps."""
        block = Block.stacked([draws.block(length) for draws in self._draws])
        masks: Iterator[Masks] = self._masks.block(length) if self._masks else repeat(())
        for batch, mask in zip(block.batches(self._rows, self._pool.target), masks, strict=False):
            yield (self._transformed(*batch) if self.seeded else batch), mask

    def _transformed(self, x: Tensor, target: Tensor, weights: Tensor | None) -> Batch:
        """Apply the transforms that cannot be drawn ahead, one a replica."""
        parts = [
            transformed(task.settings.batch_transform, x[i], target[i], None if weights is None else weights[i])  # type: ignore[arg-type]
            for i, task in enumerate(self._tasks)
        ]
        rows, soft, of_rows = zip(*parts, strict=True)
        return torch.stack(rows), torch.stack(soft), None if weights is None else torch.stack(of_rows)

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""
        self._tasks = [self._tasks[p] for p in positions]
        self._draws = [self._draws[p] for p in positions]
        if isinstance(self._rows, AugmentedRows):
            self._rows.keep_replicas(positions)
        if self._masks:
            self._masks.keep_replicas(positions)


def _augmented_rows(tasks: Sequence[Task], pool: Pool) -> Tensor | CompactRows | AugmentedRows:
    augmentations = [task.settings.augmentation for task in tasks]
    if augmentations[0] is None:
        return pool.X
    generators = [(stream(task, AUGMENTATION), stream(task, OF_SECOND)) for task in tasks]
    used = [augmentation for augmentation in augmentations if augmentation is not None]
    return AugmentedRows(pool.X, pool.target, used, generators)


def _of_rows(task: Task) -> tuple[int, ...]:
    return id(task.table), id(task.rows), id(task.made), id(task.classes)


def _weights(task: Task) -> Tensor:
    return torch.ones(task.n_rows) if task.weights is None else torch.as_tensor(task.weights)


def _dropout_masks(stack: Stack, tasks: Sequence[Task], like: Tensor) -> DropoutMasks | None:
    """Return the masks of a perceptron; other networks have dropout layers."""
    if not isinstance(stack, MLPStack):
        return None
    settings, widths = tasks[0].settings, stack.layer_sizes[1:-1]
    rates = settings.dropout_rates
    if not any(rates):
        return None
    return DropoutMasks(widths, settings.batch_size, rates, [stream(task, DROPOUT) for task in tasks], like)
