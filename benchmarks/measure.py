"""Timing of gradient steps, contestants side by side, and what is known of the machine."""

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from threadpoolctl import threadpool_limits

_RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("equipoise", "torch", "scikit-learn", "skorch", "imbalanced-learn", "numpy")
_PRODUCT = 2048  # side of the square matrix product that stands for the machine's matrix rate


@dataclass(frozen=True)
class Contestant:
    """A way to train: ``train(steps)`` makes that many gradient steps on each of ``networks`` networks."""

    name: str
    train: Callable[[int], object]
    networks: int = 1


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and seconds that a contestant trains for in each."""

    rounds: int
    seconds: float


def race(
    contestants: Sequence[Contestant], effort: Effort, unit: int, progress: Progress, title: str
) -> dict[str, list[float]]:
    """Microseconds per gradient step per network of each contestant, and GFLOP/s of ``matrix rate``, by round.

    Each round times every contestant once, so that whatever else the machine does meets all of them, in
    an order of its own: a contestant that runs right after scikit-learn was seen to take a fifth longer.
    A time is the difference of a long and a short run over the difference of their steps: what is done
    once a run (building networks, copying data, results) does not count, all that is done in steps does.

    Parameters
    ----------
    contestants : sequence of Contestant
    effort : Effort
    unit : int
        Steps of the short run; the long run is a multiple.
    progress : Progress
    title : str
    """
    bar = progress.add_task(title, total=len(contestants) * (effort.rounds + 1))
    extra: dict[str, int] = {}
    for contestant in contestants:
        progress.update(bar, description=f"{title}: warm-up of {contestant.name}")
        extra[contestant.name] = _extra_steps(contestant, unit, effort.seconds)
        progress.advance(bar)
    times: dict[str, list[float]] = {name: [] for name in ("matrix rate", *extra)}
    for number in range(1, effort.rounds + 1):
        times["matrix rate"].append(_matrix_rate())
        for contestant in random.Random(number).sample(contestants, len(contestants)):
            progress.update(bar, description=f"{title}: round {number} of {effort.rounds}, {contestant.name}")
            steps = extra[contestant.name]
            seconds = _seconds(contestant, unit + steps) - _seconds(contestant, unit)
            times[contestant.name].append(1e6 * seconds / steps / contestant.networks)
            progress.advance(bar)
    progress.update(bar, description=title)
    return times


def _extra_steps(contestant: Contestant, unit: int, seconds: float) -> int:
    """Warm up, and return how many steps take about so many seconds: a multiple of the unit."""
    _seconds(contestant, unit)
    per_unit = max(_seconds(contestant, 3 * unit) - _seconds(contestant, unit), 1e-4) / 2
    return unit * max(1, round(seconds / per_unit))


def _seconds(contestant: Contestant, steps: int) -> float:
    start = time.perf_counter()
    contestant.train(steps)
    return time.perf_counter() - start


def _matrix_rate() -> float:
    """GFLOP/s of a float32 product of two square matrices, by the library that the networks use: median of five."""
    left, right = torch.randn(2, _PRODUCT, _PRODUCT)
    product = Contestant("", lambda times: [left @ right for _ in range(times)])
    _seconds(product, 1)
    return 2 * _PRODUCT**3 / statistics.median(_seconds(product, 1) for _ in range(5)) / 1e9


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Hold torch, BLAS and OpenMP to so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def machine(n_threads: int) -> dict[str, Any]:
    """State what the figures were measured with."""
    versions = {package: version(package) for package in _PACKAGES}
    model = [line for line in _cpu_lines() if line.startswith("model name")]
    processor = model[0].split(":")[1].strip() if model else platform.processor()
    python = platform.python_version()
    load = round(os.getloadavg()[0], 1)  # what others do on the machine, if called before the work
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "load": load,
        "threads": n_threads,
        "python": python,
        **versions,
    }


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def save(name: str, result: dict[str, Any]) -> Path:
    """Write a result as json."""
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path
