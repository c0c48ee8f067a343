"""The losses of networks, each on rows of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from equipoise.losses import Loss, row_losses
from equipoise.training import FittedEnsemble, TrainedNetwork

_ROWS_AT_ONCE = 1 << 15  # of all networks


@torch.no_grad()
def losses_on(
    networks: Sequence[TrainedNetwork],
    tables: Sequence[NDArray[Any]],
    codes: Sequence[NDArray[Any]],
    n_classes: int,
    loss: Loss = "cross_entropy",
) -> list[NDArray[np.float64]]:
    """Loss of each network on each of its rows.

    R networks of one architecture have R tables (n_r, *features) and codes (n_r,).
    """
    stack = FittedEnsemble(networks, np.arange(n_classes)).to_module()
    dtype = next(stack.parameters()).dtype
    X = pad_sequence([torch.from_numpy(np.asarray(table)).to(dtype) for table in tables], batch_first=True)
    y = pad_sequence([torch.from_numpy(np.asarray(c, dtype=np.int64)) for c in codes], batch_first=True)
    counts = torch.stack(
        [torch.bincount(torch.from_numpy(np.asarray(c, dtype=np.int64)), minlength=n_classes) for c in codes]
    )
    of_rows = row_losses(loss, counts, torch.float64)
    at_once = max(1, _ROWS_AT_ONCE // len(networks))
    parts = [
        of_rows(stack(x).double(), target)
        for x, target in zip(X.split(at_once, dim=1), y.split(at_once, dim=1), strict=True)
    ]
    losses = torch.cat(parts, dim=1).numpy()
    return [row[: len(table)] for row, table in zip(losses, tables, strict=True)]
