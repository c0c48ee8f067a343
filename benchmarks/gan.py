"""GANs: an epoch of the published variant against a plain loop, and how soon the default makes rows as healthy.

Both on the 19 features of spambase that SMOTified-GAN's authors kept, scaled to 0..1, an 80/20 split's training rows:
1,430 spam mails against 2,250 others, so 820 latent rows in every step, 12 steps an epoch. Without the data set, on
made-up rows of these numbers, which serve for the first part only.
"""

import itertools
import math
import os
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from equipoise import datasets
from equipoise.samplers.gan import DEFAULT, PUBLISHED
from equipoise.samplers.gan_diagnostics import energy_distance, spread_ratio, two_sample_accuracy
from equipoise.training.adversarial import train_gans
from equipoise.training.gans import GANTask, TrainedGAN

_KEPT = [5, 6, 7, 8, 9, 11, 16, 17, 18, 19, 21, 23, 24, 25, 26, 52, 53, 56, 57]  # in UCI's numbers
_COUNTS = (2250, 1430)
_EPOCHS, _QUICK_EPOCHS = 1500, 100  # the authors', on this set; and for a first look
_LOOK_STEPS = 50
_LATEST = 2  # the default is given up after so many times the published variant's seconds
_PLAIN, _OURS = "plain PyTorch", "equipoise, published"
_SPEED_UP, _TO_HEALTH = 1.0, 5.0

Rows = NDArray[np.float64]


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure both, print them and save everything."""
    real, latent, is_spambase = _rows()
    epochs = _EPOCHS if effort.rounds > 3 else _QUICK_EPOCHS
    result: dict[str, Any] = {"machine": machine(n_threads), "rows": [len(real), len(latent)], "spambase": is_spambase}
    with Progress(console=console, transient=True) as progress, threads(n_threads):
        samples = race(_contestants(real, latent), effort, _epoch_steps(real), progress, "GAN")
        ratio = statistics.median(p / o for p, o in zip(samples[_PLAIN], samples[_OURS], strict=True))
        result |= {"samples": samples, "speed / plain PyTorch": ratio, "target": _SPEED_UP, "met": ratio >= _SPEED_UP}
        if is_spambase:
            result["to_health"] = _to_health(real, latent, epochs)
    for contestant in (_PLAIN, _OURS):
        seconds = statistics.median(samples[contestant]) * _epoch_steps(real) / 1e6
        console.print(f"{contestant}: {seconds:.2f} s an epoch", highlight=False)
    console.print(f"speed / plain PyTorch: {ratio:.2f} (target: {_SPEED_UP:g})", highlight=False)
    console.print(_told(result.get("to_health"), epochs), highlight=False)
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _rows() -> tuple[Rows, Rows, bool]:
    """Return real rows, SMOTE's rows, and whether they are of spambase."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], _COUNTS)
    X = rng.random((len(y), len(_KEPT)))
    home = os.environ.get("EQUIPOISE_DATA_HOME")
    if home is not None:
        spambase = datasets.load("spambase", data_home=home)
        values = spambase.X.to_numpy(np.float64)[:, np.array(_KEPT) - 1]
        is_spam = (spambase.y == spambase.rare).to_numpy()
        places = [rng.permutation(np.flatnonzero(is_spam == k))[:n] for k, n in enumerate(_COUNTS)]
        X = (values - values.min(axis=0)) / np.ptp(values, axis=0)
        X = X[np.concatenate(places)]
    return X[y == 1], SMOTE(random_state=0).fit_resample(X, y)[0][len(X) :], home is not None


def _epoch_steps(real: Rows) -> int:
    return math.ceil(len(real) / PUBLISHED.batch_size)


