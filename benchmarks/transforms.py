"""What a treatment of the batches costs, as a share of the training step that it is part of.

    share = (time of a step with it - time of a step without) / time of a step without

Both times are of one round, of the same network on the same rows in the same loop; a figure is the median over
rounds, with the least and the most beside it. All that the treatment brings counts: its draws, finding and mixing
rows, and the soft targets that the loss then meets.

- Tables: our trainer, which draws chance ahead; a perceptron 20-256-128-2.
- Images of 3 x 32 x 32: a plain PyTorch loop that calls the transform on each batch, and our trainer; a network
  of two 3 x 3 convolutions (32 and 64 filters), each followed by a 2 x 2 max-pool, and a dense layer of 64.

A batch has 64 rows, of which one in twenty is rare. Making the batches alone is compared in `benchmarks.smote`.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, RandomSampler

from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from benchmarks.smote import N_BATCHES, makers
from equipoise import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.training import Settings, Table, Task, fit

_BATCH, _RARE = 64, 0.05
_REPLICAS = 20

_EXACT, _AUTHORS = "ReMix, as printed", "ReMix, authors"
_MIXUP = MixUp(alpha=0.3, num_classes=2)
_TREATMENTS: dict[str, dict[str, Any]] = {
    "untreated": {},
    "MixUp": {"batch_transform": _MIXUP},
    _EXACT: {"batch_transform": ReMix(num_classes=2)},
    _AUTHORS: {"batch_transform": ReMix(num_classes=2, variant="authors")},
    "RebalancedMixup": {"batch_transform": RebalancedMixup(num_classes=2, class_counts=[95, 5])},
    "BatchSMOTE": {"batch_transform": BatchSMOTE(num_classes=2)},
    "balanced batches, MixUp": {"batch_transform": _MIXUP, "batch_sampler": BalancedBatchSampler},
}

_SHARE, _SPEED = "share", "speed"
_ON_TABLES, _ON_IMAGES = dict.fromkeys((_EXACT, _AUTHORS), 0.15), dict.fromkeys((_EXACT, _AUTHORS), 0.10)
_SMOTE_SPEED = 20.0


@dataclass(frozen=True)
class Comparison:
    """Contestants, the first of which the others are compared with.

    Attributes
    ----------
    title : str
    contestants : list of Contestant
    unit : int
        Steps of a short run; see `benchmarks.measure.race`.
    figure : {"share", "speed"}
        What is compared: the share of a step that comes on top, to be small, or how many times as fast, to be large.
    bounds : dict
        The largest share or least speed of the contestants that have a target.
    """

    title: str
    contestants: list[Contestant]
    unit: int
    figure: str = _SHARE
    bounds: dict[str, float] = field(default_factory=dict)

    def figures(self, samples: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
        """Median, least and most over rounds of each contestant, and whether its target is met."""
        first, *others = (contestant.name for contestant in self.contestants)
        result: dict[str, dict[str, Any]] = {first: {"microseconds": statistics.median(samples[first])}}
        for name in others:
            pairs = zip(samples[first], samples[name], strict=True)
            values = [time / base - 1 if self.figure == _SHARE else base / time for base, time in pairs]
            result[name] = {
                "microseconds": statistics.median(samples[name]),
                self.figure: statistics.median(values),
                "least": min(values),
                "most": max(values),
            }
            if (bound := self.bounds.get(name)) is not None:
                middle = result[name][self.figure]
                result[name] |= {"target": bound, "met": middle <= bound if self.figure == _SHARE else middle >= bound}
        return result


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure, print a table for each comparison, and save everything."""
    result: dict[str, Any] = {"machine": machine(n_threads), "batch_size": _BATCH, "samples": {}, "figures": {}}
    with Progress(console=console, transient=True) as progress, threads(n_threads):
        for comparison in _comparisons():
            samples = race(comparison.contestants, effort, comparison.unit, progress, comparison.title)
            result["samples"][comparison.title] = samples
            result["figures"][comparison.title] = figures = comparison.figures(samples)
            console.print(_table(comparison, figures, effort.rounds))
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _comparisons() -> Iterator[Comparison]:
    table, images, unit = _rows(4096, 20), _rows(512, 3, 32, 32), 4096 // _BATCH
    for n in (1, _REPLICAS):
        contestants = _in_trainer(table, (256, 128), n, unit)
        yield Comparison(f"tables, R = {n}, drawn ahead", contestants, unit, bounds=_ON_TABLES)
    yield Comparison("images, called in a plain loop", _in_plain_loop(images), 512 // _BATCH, bounds=_ON_IMAGES)
    # These steps take so long that runs are short, of epochs of one step: nothing is drawn further ahead than that.
    contestants = _in_trainer(images, _convolutional(), _REPLICAS, 1)
    yield Comparison(f"images, R = {_REPLICAS}, in the trainer", contestants, 1, bounds=_ON_IMAGES)
    contestants = makers(_BATCH, 20, (1, _REPLICAS))
    bounds = {contestant.name: _SMOTE_SPEED for contestant in contestants[1:]}
    yield Comparison("batches by SMOTE, d = 20", contestants, N_BATCHES, _SPEED, bounds)


def _rows(n_rows: int, *features: int) -> Table:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, *features)).astype(np.float32)
    return Table(X, (rng.random(n_rows) < _RARE).astype(np.int64), n_classes=2)


