"""Batches drawn balanced from all rows, for any training loop.

A class-balanced sampler in the sense of the ReMix paper's step 3 (Bellinger, Corizzo and Japkowicz,
arXiv 2012.02312, Algorithm 1), but drawn from the whole training side instead of a mini-batch, so that
no batch lacks a class.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Sampler


class BalancedBatchSampler(Sampler[list[int]]):
    """Batches that hold every class equally often.

    A batch has B / K rows of each of the K classes, drawn with replacement from all rows of the class;
    what B / K leaves over goes to classes chosen at random. An epoch has as many batches as a pass over
    the rows.

    Parameters
    ----------
    y : array-like of shape (n,)
        Class of each row, of any type.
    batch_size : int
        B, the rows of a batch on one process.
    generator : torch.Generator, optional
        Read once, for a seed, when the sampler is made; torch's global one by default. In a distributed
        run give every process a generator of the same seed.
    rank, num_replicas : int, optional
        Of the process and how many there are; those of ``torch.distributed`` if it is initialised, else 0
        and 1. Every process draws the same plan and takes every ``num_replicas``-th batch of it; how
        many they are decides on the length of the plan only.

    Raises
    ------
    ValueError
        If there are no rows, the batch size is not positive, or the rank does not fit.

    Examples
    --------
    >>> import torch
    >>> from equipoise import BalancedBatchSampler
    >>> y = [0] * 90 + [1] * 10
    >>> sampler = BalancedBatchSampler(y, 20, generator=torch.Generator().manual_seed(0))
    >>> len(sampler), [sum(y[i] for i in batch) for batch in sampler]
    (5, [10, 10, 10, 10, 10])
    """

    learned_priors = "equal"

    def __init__(
        self,
        y: ArrayLike,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        rank: int | None = None,
        num_replicas: int | None = None,
    ) -> None:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = rank if rank is not None else (torch.distributed.get_rank() if distributed else 0)
        self.num_replicas = num_replicas or (torch.distributed.get_world_size() if distributed else 1)
        _, codes = np.unique(np.asarray(y), return_inverse=True)
        if not len(codes) or batch_size < 1 or not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"Rows, a batch size of 1 or more and a rank below num_replicas are needed, but there are {len(codes)} "
                f"rows, batch_size={batch_size}, rank={self.rank} and num_replicas={self.num_replicas}."
            )
        self.batch_size = batch_size
        self.epoch = 0
        self._n_rows = len(codes)
        self._order = torch.from_numpy(np.argsort(codes, kind="stable"))
        self._counts = torch.from_numpy(np.bincount(codes))
        self._starts = self._counts.cumsum(0) - self._counts
        self._seed = int(torch.randint(1 << 62, (), generator=generator))

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch is drawn next; the same number gives the same batches again."""
        self.epoch = epoch

    def plan(self) -> Tensor:
        """Draw the epoch's batches of this process: row numbers of shape (len(self), batch_size)."""
        n_batches, n_classes = len(self) * self.num_replicas, len(self._counts)
        state = np.random.SeedSequence([self._seed, self.epoch]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        # All chance of a batch is one row: where processes need a plan rounded up to their number, it is prolonged.
        chance = torch.rand(n_batches, n_classes + self.batch_size, dtype=torch.float64, generator=generator)
        lottery, share = chance.split([n_classes, self.batch_size], dim=1)
        # A random order of the classes, repeated along the batch: the first B mod K of it get one row more.
        of_class = lottery.argsort(dim=1).repeat(1, -(-self.batch_size // n_classes))[:, : self.batch_size]
        rows = self._order[self._starts[of_class] + (share * self._counts[of_class]).long()]
        return rows[self.rank :: self.num_replicas]

    def __iter__(self) -> Iterator[list[int]]:
        yield from self.plan().tolist()

    def __len__(self) -> int:
        return -(-self._n_rows // (self.batch_size * self.num_replicas))
