"""The authors' classifier on the rows of every method, all repeats as one stack."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from equipoise.experiments import Store
from equipoise.experiments.store import Cell
from equipoise.losses import Loss
from equipoise.networks import ScalarHead
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork, fit
from equipoise.training.machines import n_workers
from equipoise_reproductions.smotified_gan.made import methods_of, stored_rows
from equipoise_reproductions.smotified_gan.protocol import BATCH_SIZE, HIDDEN, Effort, Method, Source
from equipoise_reproductions.smotified_gan.rows import Split

Owner = tuple[str, int, Split]


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
    return Settings(
        network=linear_output,
        loss=LOSSES[loss],
        batch_size=BATCH_SIZE,
        max_steps=epochs * steps,
        epoch_steps=steps,
        learning_rate=1e-3,
        weight_decay=0.0,
        optimizer="adam",
        eps=1e-7,
        schedule="constant",
    )


def train_networks(
    source: Source, splits: Sequence[Split], effort: Effort, store: Store, on_networks: Callable[[int], None]
) -> None:
    """Train the networks of a set that are not yet stored."""
    done = store.done()
    owners, tasks = [], []
    for owner, task in _tasks(source, splits, effort, store):
        recipe, repeat, split = owner
        if (recipe, repeat, split.fold.number) not in done:
            owners.append(owner)
            tasks.append(task)

    def keep(networks: dict[int, TrainedNetwork]) -> None:
        store.add([_cell(*owners[number], network) for number, network in networks.items()])
        on_networks(len(networks))

    fit(tasks, n_jobs=n_workers(), on_stack=keep)


def n_networks(source: Source, splits: Sequence[Split], effort: Effort) -> int:
    """Count the networks of a set."""
    return sum(len(methods_of(split)) * len(_losses(split)) * _repeats(source, split, effort) for split in splits)


def _losses(split: Split) -> list[str]:
    return ["logistic"] if split.sound else list(LOSSES)


def _repeats(source: Source, split: Split, effort: Effort) -> int:
    return effort.fold_repeats if split.sound else min(effort.repeats, source.repeats)


def _tasks(source: Source, splits: Sequence[Split], effort: Effort, store: Store) -> Iterator[tuple[Owner, Task]]:
    # On the folds all methods make as many steps: those of the balanced rows, about the same on every fold.
    n_balanced = int(2 * (splits[0].y == 0).sum() * (1 - 1 / effort.n_folds))
    for split in splits:
        table = Table(split.scaled.astype(np.float32), split.y, 2)
        for method in methods_of(split):
            rows, made = _training_rows(table, split, method, store)
            for loss in _losses(split):
                how = settings(loss, effort.epochs_of(source), n_balanced if split.sound else len(rows))
                for repeat in range(_repeats(source, split, effort)):
                    owner = f"{loss}/{method.name}", repeat, split
                    yield owner, Task(table, split.fold.seed + repeat, how, rows, made)


def _training_rows(
    table: Table, split: Split, method: Method, store: Store
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Table | None]:
    if not method.makes_rows:
        return split.fold.train, None
    X = stored_rows(store, method, split).astype(np.float32)
    made = Table(X, np.ones(len(X), dtype=np.int64), 2)
    return np.concatenate([split.fold.train, len(table) + np.arange(len(X))]), made


def _cell(recipe: str, repeat: int, split: Split, network: TrainedNetwork) -> Cell:
    test = split.fold.test
    proba = FittedEnsemble([network], np.arange(2)).predict_proba(split.scaled[test].astype(np.float32))
    confusion = confusion_matrix(split.y[test], proba.argmax(axis=1), labels=[0, 1])
    return Cell(recipe, repeat, split.fold.number, network.seconds, proba.astype(np.float32), confusion)
