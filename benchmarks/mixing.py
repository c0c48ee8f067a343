"""Costs of mixing, balanced batches and margins, as ratios to the plain formulas in the same run.

- Mixing 32 images of 3 x 224 x 224: `MixUp` and `ReMix` against MixUp as torchvision computes it.
- A loss with its gradient for 128 rows of 100 and of 1,000 classes: `LDAMLoss` against cross-entropy.
- `BalancedBatchSampler` for 8,142 classes: seconds and memory before its first batch.

A ratio is a median over rounds; each round times every contestant.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from equipoise import BalancedBatchSampler, LDAMLoss, MixUp, ReMix

_IMAGES, _IMAGE_CLASSES, _ALPHA = (32, 3, 224, 224), 100, 0.3
_ROWS = 128
_SAMPLED_ROWS, _SAMPLED_CLASSES = 437_513, 8_142  # as in iNaturalist 2018
_UNIT = 5  # steps of a short run; see `benchmarks.measure.race`


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure, print a table, and save everything."""
    comparisons = [_mixing(), *(_margins(n_classes) for n_classes in (100, 1000))]
    everyone = [contestant for contestants in comparisons for contestant in contestants]
    result: dict[str, Any] = {"machine": machine(n_threads), "sampler": _sampler()}
    with Progress(console=console, transient=True) as progress, threads(n_threads):
        result["samples"] = samples = race(everyone, effort, _UNIT, progress, "mixing")
    table = RichTable("", "microseconds", "ratio", "least", "most", title=f"Medians of {effort.rounds} rounds")
    for first, *others in comparisons:
        table.add_row(first.name, f"{statistics.median(samples[first.name]):.0f}", "1", "", "", style="dim")
        for other in others:
            ratios = [time / base for time, base in zip(samples[other.name], samples[first.name], strict=True)]
            figures = (statistics.median(ratios), min(ratios), max(ratios))
            median = f"{statistics.median(samples[other.name]):.0f}"
            table.add_row(other.name, median, *(f"{figure:.2f}" for figure in figures))
        table.add_section()
    console.print(table)
    seconds, megabytes = result["sampler"].values()
    console.print(f"First batch of {_SAMPLED_CLASSES:,} classes: {seconds:.2f} s, {megabytes:.0f} MB", highlight=False)
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _mixing() -> list[Contestant]:
    x, y = torch.rand(_IMAGES), torch.arange(_IMAGES[0]) % _IMAGE_CLASSES
    transforms: dict[str, Callable[[Tensor, Tensor], object]] = {
        "torchvision's MixUp": _as_torchvision,
        "MixUp": MixUp(alpha=_ALPHA, num_classes=_IMAGE_CLASSES),
        "ReMix": ReMix(alpha=_ALPHA, num_classes=_IMAGE_CLASSES),
    }
    return [_repeated(name, lambda transform=transform: transform(x, y)) for name, transform in transforms.items()]


def _as_torchvision(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """MixUp by the formula of ``torchvision.transforms.v2.MixUp``."""
    share = float(torch._sample_dirichlet(torch.tensor([_ALPHA, _ALPHA]))[0])
    soft = one_hot(y, _IMAGE_CLASSES).float()
    rows, labels = (values.roll(1, 0).mul_(1.0 - share).add_(values.mul(share)) for values in (x, soft))
    return rows, labels


def _margins(n_classes: int) -> list[Contestant]:
    target = torch.arange(_ROWS) % n_classes
    losses = {"cross-entropy": cross_entropy, "LDAM": LDAMLoss(range(1, n_classes + 1))}
    return [_gradient(f"{name}, {n_classes} classes", loss, target, n_classes) for name, loss in losses.items()]


def _gradient(name: str, loss: Callable[[Tensor, Tensor], Tensor], target: Tensor, n_classes: int) -> Contestant:
    logits = torch.linspace(-1, 1, _ROWS * n_classes).view(_ROWS, n_classes).requires_grad_()
    return _repeated(name, lambda: torch.autograd.grad(loss(logits, target), logits))


def _repeated(name: str, step: Callable[[], object]) -> Contestant:
    def train(steps: int) -> None:
        for _ in range(steps):
            step()

    return Contestant(name, train)


def _sampler() -> dict[str, float]:
    """Measure the sampler in a process of its own, whose memory nothing else has used."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_first_batch).result()


def _first_batch() -> dict[str, float]:
    y = np.arange(_SAMPLED_ROWS) % _SAMPLED_CLASSES
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from the memory in use
    before, start = _peak(), time.perf_counter()
    next(iter(BalancedBatchSampler(y, 256)))
    return {"seconds": time.perf_counter() - start, "megabytes": _peak() - before}


def _peak() -> float:
    """Largest resident memory of this process so far, in megabytes, as Linux counts it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
