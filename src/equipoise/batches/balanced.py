"""Balanced batches of all rows, for any training loop.

Step 3 of Algorithm 1 in the ReMix paper (Bellinger, Corizzo and Japkowicz, arXiv 2012.02312), applied to the whole
training set instead of a mini-batch, so that no batch lacks a class.
"""

import warnings
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.utils.data import Sampler

from equipoise.batches.by_class import RowsByClass

_DRAWN = 1 << 18  # numbers drawn at once, about: two megabytes


class Batches(Protocol):
    """The batches of an epoch, as lists of row positions."""

    def __iter__(self) -> Iterator[Sequence[int]]:
        """Pass over the batches."""

    def __len__(self) -> int:
        """Return their number."""


@runtime_checkable
class FollowsEpochs(Protocol):
    """Batches that differ from epoch to epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the next epoch."""


class BatchSampler(Protocol):
    """Creates the batches of a training set, as the class `BalancedBatchSampler` does.

    Batches with a method ``set_epoch`` get the number of each epoch before its pass.
    """

    def __call__(self, y: NDArray[np.int64], batch_size: int, /, *, generator: torch.Generator) -> Batches:
        """Return batches of ``batch_size`` positions in labels ``y``, drawn with the generator."""


class BalancedBatchSampler(Sampler[list[int]]):
    """Batches in which all classes are equally frequent.

    A batch has B / K rows of each of the K classes, drawn with replacement from all rows of the class;
    the remainder goes to random classes. An epoch has as many batches as a pass over the rows, and each epoch has new
    batches.

    Parameters
    ----------
    y : array-like or tensor of shape (n,)
        Class of each row, of any type.
    batch_size : int
        B, the rows of a batch on one process.
    generator : torch.Generator, optional
        Source of the seed, read once by the constructor; torch's global generator by default. A distributed run needs
        generators of the same seed on all processes.
    rank, num_replicas : int, optional
        Number of the process, and number of processes; those of ``torch.distributed`` if it is initialised, else 0 and
        1. All processes draw the same plan, whose length alone depends on their number, and each takes every
        ``num_replicas``-th batch.

    Attributes
    ----------
    epoch : int
        Number of the next epoch, raised by one with each pass over the sampler.
    balances : bool
        True, as for any sampler of balanced batches. Our trainer reads it.

    Raises
    ------
    ValueError
        If ``y`` is not one class a row, has missing labels or no rows, the batch size is not positive, or the rank is
        not below the number of processes.

    Warns
    -----
    UserWarning
        If a batch has fewer rows than there are classes, so that classes are equally frequent over many batches only.

    Notes
    -----
    Batches are drawn in parts, so that memory does not grow with the number of classes. Beside the labels, only the
    positions of the rows of all classes but the largest are kept.

    Examples
    --------
    >>> import torch
    >>> from equipoise import BalancedBatchSampler
    >>> y = [0] * 90 + [1] * 10
    >>> sampler = BalancedBatchSampler(y, 20, generator=torch.Generator().manual_seed(0))
    >>> len(sampler), [sum(y[i] for i in batch) for batch in sampler]
    (5, [10, 10, 10, 10, 10])
    """

    balances = True
    power = 0.0  # classes are as frequent as their numbers of rows, to this power

    def __init__(
        self,
        y: ArrayLike | Tensor,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if rank is None:
            rank = torch.distributed.get_rank() if distributed else 0
        if num_replicas is None:
            num_replicas = torch.distributed.get_world_size() if distributed else 1
        labels, classes, counts = _labels(y)
        whole = all(isinstance(number, Integral) for number in (batch_size, rank, num_replicas))
        if not len(labels) or not whole or batch_size < 1 or not 0 <= rank < num_replicas:
            raise ValueError(
                f"Rows, a whole batch size of 1 or more and a rank below num_replicas are needed, but there are "
                f"{len(labels)} rows, batch_size={batch_size!r}, rank={rank!r} and num_replicas={num_replicas!r}."
            )
        if self.balances and batch_size < len(counts):
            warnings.warn(
                f"A batch of {batch_size} rows cannot hold all {len(counts)} classes, so no batch is balanced, only "
                f"many together: a batch of {len(counts)} rows or more would be.",
                stacklevel=2,
            )
        self.batch_size, self.rank, self.num_replicas = int(batch_size), int(rank), int(num_replicas)
        self.epoch = 0
        self._n_rows = len(labels)
        self._of_class = RowsByClass(labels, classes, counts)
        self._counts = self._of_class.counts
        self._seed = int(torch.randint(1 << 62, (), generator=generator))

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass, 0 or more; the same number gives the same batches."""
        if not isinstance(epoch, Integral) or epoch < 0:
            raise ValueError(f"epoch must be an integer of 0 or more, but epoch={epoch!r}.")
        self.epoch = epoch

    def plan(self) -> Tensor:
        """Draw all batches of the next epoch of this process: row numbers of shape (len(self), batch_size)."""
        return torch.cat(list(self._parts(self.epoch)))

    def _parts(self, epoch: int) -> Iterator[Tensor]:
        """Draw the batches of an epoch, some at a time: row numbers of shape (n, batch_size)."""
        n_batches, n_chances = len(self) * self.num_replicas, self._class_chances()
        state = np.random.SeedSequence([self._seed, epoch]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        at_once = max(1, _DRAWN // (n_chances + self.batch_size))
        for start in range(0, n_batches, at_once):
            # Each batch has a row of random numbers: rounding up to the number of processes only adds batches.
            shape = min(at_once, n_batches - start), n_chances + self.batch_size
            chance = torch.rand(shape, dtype=torch.float64, generator=generator)
            lottery, share = chance.split([n_chances, self.batch_size], dim=1)
            of_class = self._classes(lottery)
            rows = self._of_class.drawn(of_class, share)
            yield rows[(self.rank - start) % self.num_replicas :: self.num_replicas]

    def _class_chances(self) -> int:
        """Return how many random numbers `_classes` takes for a batch."""
        return len(self._counts)

    def _classes(self, lottery: Tensor) -> Tensor:
        """Draw the class of each row of batches: a random order of the classes, repeated along the batch.

        Its first B mod K classes get one more row.
        """
        n_classes = len(self._counts)
        drawn = lottery.topk(min(n_classes, self.batch_size), dim=1).indices
        return drawn.repeat(1, -(-self.batch_size // n_classes))[:, : self.batch_size]

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        for part in self._parts(epoch):
            yield from part.tolist()

    def __len__(self) -> int:
        return -(-self._n_rows // (self.batch_size * self.num_replicas))


class RootBatchSampler(BalancedBatchSampler):
    """Batches in which classes are as frequent as the square root of their numbers of rows.

    Half way between the rows as they come and balanced batches: a minority class is seen more often, and a majority
    class in more of its rows than balanced batches show. The class of each row of a batch is drawn, then the row, both
    with replacement. Parameters, epochs and ranks are those of `BalancedBatchSampler`.

    Attributes
    ----------
    epoch : int
        As of `BalancedBatchSampler`.
    balances : bool
        False: the network learns under class priors proportional to the square roots.
    power : float
        1/2, the exponent of the numbers of rows.

    Notes
    -----
    ``partial(LogitAdjustedLoss, tau=0.5)`` corrects for the class priors of these batches, so that the network learns
    the logits of balanced classes.

    References
    ----------
    Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 3 (q = 1/2);
    Mahajan et al., "Exploring the Limits of Weakly Supervised Pretraining", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from equipoise import RootBatchSampler
    >>> y = [0] * 9000 + [1] * 1000
    >>> sampler = RootBatchSampler(y, 1000, generator=torch.Generator().manual_seed(0))
    >>> share = sum(y[row] for batch in sampler for row in batch) / 10_000
    >>> abs(share - 1 / (1 + 9**0.5)) < 0.02
    True
    """

    balances = False
    power = 0.5

    def _class_chances(self) -> int:
        return self.batch_size

    def _classes(self, lottery: Tensor) -> Tensor:
        edges = self._counts.double().sqrt().cumsum(0)
        return torch.searchsorted(edges / edges[-1], lottery.contiguous(), right=True).clamp(max=len(edges) - 1)


def _labels(y: ArrayLike | Tensor) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return the label of each row, the classes, and the number of rows of each."""
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = (y.double() if y.is_floating_point() else y).numpy()
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(
            f"y must hold one class a row, of shape (n,), but its shape is {labels.shape}: rows of several labels "
            f"cannot be balanced; give a column as y.ravel()."
        )
    try:
        classes, counts = np.unique(labels, return_counts=True)
        missing = bool((classes != classes).any())
    except TypeError:
        missing = True
    if missing:
        raise ValueError("y must hold labels of one type, none missing, but some are missing or cannot be compared.")
    return labels, classes, counts
