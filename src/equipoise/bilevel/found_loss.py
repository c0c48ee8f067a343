"""Result of a loss search as plain data, and the losses and rows of networks that train with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise.bilevel.searched_augmentation import SearchedAugmentation
from equipoise.bilevel.vectors import Named
from equipoise.losses import ParametricCrossEntropy
from equipoise.losses.parametric import Adjustment
from equipoise.training import InnerTraining
from equipoise.training.task import classes_and_groups

Generators = Sequence[torch.Generator | None]


@dataclass(frozen=True)
class FoundLoss:
    """Parameters of the loss and of the augmentation after a search, and their history.

    Attributes
    ----------
    parameters : dict of str to ndarray of shape (K,), or (K, G) with groups
        Resulting ``w``, ``offset`` and ``delta``, and ``strength_<op>`` and ``probability_<op>``.
    steps : ndarray of shape (S,)
        Training steps of the entries of `history`.
    history : dict of str to ndarray of shape (S, K), or (S, K, G)
    """

    parameters: dict[str, NDArray[Any]]
    steps: NDArray[np.int64]
    history: dict[str, NDArray[Any]]


class FoundTreatment:
    """Losses and rows of a stack whose replicas each train with their own result."""

    def __init__(
        self, found: Sequence[FoundLoss], training: InnerTraining, augmentation: SearchedAugmentation | None
    ) -> None:
        self._training, self._augmentation = training, augmentation
        like = next(training.stack.parameters())
        names = found[0].parameters
        self._values = {n: torch.from_numpy(np.stack([f.parameters[n] for f in found])).to(like) for n in names}
        w, offset, delta = (self._values.pop(name) for name in ("w", "offset", "delta"))
        groups = training.n_groups if training.n_groups > 1 else None
        self._loss = ParametricCrossEntropy(w=w, offset=offset, delta=delta, num_groups=groups, reduction="none")

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._loss(logits, *classes_and_groups(target, self._training.n_groups))

    def adjustment(self) -> Adjustment | None:
        """Return the parameters, if there are no groups."""
        assert self._loss.offset is not None
        return self._loss.adjustment(self._loss.offset.shape)

    def rows(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the rows of a step, augmented if there is an augmentation."""
        if self._augmentation is None:
            return x
        labels = classes_and_groups(target, self._training.n_groups)
        return rows_of_replicas(self._augmentation, self._values, x, *labels, generators=self._training.generators)


def rows_of_replicas(
    augmentation: SearchedAugmentation,
    values: Named,
    x: Tensor,
    target: Tensor,
    group: Tensor | None,
    *,
    generators: Generators,
) -> Tensor:
    """Augment the rows ``(R, B, channels, height, width)`` of each replica by values and a generator of its own."""
    return torch.stack(
        [
            augmentation.rows(
                rows,
                target[r],
                group=None if group is None else group[r],
                generator=generators[r],
                values={name: value[r] for name, value in values.items()},
            )
            for r, rows in enumerate(x)
        ]
    )
