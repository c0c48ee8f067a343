"""A loss search as the outer problem of our own trainer."""

from collections import deque
from collections.abc import Iterator
from itertools import repeat

import torch
from torch import Tensor

from equipoise.bilevel.cell_draws import CellDraws
from equipoise.bilevel.found_loss import FoundLoss
from equipoise.bilevel.loss_search import LossSearch
from equipoise.losses.parametric import Adjustment
from equipoise.training import InnerTraining
from equipoise.training.task import classes_and_groups


class StackLossSearch:
    """Current losses of the replicas, changed by outer steps between training steps.

    Parameters
    ----------
    search : LossSearch
        Search on the stack of the training.
    training : InnerTraining
    """

    def __init__(self, search: LossSearch, training: InnerTraining) -> None:
        self._search, self._training = search, training
        search.generators = training.generators
        self._like = next(training.stack.parameters()).detach()
        self._seen: deque[tuple[Tensor | None, ...]] = deque(maxlen=search.n_batches)
        self._draws = [
            CellDraws(rows, self._codes(training.gather(rows)[1]).cpu().numpy(), training.batch_size, generator)
            for rows, generator in zip(training.validation_rows, training.generators, strict=True)
        ]

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._search.row_losses(logits, *classes_and_groups(target, self._training.n_groups))

    def adjustment(self) -> Adjustment | None:
        """Return the current parameters, if there are no groups."""
        return self._search.adjustment(self._like)

    def rows(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the rows of the next step, augmented if the search has an augmentation."""
        return self._search.augment(x, *classes_and_groups(target, self._training.n_groups))

    def after_step(self, x: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Make an outer step if one is due, on the last training batches and on validation rows of all cells."""
        self._search.n_steps += 1
        self._seen.append((x, *classes_and_groups(target, self._training.n_groups), weights))
        if self._search.due() and len(self._seen) == self._search.n_batches:
            self._search.step(list(self._seen), self._validation())

    def found(self) -> list[FoundLoss]:
        """Return the result of each replica."""
        return self._search.found()

    def _validation(self) -> Iterator[tuple[Tensor | None, ...]]:
        for draws in repeat(self._draws):
            rows, weights = (torch.stack(parts) for parts in zip(*(d.draw() for d in draws)))
            x, target = self._training.gather(rows)
            yield x, *classes_and_groups(self._codes(target), self._training.n_groups), weights.to(x.device)

    @staticmethod
    def _codes(target: Tensor) -> Tensor:
        return target.argmax(-1) if target.is_floating_point() else target
