"""What is compared: ways to set the strength of augmentation, each a function of a training set."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from equipoise import AutoBalance
from equipoise.bilevel.loss_search import LossSearch
from equipoise.images import ClassAugmentation, CurriculumAugmentation
from equipoise.losses import logit_adjusted_loss

OPS = ("rotation", "scale", "shift", "contrast", "cut_out")
FIXED, LOWEST = 0.3, 0.1
BATCH = 64

Rows = tuple[Tensor, Tensor]
Changed = Callable[[Tensor, Tensor], Tensor]


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
    """A network that trains by logit adjustment, one batch after another.

    Attributes
    ----------
    train : (Tensor, Tensor)
        Images and classes.
    n_steps : int
    seed : int
        Of the initial weights and of everything that is drawn.
    passes : int
        Passes forward and backward so far, of every kind.
    """

    train: Rows
    n_steps: int
    seed: int
    passes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.counts = torch.bincount(self.train[1])
        self.model = Net(len(self.counts))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3, weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, 3e-3, total_steps=self.n_steps)

    @property
    def epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.train[1]) // BATCH)

    def run(self, changed: Changed, after: Callable[[int, Rows], None] = lambda step, rows: None) -> nn.Module:
        """Train to the end on changed images; ``after`` is called with each step and its batch as it was drawn."""
        x, y = self.train
        order = torch.empty(0, dtype=torch.int64)
        for step in range(self.n_steps):
            order = order if len(order) >= BATCH else torch.cat([order, torch.randperm(len(y))])
            rows, order = (x[order[:BATCH]], y[order[:BATCH]]), order[BATCH:]
            self.model.train()
            logit_adjusted_loss(self.model(changed(*rows)), rows[1], self.counts).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
            self.passes += 1
            after(step + 1, rows)
        return self.model.eval()


def searched(by: str) -> Callable[[Training], Changed]:
    """Return a search for the strengths by four fifths of the rows, judged by the others; w, l and Delta stay LA's."""

    def policy(training: Training) -> Changed:
        x, y = training.train
        held_out = _held_out(y.numpy(), training.seed)
        rows, judges = (x[~held_out], y[~held_out]), (x[held_out], y[held_out])
        inner = Training(rows, training.n_steps, training.seed)
        augmentation = ClassAugmentation(OPS, by=by, strength=FIXED)  # type: ignore[arg-type]
        settings = AutoBalance(parameters=(), augmentation=augmentation, interval=2, learning_rate=0.1)
        search = settings.begin(inner.model, inner.counts, max_steps=inner.n_steps)
        numbers = count()

        def step(number: int, batch: Rows) -> None:
            search.n_steps = number
            if search.due():
                search.step([batch], _balanced(*judges, next(numbers), training.seed))
                inner.passes += 4  # the outer gradient, the derivative along it, and two passes for all strengths

        inner.run(lambda x, y: search.augment(x, y), step)
        training.passes += inner.passes
        return _found(search)

    return policy


def _found(search: LossSearch) -> Changed:
    found = search.retraining_augmentation()
    assert found is not None
    return found.rows


def _balanced(x: Tensor, y: Tensor, number: int, seed: int) -> list[Rows]:
    """Draw a batch of validation rows with as many of each class as of any other."""
    rng = np.random.default_rng([seed, number])
    codes = y.numpy()
    picked = [rng.choice(np.flatnonzero(codes == code), BATCH // 4) for code in np.unique(codes)]
    rows = torch.from_numpy(np.concatenate(picked))
    return [(x[rows], y[rows])]


def _held_out(codes: np.ndarray, seed: int) -> np.ndarray:
    """Mark a fifth of each class, one row at least."""
    rng, marked = np.random.default_rng(seed), np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        marked[rows[: max(1, len(rows) // 5)]] = True
    return marked


def _by_count(training: Training) -> Changed:
    """Strength by the power law ``(n_min / n) ** .5``: the rarest class has the full strength."""
    return _of((training.counts.min() / training.counts) ** 0.5)


def _at_random(training: Training) -> Changed:
    return _of(torch.from_numpy(np.random.default_rng(training.seed).uniform(LOWEST, 1, len(training.counts))))


def _of(strength: Tensor) -> Changed:
    return ClassAugmentation(OPS, strength=strength.clamp(LOWEST, 1)).rows


def _cuda(training: Training) -> Changed:
    """CUDA's rule: levels after each epoch by what the network that trains knows."""
    augment, (x, y), steps = CurriculumAugmentation(OPS), training.train, count(1)

    def changed(rows: Tensor, labels: Tensor) -> Tensor:
        if next(steps) % training.epoch == 0:
            training.model.eval()
            augment.end_epoch(lambda images: training.model(images).argmax(1), x, y)
            training.model.train()
            draws = int((augment.n_draws * (augment.levels_ + 1) * (augment.levels_ + 2) / 2).sum())
            training.passes += -(-draws // (3 * BATCH))  # a pass forward is a third of a step
        return augment.rows(rows, labels)

    return changed


POLICIES: dict[str, tuple[str, Callable[[Training], Changed]]] = {
    "none": ("no augmentation", lambda training: lambda x, y: x),
    "fixed": ("one fixed policy", lambda training: ClassAugmentation(OPS, by="one", strength=FIXED).rows),
    "one": ("one searched policy for all", searched("one")),
    "class": ("searched by class", searched("class")),
    "cuda": ("CUDA's rule", _cuda),
    "random": ("random strengths by class", _at_random),
    "power": ("power law of class size", _by_count),
}
