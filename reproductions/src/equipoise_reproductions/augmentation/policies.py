"""What is compared: ways to set the strength of augmentation, each a function of a training set."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from equipoise import AutoBalance
from equipoise.images import ClassAugmentation, CurriculumAugmentation
from equipoise.losses import LogitAdjustedLoss

OPS = ("rotation", "scale", "shift", "contrast", "cut_out")
FIXED, LOWEST = 0.3, 0.1
BATCH, INTERVAL, LONGER = 64, 2, 3

SEARCHED = ("offset", "delta")

Rows = tuple[Tensor, Tensor]
Changed = Callable[[Tensor, Tensor], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


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
        self.loss: Loss = LogitAdjustedLoss(self.counts)

    @property
    def epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.train[1]) // BATCH)

    def run(self, changed: Changed, after: Callable[[Rows], None] = lambda rows: None) -> nn.Module:
        """Train to the end on changed images; ``after`` is called after each step with its batch as it was drawn."""
        x, y = self.train
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=self.n_steps)
        order = torch.empty(0, dtype=torch.int64)
        for _ in range(self.n_steps):
            order = order if len(order) >= BATCH else torch.cat([order, torch.randperm(len(y))])
            rows, order = (x[order[:BATCH]], y[order[:BATCH]]), order[BATCH:]
            self.model.train()
            self.loss(self.model(changed(*rows)), rows[1]).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            self.passes += 1
            after(rows)
        return self.model.eval()


def searched(by: str | None, parameters: tuple[str, ...] = ()) -> Callable[[Training], Changed]:
    """Return a search by four fifths of the rows, judged by the others, for strengths and parameters of the loss."""

    def policy(training: Training) -> Changed:
        x, y = training.train
        held_out = _held_out(y.numpy(), training.seed)
        rows, judges = (x[~held_out], y[~held_out]), (x[held_out], y[held_out])
        inner = Training(rows, training.n_steps, training.seed)
        augmentation = None if by is None else ClassAugmentation(OPS, by=by, strength=FIXED)  # type: ignore[arg-type]
        settings = AutoBalance(
            parameters=parameters, augmentation=augmentation, interval=INTERVAL, learning_rate=0.1
        )
        search = settings.begin(inner.model, training.counts, max_steps=inner.n_steps)
        numbers = count()

        def step(batch: Rows) -> None:
            if search.due():
                search.step([batch], _balanced(*judges, next(numbers), training.seed))
                inner.passes += 2 if by is None else 4  # the outer gradient, the derivative along it; strengths: two

        inner.loss = search.loss
        inner.run(search.augment, step)
        training.passes += inner.passes
        training.loss = search.retraining_loss()
        found = search.retraining_augmentation()
        return _plain if found is None else found.rows

    return policy


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


def _plain(x: Tensor, y: Tensor) -> Tensor:
    return x


def _fixed(training: Training) -> Changed:
    return ClassAugmentation(OPS, by="one", strength=FIXED).rows


def _longer(training: Training) -> Changed:
    """As fixed, with about as many steps as a search and its retraining take together."""
    training.n_steps *= LONGER
    return _fixed(training)


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
    "none": ("no augmentation", lambda training: _plain),
    "fixed": ("one fixed policy", _fixed),
    "longer": (f"one fixed policy, {LONGER} times the steps", _longer),
    "one": ("one searched policy for all", searched("one")),
    "class": ("searched by class", searched("class")),
    "cuda": ("CUDA's rule", _cuda),
    "random": ("random strengths by class", _at_random),
    "power": ("power law of class size", _by_count),
    "loss": ("loss searched, no augmentation", searched(None, SEARCHED)),
    "both": ("loss and strengths by class searched", searched("class", SEARCHED)),
}
