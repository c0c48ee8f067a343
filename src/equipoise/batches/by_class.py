"""The rows of each class, found by their number within it, at the cost of the smaller classes only."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class RowsByClass:
    """The rows of each class, of which any can be drawn; ``start`` is the position of the first row.

    Beside the labels, only the positions of the rows of all classes but the largest are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from equipoise.batches.by_class import RowsByClass
    >>> rows = RowsByClass(np.array(["b", "a", "b"]), np.array(["a", "b"]), np.array([1, 2]))
    >>> rows.drawn(torch.tensor([0, 1, 1]), torch.tensor([0.3, 0.3, 0.8])).tolist()
    [1, 0, 2]
    """

    def __init__(self, labels: NDArray[Any], classes: NDArray[Any], counts: NDArray[np.int64], start: int = 0) -> None:
        self.counts, self._start = torch.from_numpy(counts), start
        self._largest = int(counts.argmax())
        others = np.flatnonzero(labels != classes[self._largest])
        self._order = torch.from_numpy(others[np.argsort(labels[others], kind="stable")])
        self._before = torch.from_numpy(others - np.arange(len(others)))  # rows of the largest class before each
        ordered = self.counts.clone()
        ordered[self._largest] = 0
        self._starts = ordered.cumsum(0) - ordered

    def drawn(self, of_class: Tensor, chance: Tensor) -> Tensor:
        """Return the position of a row for each class number, by a uniform number from [0, 1)."""
        number = (chance * self.counts[of_class]).long()
        rows = number + torch.searchsorted(self._before, number, right=True)  # as if all were of the largest class
        others = of_class != self._largest
        rows[others] = self._order[self._starts[of_class[others]] + number[others]]
        return rows + self._start if self._start else rows