def _contestants(real: Rows, latent: Rows) -> list[Contestant]:
    """Return the contestants, who train for whole epochs."""
    each = _epoch_steps(real)
    return [
        Contestant(_PLAIN, lambda steps: _plain_loop(real, latent, steps // each)),
        Contestant(_OURS, lambda steps: _published(real, latent, steps // each)),
    ]


def _published(real: Rows, latent: Rows, epochs: int) -> TrainedGAN:
    return train_gans([GANTask(real, latent, 0)], replace(PUBLISHED, max_epochs=epochs))[0]


def _plain_loop(real: Rows, latent: Rows, epochs: int) -> None:
    """Train as the authors' loop does: rows are made for the discriminator's step, and again for the generator's."""
    d = real.shape[1]
    blocks = [
        (nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU(inplace=True))
        for i, o in itertools.pairwise((d, 128, 256, 512, 1024))
    ]
    generator = nn.Sequential(*itertools.chain(*blocks), nn.Linear(1024, d), nn.Sigmoid())
    leaky = [(nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True)) for i, o in itertools.pairwise((d, 512, 256, 128))]
    discriminator = nn.Sequential(*itertools.chain(*leaky), nn.Linear(128, 1))
    to_generate = torch.optim.Adam(generator.parameters(), lr=PUBLISHED.learning_rate)
    to_discriminate = torch.optim.Adam(discriminator.parameters(), lr=PUBLISHED.learning_rate)
    criterion, starts = nn.BCEWithLogitsLoss(), torch.tensor(latent, dtype=torch.float32)
    loader = DataLoader(TensorDataset(torch.tensor(real, dtype=torch.float32)), PUBLISHED.batch_size, shuffle=True)
    for _ in range(epochs):
        for (rows,) in loader:
            to_discriminate.zero_grad()
            on_made, on_real = discriminator(generator(starts).detach()), discriminator(rows)
            loss = criterion(on_made, torch.zeros_like(on_made)) + criterion(on_real, torch.ones_like(on_real))
            (loss / 2).backward()
            to_discriminate.step()
            to_generate.zero_grad()
            on_made = discriminator(generator(starts))
            criterion(on_made, torch.ones_like(on_made)).backward()
            to_generate.step()


def _health(real: Rows, made: Rows) -> dict[str, float]:
    return {measure.__name__: measure(real, made) for measure in (two_sample_accuracy, spread_ratio, energy_distance)}


def _as_healthy(health: dict[str, float], other: dict[str, float]) -> bool:
    """Tell whether rows are no easier to tell from real ones, and their spread is no further from theirs."""

    def faults(h: dict[str, float]) -> tuple[float, float]:
        return abs(h["two_sample_accuracy"] - 0.5), abs(np.log(h["spread_ratio"]))

    return all(ours <= theirs for ours, theirs in zip(faults(health), faults(other), strict=True))


def _to_health(real: Rows, latent: Rows, epochs: int) -> dict[str, Any]:
    """Time the published variant, and the default until its rows are as healthy; looks count as the default's time."""
    start = time.perf_counter()
    gan = _published(real, latent, epochs)
    seconds = time.perf_counter() - start
    score = _UntilAsHealthy(gan.generate(latent, batch_statistics=True))
    settings = replace(DEFAULT, max_steps=1 << 40, evaluation_steps=_LOOK_STEPS, n_iter_no_change=1, score=score)
    train_gans([GANTask(real, latent, 0)], settings, max_time=_LATEST * seconds)
    ratio = seconds / score.seconds if score.reached else None
    return {
        "epochs": epochs,
        "published_seconds": seconds,
        "published": score.target,
        "default": score.health,
        "default_seconds": score.seconds,
        "reached": score.reached,
        "speed / published": ratio,
        "target": _TO_HEALTH,
        "met": ratio is not None and ratio >= _TO_HEALTH,
    }


class _UntilAsHealthy:
    """A score that rises from look to look until rows are as healthy as others, and then falls, which ends training."""

    def __init__(self, others: Rows) -> None:
        self.others, self.evaluations, self.reached = others, 0, False
        self.health: dict[str, float] = {}
        self.target: dict[str, float] = {}
        self.start = time.perf_counter()

    def __call__(self, real: Rows, made: Rows) -> float:
        """Compare both with the same real rows, and as many of each."""
        self.target, self.health = _health(real, self.others[: len(made)]), _health(real, made)
        self.seconds = time.perf_counter() - self.start
        self.evaluations += 1
        self.reached = _as_healthy(self.health, self.target)
        return -np.inf if self.reached else float(self.evaluations)


def _told(outcome: dict[str, Any] | None, epochs: int) -> str:
    if outcome is None:
        return "To the same health: skipped, since EQUIPOISE_DATA_HOME names no folder with spambase."
    published, default = (
        f"{o['two_sample_accuracy']:.3f} told apart, spread {o['spread_ratio']:.2f}"
        for o in (outcome["published"], outcome["default"])
    )
    ended = f"in {outcome['default_seconds']:.0f} s" if outcome["reached"] else "never"
    ratio = f", {outcome['speed / published']:.1f} times faster (target: {_TO_HEALTH:g})" if outcome["reached"] else ""
    return (
        f"published, {epochs} epochs: {outcome['published_seconds']:.0f} s, {published}\n"
        f"default: as healthy {ended}{ratio}; last look {default}"
    )
