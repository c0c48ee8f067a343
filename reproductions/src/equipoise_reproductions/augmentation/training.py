"""A plain loop for images: what trains, which rows are held out, and what is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from equipoise import DeferredReweighting
from equipoise.losses import LogitAdjustedLoss

BATCH = 64

Rows = tuple[Tensor, Tensor]
Changed = Callable[[Tensor, Tensor], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def plain(x: Tensor, y: Tensor) -> Tensor:
    """Return images as they are."""
    return x


class Net(nn.Sequential):
    """Two convolutions and the mean over the image, for grey images of any size."""

    def __init__(self, n_classes: int) -> None:
        super().__init__(
            nn.Conv2d(1, 24, 3, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, padding=1),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
            nn.Linear(48 * 4, n_classes),
        )


@dataclass
class Training:
    """A network that trains by logit adjustment, or by another loss, one batch after another.

    Attributes
    ----------
    train : (Tensor, Tensor)
        Images and classes.
    n_steps : int
    seed : int
        Of the initial weights and of everything that is drawn.
    network : callable
        ``n_classes -> module``.
    base : callable
        ``(images, classes) -> images``, a change of every batch before any other.
    search : mapping
        Parameters of `AutoBalance` in place of its defaults, where it searches.
    batch : int
        Images of a step.
    passes : int
        Passes forward and backward so far, of every kind.
    """

    train: Rows
    n_steps: int
    seed: int
    network: Callable[[int], nn.Module] = Net
    base: Changed = plain
    search: Mapping[str, Any] = field(default_factory=dict)
    batch: int = BATCH
    passes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.counts = torch.bincount(self.train[1])
        self.model = self.network(len(self.counts))
        self.loss: Loss = LogitAdjustedLoss(self.counts)

    @property
    def epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.train[1]) // self.batch)

    def begin(self) -> tuple[torch.optim.Optimizer, LRScheduler]:
        """Return what moves the weights, and its learning rates."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3, weight_decay=1e-2)
        return optimizer, OneCycleLR(optimizer, 3e-3, total_steps=self.n_steps)

    def logits(self, x: Tensor) -> Tensor:
        """Run the network on a batch."""
        return self.model(x)

    def end_step(self) -> None:
        """Take note of the weights after a step."""

    def end(self) -> nn.Module:
        """Return the network at the end of the run."""
        return self.model

    def run(self, changed: Changed, after: Callable[[Rows], None] = lambda rows: None) -> nn.Module:
        """Train to the end on changed images; ``after`` is called after each step with its batch as it was drawn."""
        x, y = self.train
        optimizer, schedule = self.begin()
        order = torch.empty(0, dtype=torch.int64)
        for step in range(self.n_steps):
            order = order if len(order) >= self.batch else torch.cat([order, torch.randperm(len(y))])
            picked, order = order[: self.batch], order[self.batch :]
            rows = self.base(x[picked], y[picked]), y[picked]
            if isinstance(self.loss, DeferredReweighting):
                self.loss.set_progress(step / self.n_steps)
            self.model.train()
            self.loss(self.logits(changed(*rows)), rows[1]).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            self.passes += 1
            self.end_step()
            after(rows)
        return self.end().eval()


def held_out(training: Training) -> tuple[Rows, Rows]:
    """Return the rows of a search, and a fifth of each class, one row at least, that judges it."""
    x, y = training.train
    rng, marked = np.random.default_rng(training.seed), np.zeros(len(y), dtype=bool)
    for code in range(len(training.counts)):
        rows = rng.permutation(np.flatnonzero(y.numpy() == code))
        marked[rows[: max(1, len(rows) // 5)]] = True
    return (x[~marked], y[~marked]), (x[marked], y[marked])


def recalls(model: nn.Module, x: Tensor, y: Tensor) -> list[float]:
    """Return the recall of each class."""
    with torch.no_grad():
        right = (torch.cat([model(rows) for rows in x.split(500)]).argmax(1) == y).double()
    return [right[y == code].mean().item() for code in range(int(y.max()) + 1)]
