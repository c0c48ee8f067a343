"""The tables of a stack, end to end in one tensor: a replica's rows are indices into it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from equipoise.training.task import Table, Task


class Pool:
    """Rows and targets of every table that a stack's tasks name, each placed once.

    Tables narrower than the widest are padded with zero columns, which change nothing: a weight that
    only ever meets zeros has no gradient.

    Attributes
    ----------
    X : Tensor of shape (N, *features)
    target : Tensor of shape (N,), int64, or (N, K), floating
        Probabilities where any table has them or ``soft`` is asked for, else class codes; `Table.cells` of
        tables with groups.
    """

    def __init__(self, tasks: Sequence[Task], *, soft: bool, dtype: torch.dtype, device: torch.device) -> None:
        tables = {id(t): t for task in tasks for t in (task.table, task.made) if t is not None}
        self._offset: dict[int, int] = {}
        total = 0
        for key, table in tables.items():
            self._offset[key] = total
            total += len(table)
        shape = np.max([table.X.shape[1:] for table in tables.values()], axis=0)
        X = np.zeros((total, *shape), dtype=torch.empty(0, dtype=dtype).numpy().dtype)
        for key, table in tables.items():
            place = (slice(self._offset[key], self._offset[key] + len(table)), *map(slice, table.X.shape[1:]))
            X[place] = table.X
        n_classes = max(table.n_classes for table in tables.values())
        soft = soft or any(table.y.ndim == 2 for table in tables.values())
        target = np.concatenate([_target(table, n_classes, soft) for table in tables.values()])
        self.n_classes = n_classes
        self.X = torch.from_numpy(X).to(device)
        self.target = torch.from_numpy(target).to(device, dtype if soft else torch.int64)

    def rows(self, task: Task) -> Tensor:
        """Index into the pool of each training row of a task."""
        return self._place(task, task.training_rows())

    def validation_rows(self, task: Task) -> Tensor:
        """Index into the pool of each validation row of a task."""
        rows = task.validation_rows
        return self._place(task, np.empty(0, dtype=np.int64) if rows is None else rows)

    def _place(self, task: Task, rows: np.ndarray) -> Tensor:
        made = 0 if task.made is None else self._offset[id(task.made)] - len(task.table)
        return torch.from_numpy(np.where(rows < len(task.table), rows + self._offset[id(task.table)], rows + made))


def _target(table: Table, n_classes: int, soft: bool) -> np.ndarray:
    if not soft:
        return table.cells()
    target = np.eye(table.n_classes)[table.y] if table.y.ndim == 1 else table.y
    return np.pad(target, ((0, 0), (0, n_classes - table.n_classes)))
