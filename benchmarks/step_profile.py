"""Where the time of one gradient step of a stack goes: every part of it, in CPU seconds of one thread.

Parts are timed in the trainer itself and sum to the time of the run; ``clock`` is the cost of timing them.
``draws`` are random numbers, rows gathered and dropout masks; ``forward`` and ``backward`` the passes of the
perceptrons; ``loss`` the losses and their gradient by the logits; ``optimizer`` the update of the weights; ``loop`` all
other work. CPU seconds hardly depend on what else runs on the machine; its caches do.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.measure import Effort, machine, save, threads
from equipoise import MixUp
from equipoise.networks.training_pass import TrainingPass
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.loop import StackTraining
from equipoise.training.optimization import Adam
from equipoise.training.stack_batches import StackBatches
from equipoise.training.step_losses import StepLosses

_ROWS, _FEATURES, _RARE = 4096, 10, 0.1
_AUTO: dict[str, Any] = {
    "network": (128, 64),
    "batch_size": 64,
    "batch_transform": MixUp(alpha=0.3),
    "dropout": 0.1,
}  # as `auto` trains
_CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "R=20, 256-128, 32 rows": (20, {"network": (256, 128), "batch_size": 32}),
    "R=1, 256-128, 32 rows": (1, {"network": (256, 128), "batch_size": 32}),
    "R=5, 128-64, 64 rows, MixUp, dropout": (5, _AUTO),
    "R=5, 128-64, 64 rows, dropout 0.3": (5, {"network": (128, 64), "batch_size": 64, "dropout": 0.3}),  # of recipes
}
_PARTS = {
    "forward": (TrainingPass, "logits"),
    "loss": (StepLosses, "slope"),
    "backward": (TrainingPass, "backward"),
    "optimizer": (Adam, "apply"),
}


class _Clock:
    """CPU seconds of the parts of a whole."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            start = time.process_time()
            result = function(*args, **keywords)
            self.seconds[part] += time.process_time() - start
            self.calls[part] += 1
            return result

        return call

    def drawn(self, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def batches(*args: Any) -> Iterator[Any]:
            source, end = function(*args), object()
            following = self.timed("draws", next)
            while (batch := following(source, end)) is not end:
                yield batch

        return batches

    def parts(self, whole: str) -> dict[str, float]:
        """Seconds of each part, of the rest of the whole by its name, and of the clock, not in any of the others."""
        inside, outside = _cost()
        parts = {part: took - self.calls[part] * inside for part, took in self.seconds.items() if part != whole}
        of_clock = sum(self.calls[part] for part in parts) * (inside + outside)
        return parts | {whole: self.seconds[whole] - sum(parts.values()) - of_clock, "clock": of_clock}


def _cost() -> tuple[float, float]:
    """Seconds that reading the clock adds to a part, and to what is around it."""
    clock, times = _Clock(), 10_000
    empty = clock.timed("empty", lambda: None)
    clock.timed("whole", lambda: [empty() for _ in range(times)])()
    inside = clock.seconds["empty"] / times
    return inside, clock.seconds["whole"] / times - inside


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Profile each case, print a table, and save the figures; always on one thread, whose CPU seconds are its own."""
    result: dict[str, Any] = {"machine": machine(1)}
    table = RichTable(title="CPU microseconds per gradient step of a stack", caption=f"{effort.rounds} rounds, medians")
    for heading in ("", *(parts := (*_PARTS, "draws", "loop", "clock")), "all", "a network"):
        table.add_column(heading, justify="right" if heading else "left")
    with threads(1):
        for case, (n_replicas, options) in _CASES.items():
            rounds = [_microseconds(n_replicas, options, effort.seconds) for _ in range(effort.rounds)]
            figures = {part: statistics.median(r[part] for r in rounds) for part in parts}
            everything = statistics.median(sum(r.values()) - r["clock"] for r in rounds)
            table.add_row(case, *(f"{f:.0f}" for f in (*figures.values(), everything, everything / n_replicas)))
            result[case] = figures | {"all": everything}
    console.print(table)
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _microseconds(n_replicas: int, options: dict[str, Any], seconds: float) -> dict[str, float]:
    """Microseconds of each part per step of all replicas."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(_ROWS, _FEATURES)).astype(np.float32), (rng.random(_ROWS) < _RARE).astype(np.int64)
    table, clock = Table(X, y, n_classes=2), _Clock()
    epoch = _ROWS // options["batch_size"]
    settings = Settings(max_steps=epoch * max(1, round(seconds * 8)), epoch_steps=epoch, **options)
    with ExitStack() as patches:
        for part, (owner, method) in _PARTS.items():
            patches.enter_context(patch.object(owner, method, clock.timed(part, getattr(owner, method))))
        patches.enter_context(patch.object(StackBatches, "block", clock.drawn(StackBatches.block)))
        patches.enter_context(patch.object(StackTraining, "run", clock.timed("loop", StackTraining.run)))
        fit([Task(table, seed=seed, settings=settings) for seed in range(n_replicas)])
    return {part: 1e6 * took / settings.max_steps for part, took in clock.parts("loop").items()}