def _convolutional() -> nn.Module:
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 8 * 8, 64), nn.ReLU(), nn.Linear(64, 2))


def _in_trainer(table: Table, network: Any, n_replicas: int, epoch_steps: int) -> list[Contestant]:
    def trainer(options: dict[str, Any]) -> Callable[[int], object]:
        def train(steps: int) -> object:
            settings = Settings(network=network, batch_size=_BATCH, max_steps=steps, epoch_steps=epoch_steps, **options)
            return fit([Task(table, seed=seed, settings=settings) for seed in range(n_replicas)])

        return train

    return [Contestant(name, trainer(options), n_replicas) for name, options in _TREATMENTS.items()]


def _in_plain_loop(table: Table) -> list[Contestant]:
    X, y = torch.from_numpy(table.X), torch.from_numpy(table.y)

    def loop(
        batch_transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        batch_sampler: Callable[[Tensor, int], Any] | None = None,
    ) -> Callable[[int], None]:
        def train(steps: int) -> None:
            network = _convolutional()
            optimizer = torch.optim.AdamW(network.parameters(), fused=True)
            for batch in islice(_batches(y, batch_sampler), steps):
                rows, target = X[batch], y[batch]
                if batch_transform is not None:
                    rows, target = batch_transform(rows, target)
                cross_entropy(network(rows), target).backward()
                optimizer.step()
                optimizer.zero_grad()

        return train

    return [Contestant(name, loop(**options)) for name, options in _TREATMENTS.items()]


def _batches(y: Tensor, batch_sampler: Callable[[Tensor, int], Any] | None) -> Iterator[list[int]]:
    shuffled = BatchSampler(RandomSampler(range(len(y))), _BATCH, drop_last=True)
    sampler: Any = shuffled if batch_sampler is None else batch_sampler(y, _BATCH)
    for epoch in count():
        if batch_sampler is not None:
            sampler.set_epoch(epoch)
        yield from sampler


def _table(comparison: Comparison, figures: dict[str, dict[str, Any]], rounds: int) -> RichTable:
    unit = "step and network" if comparison.figure == _SHARE else "batch"
    caption = f"µs: microseconds a {unit}; {comparison.figure}: against the first; {rounds} rounds, medians"
    table = RichTable("", title=comparison.title, caption=caption)
    for column in ("µs", comparison.figure, "least to most", "target", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, values in figures.items():
        table.add_row(name, f"{values['microseconds']:,.0f}", *_cells(comparison.figure, values))
    return table


def _cells(figure: str, values: dict[str, Any]) -> Iterator[str]:
    if figure not in values:
        return
    sign, form = ("≤", "{:.1%}") if figure == _SHARE else ("≥", "{:.1f}")
    yield form.format(values[figure])
    yield f"{form.format(values['least'])} to {form.format(values['most'])}"
    if "target" in values:
        yield f"{sign} {form.format(values['target'])}"
        yield "[green]met" if values["met"] else "[red]missed"
