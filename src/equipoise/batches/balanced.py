"""Batches drawn balanced from all rows, for any training loop.

A class-balanced sampler in the sense of the ReMix paper's step 3 (Bellinger, Corizzo and Japkowicz,
arXiv 2012.02312, Algorithm 1), but drawn from the whole training side instead of a mini-batch, so that
no batch lacks a class.
"""

from collections.abc import Iterator
from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.utils.data import Sampler

_DRAWN = 1 << 18  # numbers drawn at once, about: two megabytes


class BalancedBatchSampler(Sampler[list[int]]):
    """Batches that hold every class equally often.

    A batch has B / K rows of each of the K classes, drawn with replacement from all rows of the class;
    what B / K leaves over goes to classes chosen at random. An epoch has as many batches as a pass over
    the rows, and every epoch has batches of its own.

    Parameters
    ----------
    y : array-like or tensor of shape (n,)
        Class of each row, of any type.
    batch_size : int
        B, the rows of a batch on one process.
    generator : torch.Generator, optional
        Read once, for a seed, when the sampler is made; torch's global one by default. In a distributed
        run give every process a generator of the same seed.
    rank, num_replicas : int, optional
        Number of the process, and number of processes; those of ``torch.distributed`` if it is initialised,
        else 0 and 1. Every process draws the same plan and takes every ``num_replicas``-th batch of it; the
        number of processes decides on the length of the plan only.

    Attributes
    ----------
    epoch : int
        Number of the next epoch. Each pass over the sampler raises it by one; `set_epoch` overrides it.
    balances : bool
        Whether the classes of a batch come out equally common: true. A trainer reads it of any sampler.

    Raises
    ------
    ValueError
        If ``y`` is not one class a row, has gaps or no rows, the batch size is not positive, or the rank does not fit.

    Notes
    -----
    Batches are drawn a few at a time, so that thousands of classes cost no more memory than a few.

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
        codes, counts = _class_codes(y)
        whole = all(isinstance(number, Integral) for number in (batch_size, rank, num_replicas))
        if not len(codes) or not whole or batch_size < 1 or not 0 <= rank < num_replicas:
            raise ValueError(
                f"Rows, a whole batch size of 1 or more and a rank below num_replicas are needed, but there are "
                f"{len(codes)} rows, batch_size={batch_size!r}, rank={rank!r} and num_replicas={num_replicas!r}."
            )
        self.batch_size, self.rank, self.num_replicas = int(batch_size), int(rank), int(num_replicas)
        self.epoch = 0
        self._n_rows = len(codes)
        self._order = torch.from_numpy(np.argsort(codes, kind="stable"))
        self._counts = torch.from_numpy(counts)
        self._starts = self._counts.cumsum(0) - self._counts
        self._seed = int(torch.randint(1 << 62, (), generator=generator))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next pass, 0 or more; the same number gives the same batches again."""
        if not isinstance(epoch, Integral) or epoch < 0:
            raise ValueError(f"epoch must be an integer of 0 or more, but epoch={epoch!r}.")
        self.epoch = epoch

    def plan(self) -> Tensor:
        """Draw all batches of the next epoch of this process: row numbers of shape (len(self), batch_size)."""
        return torch.cat(list(self._parts(self.epoch)))

    def _parts(self, epoch: int) -> Iterator[Tensor]:
        """Draw the batches of an epoch, some at a time: row numbers of shape (n, batch_size)."""
        n_batches, n_classes = len(self) * self.num_replicas, len(self._counts)
        state = np.random.SeedSequence([self._seed, epoch]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        at_once = max(1, _DRAWN // (n_classes + self.batch_size))
        for start in range(0, n_batches, at_once):
            # All chance of a batch is one row: where processes need a plan rounded up to their number, it is prolonged.
            shape = min(at_once, n_batches - start), n_classes + self.batch_size
            chance = torch.rand(shape, dtype=torch.float64, generator=generator)
            lottery, share = chance.split([n_classes, self.batch_size], dim=1)
            # A random order of the classes, repeated along the batch: the first B mod K of it get one row more.
            drawn = lottery.topk(min(n_classes, self.batch_size), dim=1).indices
            of_class = drawn.repeat(1, -(-self.batch_size // n_classes))[:, : self.batch_size]
            rows = self._order[self._starts[of_class] + (share * self._counts[of_class]).long()]
            yield rows[(self.rank - start) % self.num_replicas :: self.num_replicas]

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        for part in self._parts(epoch):
            yield from part.tolist()

    def __len__(self) -> int:
        return -(-self._n_rows // (self.batch_size * self.num_replicas))


def _class_codes(y: ArrayLike | Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a code of each row's class, and the rows of each class."""
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
        classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        missing = bool((classes != classes).any())
    except TypeError:
        missing = True
    if missing:
        raise ValueError("y must hold labels of one kind without gaps, but some are missing or cannot be compared.")
    return codes, counts
