"""Row store of a stack: its tables end to end in one tensor, indexed by replicas."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from equipoise.batches.by_class import RowsByClass
from equipoise.batches.transform import Between, augmented
from equipoise.training.task import Table, Task

_KEPT = (np.dtype(np.uint8), np.dtype(np.int64))


class CompactRows:
    """Rows of bytes or integers, with the methods of a tensor that the trainer uses.

    Bytes become numbers, standardised by the scaler of their table, as they are gathered; integers stay integers.
    """

    def __init__(self, values: Tensor, like: Tensor, tables: Sequence[Table]) -> None:
        self.dtype, self.device, self.shape, self.ndim = like.dtype, like.device, values.shape, values.ndim
        self._values, self._moments = values, None
        scalers = [table.scaler for table in tables if table.scaler is not None]
        if scalers:
            self._clip = scalers[0].clip_
            moments = (np.stack([getattr(scaler, name) for scaler in scalers]) for name in ("mean_", "scale_"))
            lengths = torch.tensor([len(table) for table in tables], device=self.device)
            table_of = torch.arange(len(tables), device=self.device).repeat_interleave(lengths)
            self._moments = table_of, *(like.new_tensor(moment) for moment in moments)

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        rows = self._values[index]
        return rows if rows.dtype != torch.uint8 else self.standardized(rows.to(self.dtype), index)

    def raw(self, index: Tensor) -> Tensor:
        """Gather rows as they are stored."""
        return self._values[index]

    def standardized(self, rows: Tensor, index: Tensor | slice | int) -> Tensor:
        """Standardise numbers that were bytes, in place, by the scaler of the table of each."""
        if self._moments is None:
            return rows
        table_of, mean, scale = self._moments
        rows = rows.sub_(mean[table_of[index]]).div_(scale[table_of[index]])
        return rows if self._clip is None else rows.clamp_(-self._clip, self._clip)

    def index_select(self, axis: int, index: Tensor) -> Tensor:
        """Gather rows, as ``Tensor.index_select`` does along axis 0."""
        return self[index]

    def is_floating_point(self) -> bool:
        """Whether gathered rows are floating, so that they can be mixed."""
        return self._values.dtype == torch.uint8

    def element_size(self) -> int:
        """Bytes of a gathered number."""
        return self.dtype.itemsize


class ClassCodes:
    """Classes of rows in few bytes, with the methods of a tensor that the trainer uses.

    They become integers as they are gathered, or rows of 0 and 1 if they are to be mixed.

    ``n_classes`` is the length of the rows of 0 and 1, of type ``dtype``; None is for integers.
    """

    def __init__(self, values: Tensor, n_classes: int | None, dtype: torch.dtype) -> None:
        self._values, self.device = values, values.device
        self._rows = None if n_classes is None else torch.eye(n_classes, dtype=dtype, device=values.device)
        self.dtype = torch.int64 if n_classes is None else dtype
        self.shape = (len(values),) if n_classes is None else (len(values), n_classes)
        self.ndim = len(self.shape)

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        codes = self._values[index].long()
        return codes if self._rows is None else self._rows[codes]

    def index_select(self, axis: int, index: Tensor) -> Tensor:
        """Gather targets, as ``Tensor.index_select`` does along axis 0."""
        return self[index]

    def is_floating_point(self) -> bool:
        """Whether they can be mixed."""
        return self._rows is not None


class AugmentedRows:
    """Rows that are augmented as they are gathered, bytes before they are standardised.

    Each replica has its own augmentation and generators; those of the two rows of a mixed pair are apart, so that what
    a replica draws does not depend on how many steps are gathered at once.

    There is an augmentation, and a pair of generators, a replica.
    """

    def __init__(
        self,
        rows: "Tensor | CompactRows",
        labels: Tensor | ClassCodes,
        augmentations: Sequence[Between],
        generators: Sequence[tuple[torch.Generator, torch.Generator]],
    ) -> None:
        self.plain, self._labels = rows, labels
        self._augmentations, self._generators = list(augmentations), list(generators)
        self.dtype, self.device, self.shape, self.ndim = rows.dtype, rows.device, rows.shape, rows.ndim

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        return self.plain[index]

    def is_floating_point(self) -> bool:
        """Whether gathered rows are floating: always."""
        return True

    def element_size(self) -> int:
        """Bytes of a gathered number."""
        return self.plain.element_size()

    def gather(self, index: Tensor, role: int) -> Tensor:
        """Gather rows at ``(S steps, R replicas, B)``; ``role`` is 1 for the second rows of pairs."""
        of_steps = [
            torch.stack([self._augmented(rows, replica, role) for replica, rows in enumerate(step)]) for step in index
        ]
        return torch.stack(of_steps)

    def _augmented(self, index: Tensor, replica: int, role: int) -> Tensor:
        labels = self._labels[index]
        augmentation, generator = self._augmentations[replica], self._generators[replica][role]
        if isinstance(self.plain, CompactRows):
            return self.plain.standardized(
                augmented(augmentation, self.plain.raw(index), labels, generator).to(self.dtype), index
            )
        return augmented(augmentation, self.plain[index], labels, generator)

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""
        self._augmentations = [self._augmentations[p] for p in positions]
        self._generators = [self._generators[p] for p in positions]


class Pool:
    """Row store with rows and targets of the tables of a stack's tasks, each placed once.

    The rows of a single table stay where they are, in memory or in a file. Several tables are padded with zero columns
    to the widest. These have no effect: their weights have no gradient.
    """

    def __init__(self, tasks: Sequence[Task], *, soft: bool, dtype: torch.dtype, device: torch.device) -> None:
        tables = {id(t): t for task in tasks for t in (task.table, task.made) if t is not None}
        self._offset: dict[int, int] = {}
        total = 0
        for key, table in tables.items():
            self._offset[key] = total
            total += len(table)
        shape = np.max([table.X.shape[1:] for table in tables.values()], axis=0)
        like = torch.empty(0, dtype=dtype, device=device)
        kept = [table.X.dtype for table in tables.values() if table.X.dtype in _KEPT]
        compact = not isinstance(tasks[0].settings.network, tuple) and len(kept) == len(tables)
        X = _end_to_end(list(tables.values()), (total, *shape), kept[0] if compact else like.cpu().numpy().dtype)
        self.n_classes = max(table.n_classes for table in tables.values())
        values = _tensor(X).to(device)
        self.X: Tensor | CompactRows = CompactRows(values, like, list(tables.values())) if compact else values
        self.target = self._targets(list(tables.values()), soft, like)

    def _targets(self, tables: Sequence[Table], soft: bool, like: Tensor) -> Tensor | ClassCodes:
        if any(table.y.ndim == 2 for table in tables):
            target = np.concatenate([_probabilities(table, self.n_classes) for table in tables])
            return torch.from_numpy(target).to(like)
        codes = np.concatenate([table.cells() for table in tables]) if len(tables) > 1 else tables[0].cells()
        return ClassCodes(_tensor(codes).to(like.device), self.n_classes if soft else None, like.dtype)

    def rows(self, task: Task) -> Tensor | RowsByClass:
        """Index into the pool of each training row of a task, or of the rows to draw of each class."""
        if task.classes is not None:
            labels, K = task.table.labels(), task.table.n_classes
            counts = np.bincount(labels, minlength=K)
            return RowsByClass(labels, np.arange(K), counts, self._offset[id(task.table)])
        if task.rows is None:
            return torch.arange(len(task.table)) + self._offset[id(task.table)]
        return self._place(task, task.training_rows())

    def validation_rows(self, task: Task) -> Tensor:
        """Index into the pool of each validation row of a task."""
        rows = task.validation_rows
        return self._place(task, np.empty(0, dtype=np.int64) if rows is None else rows)

    def _place(self, task: Task, rows: np.ndarray) -> Tensor:
        made = 0 if task.made is None else self._offset[id(task.made)] - len(task.table)
        return torch.from_numpy(np.where(rows < len(task.table), rows + self._offset[id(task.table)], rows + made))


def _end_to_end(tables: Sequence[Table], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return the rows of tables in one array; those of one table without a copy, if they lie as the trainer reads."""
    if len(tables) == 1 and tables[0].X.dtype == dtype and tables[0].X.flags.c_contiguous:
        return tables[0].X
    X, start = np.zeros(shape, dtype), 0
    for table in tables:
        X[(slice(start, start + len(table)), *map(slice, table.X.shape[1:]))] = table.X
        start += len(table)
    return X


def _tensor(array: NDArray[Any]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nothing writes to it
        return torch.from_numpy(array)


def _probabilities(table: Table, n_classes: int) -> NDArray[Any]:
    target = np.eye(table.n_classes)[table.y] if table.y.ndim == 1 else table.y
    return np.pad(target, ((0, 0), (0, n_classes - table.n_classes)))
