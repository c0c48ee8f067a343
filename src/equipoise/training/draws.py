"""Chance, drawn ahead: one stream a replica for the order of rows, mixing and dropout.

Drawing at every step costs a fifth to a third of a small step. A replica's draws depend on its own
task alone, never on its neighbours in a stack: streams are cut into blocks whose length follows from
the settings.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equipoise.batches.mixture import MixingTransform, Mixture
from equipoise.training.task import Settings, Task

INITIAL_WEIGHTS, ROWS, DROPOUT = 0, 1, 2  # purposes, each with a stream of its own

_AHEAD = 128  # steps drawn at once, at most
_ROWS_AHEAD = 1 << 18  # rows of a replica drawn at once, about
_GATHERED = 1 << 23  # bytes of rows gathered at once, about the size of a fast cache
_MASK_REUSE = 4  # size of a replica's pool of dropout masks, in masks of the widest layer


def stream(task: Task, purpose: int) -> torch.Generator:
    """Return a task's source of randomness for one purpose."""
    state = np.random.SeedSequence([task.seed, purpose]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def block_lengths(settings: Settings) -> Iterator[tuple[int, bool]]:
    """Cut a run into blocks of draws: their lengths, and whether an epoch ends with the block."""
    longest = max(1, min(_AHEAD, _ROWS_AHEAD // settings.batch_size))
    done = 0
    while done < settings.max_steps:
        epoch_end = min((done // settings.epoch_steps + 1) * settings.epoch_steps, settings.max_steps)
        length = min(longest, epoch_end - done)
        done += length
        yield length, done == epoch_end


class RowDraws:
    """The batches of one replica: an endless shuffle of its rows, cut into batches of one size.

    Parameters
    ----------
    rows : Tensor of shape (m,)
        Index into the pool of each training row.
    labels : Tensor of shape (m,)
    weights : Tensor of shape (m,) or None
    batch_size : int
    transform : MixingTransform or None
    generator : torch.Generator
    batch_sampler : callable or None
        Draws the batches instead of the shuffle; see `Settings`.
    """

    def __init__(
        self,
        rows: Tensor,
        labels: Tensor,
        weights: Tensor | None,
        batch_size: int,
        transform: MixingTransform | None,
        generator: torch.Generator,
        batch_sampler: Callable[..., Any] | None = None,
    ) -> None:
        self.rows, self.labels, self.weights = rows, labels, weights
        self.batch_size, self.transform, self.generator = batch_size, transform, generator
        self._left = torch.empty(0, dtype=torch.int64)
        self._sampled = None if batch_sampler is None else self._epochs(batch_sampler)

    def _epochs(self, batch_sampler: Callable[..., Any]) -> Iterator[Tensor]:
        sampler = batch_sampler(self.labels.numpy(), self.batch_size, generator=self.generator)
        if not len(sampler):
            raise ValueError("batch_sampler must give one batch an epoch or more, but its length is 0.")
        for epoch in count():
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
            for batch in sampler:
                if len(batch) != self.batch_size:
                    raise ValueError(f"batch_sampler must give {self.batch_size} rows a batch, but gave {len(batch)}.")
                yield torch.as_tensor(batch)

    def _order(self, n_steps: int) -> Tensor:
        """Positions of the rows of the next batches, of shape (n_steps, batch_size)."""
        if self._sampled is not None:
            return torch.stack(list(islice(self._sampled, n_steps)))
        return self._shuffled(n_steps * self.batch_size).view(n_steps, self.batch_size)

    def _shuffled(self, count: int) -> Tensor:
        parts, have = [self._left], len(self._left)
        while have < count:
            parts.append(torch.randperm(len(self.rows), generator=self.generator))
            have += len(self.rows)
        stream = torch.cat(parts)
        self._left = stream[count:]
        return stream[:count]

    def block(self, n_steps: int) -> "Block":
        """Draw the batches of the next steps."""
        order = self._order(n_steps)
        if self.transform is None:
            return Block(self.rows[order], None, None, None if self.weights is None else self.weights[order])
        mixture: Mixture = self.transform.draw(self.labels[order], self.generator)
        first, second = order.gather(1, mixture.first), order.gather(1, mixture.second)
        weights = None
        if self.weights is not None:
            weights = torch.lerp(self.weights[second], self.weights[first], mixture.share.to(self.weights))
        return Block(self.rows[first], self.rows[second], mixture.share, weights)


@dataclass(frozen=True)
class Block:
    """Batches of one replica (S steps, B rows), or of a stack (S steps, R replicas, B rows)."""

    first: Tensor
    second: Tensor | None
    share: Tensor | None
    weights: Tensor | None

    @staticmethod
    def stacked(blocks: Sequence["Block"]) -> "Block":
        """Join the blocks of R replicas along axis 1."""

        def join(parts: Sequence[Tensor | None]) -> Tensor | None:
            return None if parts[0] is None else torch.stack(list(parts), dim=1)  # type: ignore[arg-type]

        first = torch.stack([b.first for b in blocks], dim=1)
        second, share = join([b.second for b in blocks]), join([b.share for b in blocks])
        return Block(first, second, share, join([b.weights for b in blocks]))

    def batches(self, X: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Gather ``(x, target, weights)`` of each step, as many steps at once as fit in a fast cache."""
        n_steps, rows_a_step = self.first.shape[0], self.first[0].numel()
        step_bytes = rows_a_step * X[0].numel() * X.element_size()
        at_once = max(1, _GATHERED // step_bytes)
        for start in range(0, n_steps, at_once):
            part = slice(start, start + at_once)
            xs, targets = self._gather(X, part), self._gather(target, part)
            weights = [None] * len(xs) if self.weights is None else self.weights[part].to(X)
            yield from zip(xs, targets, weights, strict=True)

    def _gather(self, values: Tensor, part: slice) -> Tensor:
        first = self.first[part].to(values.device)
        rows = values.index_select(0, first.flatten()).view(*first.shape, *values.shape[1:])
        if self.second is None or self.share is None:
            return rows
        second = self.second[part].to(values.device)
        partners = values.index_select(0, second.flatten()).view_as(rows)
        share = self.share[part].to(values).view(*first.shape, *(1,) * (values.ndim - 1))
        return torch.lerp(partners, rows, share)


class DropoutMasks:
    """Dropout masks of a stack: each replica has a pool of its own, read at offsets common to all.

    The offsets follow from the step alone, so a replica's masks do not depend on its neighbours, and
    the mask of a layer is a view: nothing is drawn or copied in a step.

    Parameters
    ----------
    widths : sequence of int
        Widths of the hidden layers.
    batch_size : int
    rate : float, in (0, 1)
    generators : sequence of torch.Generator
        One a replica.
    like : Tensor
        Gives dtype and device.
    """

    def __init__(
        self,
        widths: Sequence[int],
        batch_size: int,
        rate: float,
        generators: Sequence[torch.Generator],
        like: Tensor,
    ) -> None:
        self.generators = list(generators)
        self._shapes = [(batch_size, width) for width in widths]
        self._size = _MASK_REUSE * batch_size * max(widths)
        self._rate, self._like = rate, like
        self._offsets = torch.Generator().manual_seed(0)

    def block(self, n_steps: int) -> Iterator[list[Tensor]]:
        """Draw the masks ``(R, B, width)`` of each layer for the next steps."""
        uniform = torch.stack([torch.rand(self._size, generator=g) for g in self.generators])
        pool = ((uniform >= self._rate).to(self._like) / (1.0 - self._rate)).to(self._like.device)
        starts = torch.rand(n_steps, len(self._shapes), generator=self._offsets, dtype=torch.float64).tolist()
        for step in starts:
            yield [self._view(pool, shape, u) for shape, u in zip(self._shapes, step, strict=True)]

    def _view(self, pool: Tensor, shape: tuple[int, int], uniform: float) -> Tensor:
        size = shape[0] * shape[1]
        start = int(uniform * (self._size - size + 1))
        return pool[:, start : start + size].view(-1, *shape)
