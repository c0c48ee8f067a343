"""What is compared: ways to set the strength of augmentation, each a function of a training."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import torch
from torch import Tensor

from equipoise import AutoBalance
from equipoise.images import ClassAugmentation
from equipoise_reproductions.augmentation.curriculum import CurriculumAugmentation
from equipoise_reproductions.augmentation.training import BATCH, Changed, Rows, Training, held_out, plain

OPS = ("rotation", "scale", "shift", "contrast", "cut_out")
FIXED, LOWEST, LONGER = 0.3, 0.1, 3
SEARCHED = ("offset", "delta")
OFTEN = {"interval": 2, "learning_rate": 0.1}
"""Parameters of a search in a run of few steps."""

Policy = Callable[[Training], Changed]


def searched(by: str | None, parameters: tuple[str, ...] = (), start: str = "la") -> Policy:
    """Return a search by four fifths of the rows, judged by the others, for strengths and parameters of the loss."""

    def policy(training: Training) -> Changed:
        rows, judges = held_out(training)
        inner = replace(training, train=rows)
        augmentation = None if by is None else ClassAugmentation(OPS, by=by, strength=FIXED)  # type: ignore[arg-type]
        settings = AutoBalance(start=start, parameters=parameters, augmentation=augmentation, **training.search)
        search = settings.begin(inner.model, training.counts, max_steps=inner.n_steps)
        numbers = count()

        def step(batch: Rows) -> None:
            if search.due():
                search.step([batch], balanced(*judges, next(numbers), training.seed))
                inner.passes += 2 if by is None else 4  # the outer gradient, the derivative along it; strengths: two

        inner.loss = search.loss
        inner.run(search.augment, step)
        training.passes += inner.passes
        training.loss = search.retraining_loss()
        found = search.retraining_augmentation()
        return plain if found is None else found.rows

    return policy


def balanced(x: Tensor, y: Tensor, number: int, seed: int) -> list[Rows]:
    """Draw a batch of validation rows with as many of each class as of any other."""
    rng = np.random.default_rng([seed, number])
    codes = y.numpy()
    picked = [rng.choice(np.flatnonzero(codes == code), BATCH // 4) for code in np.unique(codes)]
    rows = torch.from_numpy(np.concatenate(picked))
    return [(x[rows], y[rows])]


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


def cuda(training: Training) -> Changed:
    """CUDA's rule: levels after each epoch by what the network that trains knows."""
    augment, (x, y), steps = CurriculumAugmentation(OPS), training.train, count(1)

    def changed(rows: Tensor, labels: Tensor) -> Tensor:
        if next(steps) % training.epoch == 0:
            training.model.eval()
            augment.end_epoch(lambda images: training.model(images).argmax(1), x, y)
            training.model.train()
            draws = int((augment.n_draws * (augment.levels_ + 1) * (augment.levels_ + 2) / 2).sum())
            training.passes += -(-draws // (3 * training.batch))  # a pass forward is a third of a step
        return augment.rows(rows, labels)

    return changed


POLICIES: dict[str, tuple[str, Policy]] = {
    "none": ("no augmentation", lambda training: plain),
    "fixed": ("one fixed policy", _fixed),
    "longer": (f"one fixed policy, {LONGER} times the steps", _longer),
    "one": ("one searched policy for all", searched("one")),
    "class": ("searched by class", searched("class")),
    "cuda": ("CUDA's rule", cuda),
    "random": ("random strengths by class", _at_random),
    "power": ("power law of class size", _by_count),
    "loss": ("loss searched, no augmentation", searched(None, SEARCHED)),
    "both": ("loss and strengths by class searched", searched("class", SEARCHED)),
}
