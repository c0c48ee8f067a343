"""Validation rows with balanced classes and groups."""

import numpy as np
import torch
from torch import Tensor


class CellDraws:
    """Draws rows so that all cells (class, or class and group) with rows are equally frequent.

    The precision of a cell's mean depends on its number of rows in a batch; weights then restore its share of all rows.
    """

    def __init__(self, rows: Tensor, cells: np.ndarray, batch_size: int, generator: torch.Generator) -> None:
        self._rows = rows[torch.from_numpy(np.argsort(cells, kind="stable"))]
        _, counts = np.unique(cells, return_counts=True)
        self._counts = torch.from_numpy(counts)
        self._starts = self._counts.cumsum(0) - self._counts
        self._batch_size, self._generator = batch_size, generator

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw the rows of a batch with replacement, and weights whose sums are the numbers of rows of each cell."""
        n = len(self._counts)
        cells = torch.randperm(n, generator=self._generator).repeat(-(-self._batch_size // n))[: self._batch_size]
        uniform = torch.rand(self._batch_size, generator=self._generator, dtype=torch.float64)
        rows = self._rows[self._starts[cells] + (uniform * self._counts[cells]).long()]
        return rows, (self._counts / cells.bincount(minlength=n).clamp(min=1))[cells]
