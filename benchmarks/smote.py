"""Ways to make batches by SMOTE: on the same batches, as many of them, nothing trained.

Every batch has six rare rows, the fewest that have five neighbours. Imbalanced-learn's SMOTE is done when the rows
are made; BatchSMOTE also draws a batch from the old and new rows. With R replicas each is given every batch.
"""

from collections.abc import Callable
from itertools import cycle, islice

import torch
from imblearn.over_sampling import SMOTE
from torch import Tensor

from benchmarks.measure import Contestant
from equipoise import BatchSMOTE
from equipoise.training.draws import Block, RowDraws

N_BATCHES = 128  # as many as the trainer draws at once
_RARE = 6


def makers(batch_size: int, n_features: int, replicas: tuple[int, ...]) -> list[Contestant]:
    """Return the contestants, imbalanced-learn's first; a step is a batch, and they come in ``N_BATCHES`` at a time."""
    X = torch.randn(N_BATCHES, batch_size, n_features, generator=torch.Generator().manual_seed(0))
    y = (torch.arange(batch_size) < _RARE).long()
    ways = {"called": _called, "drawn ahead": _drawn_ahead}
    ours = [Contestant(f"BatchSMOTE R={r}, {how}", way(X, y, r), r) for how, way in ways.items() for r in replicas]
    return [Contestant("imbalanced-learn's SMOTE", _imbalanced_learn(X, y)), *ours]


def _imbalanced_learn(X: Tensor, y: Tensor) -> Callable[[int], None]:
    labels = y.numpy()

    def make(batches: int) -> None:
        smote = SMOTE()
        for x in islice(cycle(X.numpy()), batches):
            smote.fit_resample(x, labels)

    return make


def _called(X: Tensor, y: Tensor, n_replicas: int) -> Callable[[int], None]:
    stacks = X.unsqueeze(1).repeat(1, n_replicas, 1, 1)
    labels = y.repeat(n_replicas, 1)

    def make(batches: int) -> None:
        smote = BatchSMOTE(num_classes=2, batch_dims=1)
        for x in islice(cycle(stacks), batches):
            smote(x, labels)

    return make


def _drawn_ahead(X: Tensor, y: Tensor, n_replicas: int) -> Callable[[int], None]:
    """As the trainer forms its batches; each replica has a stream of its own."""
    rows, labels = X.flatten(0, 1), y.repeat(N_BATCHES)
    every = torch.arange(len(rows))
    plan = every.view(N_BATCHES, -1)

    def draws(seed: int) -> RowDraws:
        generator = torch.Generator().manual_seed(seed)
        return RowDraws(every, labels, None, len(y), BatchSMOTE(), generator, lambda *_, generator: plan)

    def make(batches: int) -> None:
        replicas = [draws(seed) for seed in range(n_replicas)]
        for _ in range(batches // N_BATCHES):
            block = Block.stacked([replica.block(N_BATCHES) for replica in replicas])
            for _ in block.batches(rows, labels):
                pass

    return make
