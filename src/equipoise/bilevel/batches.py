"""Batches of an outer step, in the formats of loops and loaders."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from equipoise.bilevel.inner import Batch
from equipoise.bilevel.networks import Keywords

_TARGETS = ("labels", "label", "target", "y")
_IGNORED = -100  # as the losses have it


def as_batch(batch: Any) -> Batch:
    """Return a batch given as a tuple ``(x, y)``, ``(x, y, group)`` or ``(x, y, group, weight)``, or as a dict.

    A dict has its target under "labels", "label", "target" or "y", and may have "group" and "weight"; the rest are
    keyword arguments of the network.

    Class indices may be of any integer type; those of rows that do not count, -100, get weight 0.
    """
    if isinstance(batch, Mapping):
        rest = dict(batch)
        names = [name for name in _TARGETS if name in rest]
        if len(names) != 1:
            raise ValueError(
                f"A batch that is a dict needs its target under one of the keys {', '.join(map(repr, _TARGETS))}, but "
                f"its keys are {', '.join(map(repr, rest))}."
            )
        target, group, weight = rest.pop(names[0]), rest.pop("group", None), rest.pop("weight", None)
        return _counted(Batch(Keywords(rest), target, group, weight))
    if isinstance(batch, (tuple, list)) and 2 <= len(batch) <= 4:
        return _counted(Batch(*batch))
    raise ValueError(
        f"A batch must be (x, y), (x, y, group), (x, y, group, weight) or a dict, but a batch is of type "
        f"{type(batch).__name__}{f' with {len(batch)} parts' if isinstance(batch, (tuple, list)) else ''}."
    )


def _counted(batch: Batch) -> Batch:
    for name, part in batch._asdict().items():
        if name != "x" and part is not None and not isinstance(part, Tensor):
            raise TypeError(
                f"The {name} of a batch must be a torch.Tensor, but is a {type(part).__name__}: convert it."
            )
    if batch.target.is_floating_point():
        return batch
    target = batch.target.long()
    ignored = target == _IGNORED
    if not ignored.any():
        return batch._replace(target=target)
    weight = torch.ones_like(target, dtype=torch.float32) if batch.weight is None else batch.weight
    return batch._replace(target=target.masked_fill(ignored, 0), weight=weight.masked_fill(ignored, 0))


class BatchSource:
    """Training or validation batches of outer steps; a pass over a loader continues from step to step.

    ``name`` is that of the argument, for errors.
    """

    def __init__(self, name: str, n_batches: int) -> None:
        self._name, self._n_batches = name, n_batches
        self._of: Iterable[Any] | None = None
        self._going: Iterator[Any] = iter(())

    def take(self, batches: Iterable[Any]) -> list[Batch]:
        """Take the next batches; at the end of a pass over a list or loader, the next pass begins.

        Raises ValueError if there are too few.
        """
        if batches is not self._of:
            self._of, self._going = batches, iter(batches)
        taken = list(islice(self._going, self._n_batches))
        enough = not isinstance(batches, Sized) or len(batches) >= self._n_batches
        if len(taken) < self._n_batches and self._going is not batches and enough:
            self._going = iter(batches)
            more = list(islice(self._going, self._n_batches - len(taken)))
            taken = [*taken, *more]
        if len(taken) < self._n_batches:
            raise ValueError(
                f"An outer step needs n_batches={self._n_batches} batches, but {self._name} gave {len(taken)}: give a "
                f"loader, a list of enough batches, or an endless iterator."
            )
        return [as_batch(batch) for batch in taken]

    def __getstate__(self) -> dict[str, Any]:
        """Exclude the loader and its iterator from copies and pickles."""
        return {**vars(self), "_of": None, "_going": iter(())}
