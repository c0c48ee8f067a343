"""Learning rates of a stack: planned for the run, or lowered for each replica when its loss is on a plateau."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from equipoise.training.task import Settings

_WARM_UP = 0.3  # share of the run in which a one-cycle rate rises
_START, _END = 1 / 25, 1 / 250_000  # rate at the start and at the end, in units of the peak

_SHORT_WARM_UP, _STEPS = 0.025, (0.5, 0.75)
_TOP, _LOW, _LAST = 0.23, 0.2, 0.07  # of a triangle: place of the peak, and shares of it at the start and at the end

_FACTOR, _PATIENCE, _LEAST_FALL, _LEAST_RATE = 0.2, 5, 1e-4, 1e-5


def learning_rate(settings: Settings, progress: float) -> float:
    """Learning rate of a planned schedule at a share (0 to 1) of the run.

    ``"one_cycle"`` rises from 1/25 of the peak along a cosine, then falls to nearly zero (Smith and Topin,
    "Super-convergence", 2018, with the constants of torch's ``OneCycleLR``, from which it differs by about a step).
    ``"cosine"`` and ``"step"`` rise linearly in the first 2.5% of the run; then the one falls along a cosine to zero
    (Loshchilov and Hutter 2017), and the other to a tenth at 50% and at 75% (He et al. 2016). ``"triangle"`` rises
    linearly from a fifth in the first 23%, then falls linearly to 7% (Jordan 2024).
    """
    if settings.schedule in _SHAPES:
        return settings.learning_rate * _SHAPES[settings.schedule](min(progress, 1.0))
    rising = progress < _WARM_UP
    part = progress / _WARM_UP if rising else (progress - _WARM_UP) / (1 - _WARM_UP)
    start, end = (_START, 1.0) if rising else (1.0, _END)
    return settings.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * min(part, 1.0))) / 2)


def _warm_up(progress: float) -> float:
    return min(1.0, progress / _SHORT_WARM_UP)


def _cosine(progress: float) -> float:
    passed = max(0.0, progress - _SHORT_WARM_UP) / (1 - _SHORT_WARM_UP)
    return _warm_up(progress) * (1 + math.cos(math.pi * passed)) / 2


def _step(progress: float) -> float:
    return _warm_up(progress) * 0.1 ** sum(progress > place for place in _STEPS)


def _triangle(progress: float) -> float:
    if progress < _TOP:
        return _LOW + (1 - _LOW) * progress / _TOP
    return 1 - (1 - _LAST) * (progress - _TOP) / (1 - _TOP)


_SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": _cosine,
    "step": _step,
    "triangle": _triangle,
}


class Schedule(Protocol):
    """Sets the learning rate of each replica of a stack."""

    def rates(self, progress: float) -> list[float]:
        """Return one rate, or one a replica, at a share of the run."""

    def watch(self, losses: Tensor) -> None:
        """Read the mean loss of a batch, of shape (R,)."""

    def end_epoch(self) -> None:
        """Update at the end of an epoch."""

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""


class PlannedRate:
    """A rate that depends on the share of the run only, the same for all replicas."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def rates(self, progress: float) -> list[float]:
        """Return the one rate."""
        return [learning_rate(self._settings, progress)]

    def watch(self, losses: Tensor) -> None:
        """Ignore the loss."""

    def end_epoch(self) -> None:
        """Ignore epochs."""

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Ignore replicas."""


class PlateauRate:
    """A rate that falls to a fifth after five epochs without a lower training loss of the replica.

    The rule of Keras's ``ReduceLROnPlateau`` with the ReMix authors' parameters: a lower loss is below the least so far
    by more than 1e-4, and the rate is 1e-5 or more. The loss of an epoch is the mean over its training batches:
    weighted, mixed, with dropout.
    """

    def __init__(self, settings: Settings, n_replicas: int) -> None:
        self._rates = np.full(n_replicas, settings.learning_rate)
        self._least = np.full(n_replicas, np.inf)
        self._waited = np.zeros(n_replicas, dtype=int)
        self._sum: Tensor | None = None
        self._batches = 0

    def rates(self, progress: float) -> list[float]:
        """Return the rate of each replica."""
        return self._rates.tolist()

    def watch(self, losses: Tensor) -> None:
        """Add the mean loss of a batch, of shape (R,), to that of the epoch."""
        self._sum = losses if self._sum is None else self._sum + losses
        self._batches += 1

    def end_epoch(self) -> None:
        """Lower the rate of the replicas whose loss is on a plateau."""
        assert self._sum is not None
        loss = self._sum.double().cpu().numpy() / self._batches
        self._sum, self._batches = None, 0
        fell = loss < self._least - _LEAST_FALL
        self._least = np.where(fell, loss, self._least)
        self._waited = np.where(fell, 0, self._waited + 1)
        rested = self._waited >= _PATIENCE
        self._rates = np.where(rested, np.maximum(self._rates * _FACTOR, _LEAST_RATE), self._rates)
        self._waited[rested] = 0

    def keep_replicas(self, positions: Sequence[int]) -> None:
        """Drop all but some replicas."""
        kept = list(positions)
        self._rates, self._least, self._waited = self._rates[kept], self._least[kept], self._waited[kept]


def make_schedule(settings: Settings, n_replicas: int) -> Schedule:
    """Return the schedule of the settings."""
    return PlateauRate(settings, n_replicas) if settings.schedule == "plateau" else PlannedRate(settings)
