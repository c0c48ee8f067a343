"""Result of a loss search as plain data, and the losses of networks that train with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from equipoise.losses import ParametricCrossEntropy
from equipoise.losses.rows import RowLosses
from equipoise.training import InnerTraining
from equipoise.training.task import classes_and_groups


@dataclass(frozen=True)
class FoundLoss:
    """Parameters of the loss after a search, and their history.

    Attributes
    ----------
    parameters : dict of str to ndarray of shape (K,), or (K, G) with groups
        Resulting ``w``, ``offset`` and ``delta``.
    steps : ndarray of shape (S,)
        Training steps of the entries of `history`.
    history : dict of str to ndarray of shape (S, K), or (S, K, G)
    """

    parameters: dict[str, NDArray[Any]]
    steps: NDArray[np.int64]
    history: dict[str, NDArray[Any]]


def found_losses(found: Sequence[FoundLoss], training: InnerTraining) -> RowLosses:
    """Return the losses of a stack, each replica with its own result."""
    w, offset, delta = (np.stack([f.parameters[name] for f in found]) for name in ("w", "offset", "delta"))
    n_groups = training.n_groups
    loss = ParametricCrossEntropy(
        w=w, offset=offset, delta=delta, num_groups=n_groups if n_groups > 1 else None, reduction="none"
    )
    loss.to(next(training.stack.parameters()))

    def losses(logits: Tensor, target: Tensor) -> Tensor:
        return loss(logits, *classes_and_groups(target, n_groups))

    return losses
