"""Microseconds per gradient step per network, against other ways to train the same network.

The network is a perceptron d-256-128-2, float32, 32 rows a step. FLOP of one step: a product of a batch
with a weight matrix costs 2 x rows x weights; forward, gradient of the weights and gradient of the
input are one each, and the first layer needs no gradient of its input:

    6 x batch x (all weights) - 2 x batch x (weights of the first layer)

Biases, rectifiers, loss and optimiser are not counted. The machine's matrix rate is that of one big
float32 product, measured in every round.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable

from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from benchmarks.rivals import EAGER, LOADER, rivals
from equipoise import ReMix
from equipoise.training import Settings, Table, Task, fit

_HIDDEN, _BATCH = (256, 128), 32
_ROWS = {10: 4096, 5000: 512}  # by number of features; an epoch is long enough that its start does not count
_RARE = 0.1
_REPLICAS = (1, 5, 20)
_VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    ", dropout 0.1": {"dropout": 0.1},
    ", ReMix": {"batch_transform": ReMix(alpha=0.3)},
}

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Target:
    """A figure to reach at d features by ``contestant``: at least, or at most for ``EAGER``."""

    n_features: int
    contestant: str
    figure: str
    bound: float

    def met(self, value: float) -> bool:
        """Whether the figure reaches its bound."""
        return value <= self.bound if self.figure == _TIME_OF_EAGER else value >= self.bound


_SPEED_UP, _SHARE, _TIME_OF_EAGER = f"speed / {LOADER}", "share of matrix rate", f"time / {EAGER}"
_TARGETS = (
    Target(10, "equipoise R=20", _SPEED_UP, 8.0),
    Target(10, "equipoise R=20", _SHARE, 0.40),
    Target(10, "equipoise R=20, dropout 0.1", _SPEED_UP, 5.0),
    Target(10, "equipoise R=1", _TIME_OF_EAGER, 1.15),
    Target(5000, "equipoise R=1", _SPEED_UP, 3.0),
    Target(5000, "equipoise R=5", _SPEED_UP, 3.0),
    Target(5000, "equipoise R=20", _SPEED_UP, 3.0),
    Target(5000, "equipoise R=1", _TIME_OF_EAGER, 1.15),
)


def flop(n_features: int) -> int:
    """FLOP of one gradient step of one network; see the top of this file."""
    sizes = (n_features, *_HIDDEN, 2)
    weights = [i * o for i, o in pairwise(sizes)]
    return 6 * _BATCH * sum(weights) - 2 * _BATCH * weights[0]


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure, print a table for each number of features, and save everything."""
    result: dict[str, Any] = {"machine": machine(n_threads), "batch_size": _BATCH, "hidden": _HIDDEN}
    with Progress(console=console, transient=True) as progress, threads(n_threads):
        samples = {d: race(_contestants(d), effort, _ROWS[d] // _BATCH, progress, f"d = {d:,}") for d in _ROWS}
    figures = {d: _figures(samples[d], flop(d)) for d in _ROWS}
    for d in _ROWS:
        console.print(_table(d, samples[d], figures[d]))
    targets = [_verdict(target, figures[target.n_features]) for target in _TARGETS]
    console.print(_targets_table(targets))
    result |= {"samples": samples, "figures": figures, "targets": targets}
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _contestants(n_features: int) -> list[Contestant]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_ROWS[n_features], n_features)).astype(np.float32)
    y = (rng.random(len(X)) < _RARE).astype(np.int64)
    table = Table(X, y, n_classes=2)
    ours = [
        Contestant(f"equipoise R={r}{variant}", _trainer(table, r, options), networks=r)
        for variant, options in _VARIANTS.items()
        for r in _REPLICAS
    ]
    return [*rivals(X, y, _HIDDEN, _BATCH), *ours]


def _trainer(table: Table, n_replicas: int, options: dict[str, Any]) -> Callable[[int], object]:
    def train(steps: int) -> object:
        settings = Settings(
            network=_HIDDEN, batch_size=_BATCH, max_steps=steps, epoch_steps=len(table) // _BATCH, **options
        )
        return fit([Task(table, seed=seed, settings=settings) for seed in range(n_replicas)])

    return train


def _figures(samples: Samples, flop_a_step: int) -> dict[str, dict[str, float]]:
    """Medians over rounds, ratios taken within each round."""

    def median(values: Sequence[float]) -> float:
        return statistics.median(values)

    rates = samples["matrix rate"]
    figures = {"matrix rate": {"GFLOP/s": median(rates)}}
    for name, times in samples.items():
        if name != "matrix rate":
            figures[name] = {
                "microseconds": median(times),
                _SPEED_UP: median([a / t for a, t in zip(samples[LOADER], times)]),
                _TIME_OF_EAGER: median([t / b for b, t in zip(samples[EAGER], times)]),
                _SHARE: median([flop_a_step / t / 1e3 / rate for rate, t in zip(rates, times)]),
            }
    return figures


def _verdict(target: Target, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    value = figures[target.contestant][target.figure]
    return vars(target) | {"value": value, "met": target.met(value)}


def _table(n_features: int, samples: Samples, figures: dict[str, dict[str, float]]) -> RichTable:
    rate = figures["matrix rate"]["GFLOP/s"]
    table = RichTable(
        title=f"d = {n_features:,}: µs (microseconds) per gradient step per network",
        caption=f"{flop(n_features) / 1e6:.1f} MFLOP a step; matrix rate {rate:.0f} GFLOP/s; "
        f"{len(samples['matrix rate'])} rounds, medians",
    )
    table.add_column(no_wrap=True)
    for column in ("µs", "least-most", _SPEED_UP, _TIME_OF_EAGER, _SHARE):
        table.add_column(column, justify="right", no_wrap=column == "least-most", overflow="fold")
    for name, values in figures.items():
        if name != "matrix rate":
            table.add_row(
                name,
                f"{values['microseconds']:,.0f}",
                f"{min(samples[name]):,.0f}-{max(samples[name]):,.0f}",
                f"{values[_SPEED_UP]:.1f}",
                f"{values[_TIME_OF_EAGER]:.2f}",
                f"{values[_SHARE]:.0%}",
            )
    return table


def _targets_table(verdicts: Sequence[dict[str, Any]]) -> RichTable:
    table = RichTable(title="Targets")
    for column in ("d", "", "figure", "target", "measured", "verdict"):
        table.add_column(column)
    for v in verdicts:
        sign = "at most" if v["figure"] == _TIME_OF_EAGER else "at least"
        verdict = "[green]met" if v["met"] else "[red]missed"
        table.add_row(
            f"{v['n_features']:,}", v["contestant"], v["figure"], f"{sign} {v['bound']:g}", f"{v['value']:.2f}", verdict
        )
    return table
