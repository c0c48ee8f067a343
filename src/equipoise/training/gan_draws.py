"""Batches of a GAN: real and latent rows of each step."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from equipoise.training.draws import RowDraws
from equipoise.training.gans import GANSettings, GANTask

_AHEAD = 16  # batches drawn at once

Seed = np.random.SeedSequence


def gan_batches(task: GANTask, settings: GANSettings, seed: Seed) -> Iterator[tuple[Tensor, Tensor]]:
    """Endlessly draw the real and the latent rows of a step.

    They are (B, d) and (L, d): B is ``batch_size`` and L equals B; with ``whole_latent``, B may be smaller at the end
    of an epoch, and L is all latent rows or as much noise as B.
    """
    of_real, of_latent = (torch.Generator().manual_seed(number(part)) for part in seed.spawn(2))
    dtype = getattr(torch, settings.dtype)
    real = torch.tensor(task.real, dtype=dtype)
    places = _places(len(real), settings, of_real)
    if task.latent is None:
        for rows in places:
            if len(rows) > 1:  # batch-norm has no spread on one
                yield real[rows], torch.randn(len(rows), real.shape[1], generator=of_latent, dtype=dtype)
    latent = torch.tensor(task.latent, dtype=dtype)
    if settings.whole_latent:
        for rows in places:
            yield real[rows], latent
    for rows, starts in zip(places, _places(len(latent), settings, of_latent), strict=True):
        yield real[rows], latent[starts]


def _places(n: int, settings: GANSettings, generator: torch.Generator) -> Iterator[Tensor]:
    """Endlessly draw the numbers of the rows of a batch."""
    if settings.whole_latent:
        while True:
            yield from torch.randperm(n, generator=generator).split(settings.batch_size)
    draws = RowDraws(torch.arange(n), torch.zeros(n, dtype=torch.int64), None, settings.batch_size, None, generator)
    while True:
        yield from draws.block(_AHEAD).rows


def number(seed: Seed) -> int:
    """Return a seed for a generator of torch."""
    return int(seed.generate_state(1, np.uint64)[0] >> 1)
