"""Tasks, settings and results of the training of GANs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

_CHUNK = 1 << 14  # rows sent through a network at once


@dataclass(frozen=True, eq=False)
class GANTask:
    """One GAN to train."""

    real: NDArray[np.floating]  # (n, d): real rows, 2 or more
    # (m, d): input rows of the generator, 2 or more; None for standard normal noise, new at each step
    latent: NDArray[np.floating] | None
    seed: int  # seed of initial weights, the order of rows and the noise

    def __post_init__(self) -> None:
        for name, rows in (("real", self.real), ("latent", self.latent)):
            if rows is not None and len(rows) < 2:
                raise ValueError(f"A GAN needs 2 rows or more, but {name} has {len(rows)}: batch-norm has no spread.")


@dataclass(frozen=True)
class GANSettings:
    """How GANs are trained."""

    learning_rate: float = 1e-5  # of both networks' Adam
    batch_size: int = 128  # real rows a step, at most
    max_epochs: int | None = None  # passes over the real rows
    max_steps: int = 3000  # steps, if ``max_epochs`` is None
    # whether all latent rows go through the generator at each step, and the last batch of an epoch may be smaller, as
    # in the authors' code. Else a step takes as many latent rows as real ones, always ``batch_size``, so that GANs of
    # any numbers of rows share a stack
    whole_latent: bool = False
    # share that the moving average of a generator's weights keeps at each step; a GAN ends with the average, since a
    # generator circles around where it should be (Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN
    # Training", 2019). None ends with the last weights
    averaging: float | None = None
    # ``(real rows, made rows) -> score``, greater is better, looked at during training: a GAN ends with the weights
    # of its best evaluation
    score: Callable[[NDArray[np.float64], NDArray[np.float64]], float] | None = None
    # steps between evaluations, and evaluations without a better score after which a GAN ends
    evaluation_steps: int = 100
    n_iter_no_change: int = 10
    dtype: str = "float32"  # as torch names it

    def n_steps(self, task: GANTask) -> int:
        """Return the steps that a task may make at most."""
        if self.max_epochs is None:
            return self.max_steps
        left_out = self.whole_latent and task.latent is None and len(task.real) % self.batch_size == 1
        return self.max_epochs * (math.ceil(len(task.real) / self.batch_size) - left_out)


@dataclass(frozen=True, eq=False)
class TrainedGAN:
    """A generator and its discriminator."""

    generator: nn.Module
    discriminator: nn.Module
    n_steps: int  # steps made
    stopped_by: str
    history: list[tuple[int, float]] = field(default_factory=list)  # step and score of each evaluation

    @torch.no_grad()
    def generate(self, latent: NDArray[np.floating], *, batch_statistics: bool = False) -> NDArray[np.float64]:
        """Make a row from each latent row.

        ``batch_statistics`` lets batch-norm take mean and variance of these rows, as in training, instead of what it
        saw in training; a row then depends on the others. Rows (m, d) are within 0 and 1.
        """
        rows = torch.from_numpy(np.asarray(latent)).to(next(self.generator.parameters()))
        self.generator.train(batch_statistics)
        parts = [rows] if batch_statistics else rows.split(_CHUNK)
        return torch.cat([self.generator(part) for part in parts]).double().numpy()

    @torch.no_grad()
    def finds_real(self, rows: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether the discriminator takes rows ``(m, d)`` for real ones: booleans of shape (m,)."""
        values = torch.from_numpy(np.asarray(rows)).to(next(self.discriminator.parameters()))
        return torch.cat([self.discriminator(part)[:, 0] > 0 for part in values.split(_CHUNK)]).numpy()
