"""Random draws ahead of the steps: one stream a replica for the order of rows, mixing and dropout.

Drawing at every step costs a fifth to a third of a small step. The draws of a replica depend on its own task only, not
on its neighbours in a stack: streams are cut into blocks whose length follows from the settings.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import count, islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from equipoise.batches.balanced import BatchSampler, FollowsEpochs
from equipoise.batches.batch_smote import with_neighbours
from equipoise.batches.by_class import RowsByClass
from equipoise.batches.mixture import Mixture, weighted
from equipoise.batches.transform import MixingTransform
from equipoise.training.task import Settings, Task

if TYPE_CHECKING:
    from equipoise.training.pool import AugmentedRows, ClassCodes, CompactRows

    Rows = Tensor | CompactRows | AugmentedRows

# Purposes, each with a stream of its own.
INITIAL_WEIGHTS, ROWS, DROPOUT, EVALUATIONS, VALIDATION, AUGMENTATION, OF_SECOND = range(7)

_AHEAD = 128  # steps drawn at once, at most
_ROWS_AHEAD = 1 << 18  # rows of a replica drawn at once, about
_GATHERED = 1 << 23  # bytes of rows, or of distances between them, at once: about the size of a fast cache
_MASK_REUSE = 4  # length of the long dropout mask of a replica, in masks of the widest layer


def stream(task: Task, purpose: int) -> torch.Generator:
    """Return the generator of a task for one purpose."""
    state = np.random.SeedSequence([task.seed, purpose]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def block_lengths(settings: Settings) -> Iterator[tuple[int, bool]]:
    """Cut a run into blocks of draws: length of each, and whether an epoch that something looks at ends with it."""
    longest = max(1, min(_AHEAD, _ROWS_AHEAD // settings.batch_size))
    epoch_steps = settings.epoch_steps if settings.looks_at_epochs else settings.max_steps
    done = 0
    while done < settings.max_steps:
        epoch_end = min((done // epoch_steps + 1) * epoch_steps, settings.max_steps)
        length = min(longest, epoch_end - done)
        done += length
        yield length, done == epoch_end


class RowDraws:
    """The batches of one replica: an endless shuffle of its rows, cut into batches of one size.

    ``rows`` are positions in the row store, or those of each class, of which one is drawn each time that a training row
    of the class comes up; a batch sampler draws the batches instead of the shuffle.
    """

    def __init__(
        self,
        rows: Tensor | RowsByClass,
        labels: Tensor,
        weights: Tensor | None,
        batch_size: int,
        transform: MixingTransform | None,
        generator: torch.Generator,
        batch_sampler: BatchSampler | None = None,
    ) -> None:
        self.rows, self.labels, self.weights = rows, labels, weights
        self.batch_size, self.generator = batch_size, generator
        self.transform = None if transform is None else transform.bound(torch.bincount(labels))
        self._left = torch.empty(0, dtype=torch.int32 if len(labels) < 1 << 31 else torch.int64)
        self._sampled = None if batch_sampler is None else self._epochs(batch_sampler)

    def _epochs(self, batch_sampler: BatchSampler) -> Iterator[Tensor]:
        sampler = batch_sampler(self.labels.numpy(), self.batch_size, generator=self.generator)
        if not len(sampler):
            raise ValueError("batch_sampler must give one batch an epoch or more, but its length is 0.")
        for epoch in count():
            if isinstance(sampler, FollowsEpochs):
                sampler.set_epoch(epoch)
            for batch in sampler:
                if len(batch) != self.batch_size:
                    raise ValueError(f"batch_sampler must give {self.batch_size} rows a batch, but gave {len(batch)}.")
                yield torch.as_tensor(np.asarray(batch))  # several times faster than torch for lists

    def _order(self, n_steps: int) -> Tensor:
        """Positions of the rows of the next batches, of shape (n_steps, batch_size)."""
        if self._sampled is not None:
            return torch.stack(list(islice(self._sampled, n_steps)))
        return self._shuffled(n_steps * self.batch_size).view(n_steps, self.batch_size)

    def _shuffled(self, count: int) -> Tensor:
        parts, have = [self._left], len(self._left)
        while have < count:
            parts.append(torch.randperm(len(self.labels), generator=self.generator, dtype=self._left.dtype))
            have += len(self.labels)
        stream = torch.cat(parts) if len(parts) > 1 else self._left
        self._left = stream[count:]
        return stream[:count]

    def _placed(self, order: Tensor) -> Tensor:
        """Return the position in the row store of each row of the batches."""
        if isinstance(self.rows, Tensor):
            return self.rows[order]
        chance = torch.rand(order.shape, dtype=torch.float64, generator=self.generator)
        return self.rows.drawn(self.labels[order].long(), chance)

    def block(self, n_steps: int) -> "Block":
        """Draw the batches of the next steps."""
        order = self._order(n_steps).long()
        rows = self._placed(order)
        weights = None if self.weights is None else self.weights[order]
        if self.transform is None:
            return Block(rows, weights=weights)
        labels = self.labels[order].long()
        mixture = self.transform.draw(labels, self.generator)
        mixture = mixture._replace(label_share=mixture.of_labels)
        if self.transform.looks_at_features:
            weights = None if weights is None else weights.gather(1, mixture.first)
            return Block(rows, weights=weights, within=mixture, labels=labels)
        if weights is not None:
            mixture, weights = weighted(mixture, weights)
        first, second = rows.gather(1, mixture.first), rows.gather(1, mixture.second)
        return Block(first, mixture._replace(first=first, second=second), weights)


@dataclass(frozen=True)
class Block:
    """Batches of one replica (S steps, B rows), or of a stack (S steps, R replicas, B rows)."""

    rows: Tensor  # position of each row in the row store
    mixture: Mixture | None = None  # mixture of rows of the store, in place of `rows`
    # weights of the training rows: those of `equipoise.batches.mixture.weighted`, or of the first row
    weights: Tensor | None = None
    # mixture of rows within the batch that depends on features: ``second`` holds ranks of neighbours
    within: Mixture | None = None
    labels: Tensor | None = None  # class of each row, for the search of neighbours

    @staticmethod
    def stacked(blocks: Sequence["Block"]) -> "Block":
        """Join the blocks of R replicas along axis 1."""
        return Block(*(_each([getattr(b, f.name) for b in blocks], lambda p: torch.stack(p, dim=1)) for f in _FIELDS))

    def batches(self, X: "Rows", target: "Tensor | ClassCodes") -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Gather ``(x, target, weights)`` of each step, for as many steps at once as fit in a fast cache."""
        at_once = max(1, _GATHERED // self._step_bytes(X))
        for start in range(0, len(self.rows), at_once):
            part = self._steps(slice(start, start + at_once), X.device)._with_neighbours(X)
            xs, targets = part._gather(X, "share"), part._gather(target, "label_share")
            weights = [None] * len(xs) if part.weights is None else part.weights.to(X.device, X.dtype)
            yield from zip(xs, targets, weights, strict=True)

    def _step_bytes(self, X: "Rows") -> int:
        """Bytes of the rows of a step, or of the distances between them if these need more."""
        a_row = X[0].numel() if self.within is None else max(X[0].numel(), self.rows.shape[-1])
        return self.rows[0].numel() * a_row * X.element_size()

    def _steps(self, steps: slice, device: torch.device) -> "Block":
        return Block(*(_each([getattr(self, f.name)], lambda p: p[0][steps].to(device)) for f in _FIELDS))

    def _with_neighbours(self, X: "Rows") -> "Block":
        """Find the neighbours of all steps at once; labels and weights are those of the first row."""
        if self.within is None or self.labels is None:
            return self
        found = with_neighbours(_rows(getattr(X, "plain", X), self.rows), self.labels, self.within)
        first, second = self.rows.gather(-1, found.first), self.rows.gather(-1, found.second)
        return Block(first, found._replace(first=first, second=second), self.weights)

    def _gather(self, values: "Rows | ClassCodes", share: str) -> Tensor:
        if self.mixture is None or not values.is_floating_point():  # class codes are never mixed
            return _rows(values, self.rows)
        of_first = getattr(self.mixture, share).to(values.device, values.dtype)
        of_first = of_first.view(*of_first.shape, *(1,) * (values.ndim - 1))
        return torch.lerp(_rows(values, self.mixture.second, 1), _rows(values, self.mixture.first), of_first)


_FIELDS = fields(Block)


def _each(parts: Sequence[Any], function: Callable[[list[Tensor]], Tensor]) -> Any:
    """Apply a function to one field of several blocks: tensors, mixtures of tensors, or None."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], Mixture):
        return Mixture(*(_each(own, function) for own in zip(*parts, strict=True)))
    return function(list(parts))


def _rows(values: "Rows | ClassCodes", index: Tensor, role: int = 0) -> Tensor:
    if hasattr(values, "plain"):
        return cast("AugmentedRows", values).gather(index, role)
    return cast("Tensor", values).index_select(0, index.flatten()).view(*index.shape, *values.shape[1:])


class DropoutMasks:
    """Dropout masks of a stack, as views of a long mask of each replica at offsets common to all.

    The offsets follow from the step only, so that the masks of a replica do not depend on its neighbours. The long mask
    lasts for many steps, in which nothing is drawn or copied.

    ``rates`` are of each hidden layer; one of rate 0 has no mask. There is a generator a replica.
    """

    def __init__(
        self,
        widths: Sequence[int],
        batch_size: int,
        rates: Sequence[float],
        generators: Sequence[torch.Generator],
        like: Tensor,
    ) -> None:
        self._generators = list(generators)
        self._shapes = [(batch_size, width) for width in widths]
        self._size = _MASK_REUSE * batch_size * max(widths)
        self._rates, self._like = list(rates), like
        self._offsets = torch.Generator().manual_seed(0)
        self._pools: dict[float, Tensor] = {}
        self._done = 0

    def block(self, n_steps: int) -> Iterator[list[Tensor | None]]:
        """Draw the masks ``(R, B, width)`` of each layer for the next steps."""
        starts = torch.rand(n_steps, len(self._shapes), generator=self._offsets, dtype=torch.float64).tolist()
        for step in starts:
            if self._done % _AHEAD == 0:
                uniform = torch.stack([torch.rand(self._size, generator=g) for g in self._generators])
                self._pools = {rate: self._pool(uniform, rate) for rate in set(self._rates)}
            self._done += 1
            layers = zip(self._shapes, self._rates, step, strict=True)
            yield [self._view(self._pools[rate], shape, u) if rate else None for shape, rate, u in layers]

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""
        self._generators = [self._generators[p] for p in positions]
        self._pools = {rate: pool[list(positions)] for rate, pool in self._pools.items()}

    def _pool(self, uniform: Tensor, rate: float) -> Tensor:
        return ((uniform >= rate).to(self._like) / (1.0 - rate)).to(self._like.device)

    def _view(self, pool: Tensor, shape: tuple[int, int], uniform: float) -> Tensor:
        n_rows, width = shape
        start = int(uniform * (self._size - n_rows * width + 1))
        return pool.as_strided((len(pool), n_rows, width), (self._size, width, 1), start)
