"""The authors' classifier on the rows of every method, all repeats as one stack."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from equipoise.experiments import Arm, Store
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import Fold
from equipoise.losses import Loss
from equipoise.networks import ScalarHead
from equipoise.training import Settings, Table
from equipoise_reproductions.networks import KERAS_ADAM, Drawn, Network
from equipoise_reproductions.smotified_gan.made import methods_of, stored_rows
from equipoise_reproductions.smotified_gan.protocol import BATCH_SIZE, HIDDEN, Effort, Source
from equipoise_reproductions.smotified_gan.rows import Split

Rows = NDArray[np.float32]


class AbsoluteError(nn.Module):
    """Mean absolute error of a linear output z, from logits ``(1 - z, z)``: what the authors train with.

    Examples
    --------
    >>> import torch
    >>> AbsoluteError()(torch.tensor([[1.2, -0.2], [0.2, 0.8]]), torch.tensor([0, 1]))
    tensor([0.2000, 0.2000])
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Map ``(N, 2)`` logits and ``(N,)`` codes to one error a row."""
        return (logits[:, 1] - target).abs()


LOSSES: dict[str, Loss] = {"mae": AbsoluteError(), "logistic": "cross_entropy"}
"""The authors' loss, and the one that fits: of the same output z, read as the logit 2 z - 1."""


def linear_output(input_shape: tuple[int, ...], n_classes: int) -> ScalarHead:
    """Make the authors' network, a linear output z above two rectified layers, with Keras's initial weights."""
    network = ScalarHead(input_shape[0], HIDDEN)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def settings(loss: str, epochs: int, n_rows: int) -> Settings:
    """Return how a classifier trains: Keras's Adam for so many passes over so many rows."""
    steps = math.ceil(n_rows / BATCH_SIZE)
    return replace(
        KERAS_ADAM,
        network=linear_output,
        loss=LOSSES[loss],
        batch_size=BATCH_SIZE,
        max_steps=epochs * steps,
        epoch_steps=steps,
    )


def arms(source: Source, splits: Sequence[Split], effort: Effort, store: Store) -> list[tuple[Arm, Fold]]:
    """List every network of a set, a fold of its own a repeat, with the rows that the store keeps for it.

    On the folds all methods make as many steps: those of the balanced rows, about the same on every fold.
    """
    n_balanced = int(2 * (splits[0].y == 0).sum() * (1 - 1 / effort.n_folds))
    wanted = []
    for split in splits:
        n_repeats = effort.fold_repeats if split.sound else min(effort.repeats, source.repeats)
        fold = split.fold
        repeats = [replace(fold, repeat=repeat, seed=fold.seed + repeat) for repeat in range(n_repeats)]
        for method in methods_of(split):
            rows = stored_rows(store, method, split).astype(np.float32) if method.makes_rows else None
            n_rows = n_balanced if split.sound else len(fold.train) + (0 if rows is None else len(rows))
            for loss in ["logistic"] if split.sound else list(LOSSES):
                how = settings(loss, effort.epochs_of(source), n_rows)
                arm = Arm(f"{loss}/{method.name}", method.title, partial(_network, how, rows))
                wanted += [(arm, repeat) for repeat in repeats]
    return wanted


def _network(how: Settings, made: Rows | None, fold: PreparedFold, protocol: Protocol) -> Network:
    return Network(how, fold.fold.seed, None if made is None else partial(_beside, made))


def _beside(made: Rows, table: Table) -> Drawn:
    rows = Table(made, np.ones(len(made), dtype=np.int64), 2)
    return np.arange(len(table) + len(rows)), rows


def prepared(splits: Sequence[Split], fold: Fold) -> PreparedFold:
    """Return the rows of a split as networks see them."""
    split = next(split for split in splits if split.fold.number == fold.number)
    X_train, X_test = (split.scaled[rows].astype(np.float32) for rows in (fold.train, fold.test))
    return PreparedFold(fold, X_train, X_test, split.y[fold.train], split.y[fold.test], 2)
