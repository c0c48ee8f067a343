"""A loss that is searched for while a stack trains, and one that was found: what the loop calls as its loss.

Whose search it is the trainer does not know: a loss to be searched for has a method ``begin(stack, class_counts,
max_steps=...)``, which returns a search with ``loss``, ``due``, ``step`` and what it found, as `AutoBalance` does.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equipoise.losses import ParametricCrossEntropy
from equipoise.networks import Stack
from equipoise.training.draws import VALIDATION, stream
from equipoise.training.pool import Pool
from equipoise.training.task import FoundLoss, Task


class SearchingLoss:
    """The loss of the moment of each replica, moved by outer steps between the steps of the training.

    Parameters
    ----------
    stack : Stack
        R networks.
    tasks : sequence of Task
        With validation rows.
    pool : Pool
    """

    def __init__(self, stack: Stack, tasks: Sequence[Task], pool: Pool) -> None:
        if any(task.validation_rows is None for task in tasks):
            raise ValueError(
                "A loss to be searched for needs rows that choose it, but a task has none: give it "
                "search=LossSearchRows(...)."
            )
        self._pool, self._n_groups = pool, tasks[0].table.n_groups
        settings: Any = tasks[0].settings
        self._search = settings.loss.begin(stack, self._counts(tasks), max_steps=settings.max_steps)
        self._seen: deque[tuple[Tensor | None, ...]] = deque(maxlen=self._search.n_batches)
        self._draws = [
            CellDraws(
                pool.validation_rows(task),
                task.table.cells()[task.validation_rows],
                settings.batch_size,
                stream(task, VALIDATION),
            )
            for task in tasks
        ]

    def _counts(self, tasks: Sequence[Task]) -> Tensor:
        """Training rows of each class ``(R, K)``, or class and group ``(R, K, G)``."""
        K, G = tasks[0].table.n_classes, self._n_groups
        if G == 1:
            return torch.stack([torch.from_numpy(np.bincount(task.labels(), minlength=K)) for task in tasks])
        cells = [task.table.cells()[task.training_rows()] for task in tasks]
        return torch.stack([torch.from_numpy(np.bincount(c, minlength=K * G)).view(K, G) for c in cells])

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._search.loss(logits, *classes_and_groups(target, self._n_groups), reduction="none")

    def set_progress(self, progress: float) -> None:
        """Take no notice: the search was told how long the run is."""

    def after_step(self, x: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Make an outer step if one is due, on the batches just trained on and on validation rows of every cell."""
        self._seen.append((x, *classes_and_groups(target, self._n_groups), weights))
        if self._search.due() and len(self._seen) == self._search.n_batches:
            self._search.step(self._seen, self._validation())

    def _validation(self) -> Iterator[tuple[Tensor | None, ...]]:
        for draws in repeat(self._draws):
            rows, weights = (torch.stack(parts).to(self._pool.X.device) for parts in zip(*(d.draw() for d in draws)))
            target = self._pool.target[rows]
            codes = target.argmax(-1) if target.is_floating_point() else target
            yield self._pool.X[rows], *classes_and_groups(codes, self._n_groups), weights

    def found(self) -> list[FoundLoss]:
        """Return what was found for each replica."""
        return self._search.found()


class CellDraws:
    """Draws rows so that every cell (class, or class and group) that has some comes equally often.

    A cell's mean is as sure as its rows are many, whatever its share of all rows; weights then give it that share.
    """

    def __init__(self, rows: Tensor, cells: np.ndarray, batch_size: int, generator: torch.Generator) -> None:
        self._rows = rows[torch.from_numpy(np.argsort(cells, kind="stable"))]
        _, counts = np.unique(cells, return_counts=True)
        self._counts = torch.from_numpy(counts)
        self._starts = self._counts.cumsum(0) - self._counts
        self._batch_size, self._generator = batch_size, generator

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw the rows of a batch, with replacement, and weights that add up to the number of rows of each cell."""
        n = len(self._counts)
        cells = torch.randperm(n, generator=self._generator).repeat(-(-self._batch_size // n))[: self._batch_size]
        uniform = torch.rand(self._batch_size, generator=self._generator, dtype=torch.float64)
        rows = self._rows[self._starts[cells] + (uniform * self._counts[cells]).long()]
        return rows, (self._counts / cells.bincount(minlength=n).clamp(min=1))[cells]


class StackFoundLoss:
    """The loss that was found for each replica of a stack.

    Parameters
    ----------
    tasks : sequence of Task
        With what was found.
    pool : Pool
    """

    def __init__(self, tasks: Sequence[Task], pool: Pool) -> None:
        self._n_groups = tasks[0].table.n_groups
        found = [task.found for task in tasks if task.found is not None]
        w, offset, delta = (np.stack([f.parameters[name] for f in found]) for name in ("w", "offset", "delta"))
        n_groups = self._n_groups if self._n_groups > 1 else None
        loss = ParametricCrossEntropy(w=w, offset=offset, delta=delta, num_groups=n_groups, reduction="none")
        self._loss = loss.to(pool.X.device, pool.X.dtype)

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._loss(logits, *classes_and_groups(target, self._n_groups))

    def set_progress(self, progress: float) -> None:
        """Take no notice: it does not change."""


def classes_and_groups(target: Tensor, n_groups: int) -> tuple[Tensor, Tensor | None]:
    """Take apart what `Table.cells` put together; without groups, class codes or probabilities stay as they are."""
    return (target, None) if n_groups == 1 else (target // n_groups, target % n_groups)
