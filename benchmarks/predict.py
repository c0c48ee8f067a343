"""One row through a fitted model: CPU time of `predict_proba`, and of its networks alone."""

import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.measure import Effort
from equipoise import NeuralClassifier

_FEATURES, _MEMBERS = 20, 4
_NETWORKS_AT_MOST, _ALL_AT_MOST = 150, 300  # microseconds


def _microseconds(predict: Callable[[], object], effort: Effort) -> float:
    """CPU time of a call: the best of the rounds, as other processes only ever add to it."""
    best = float("inf")
    for _ in range(effort.rounds):
        calls, started, until = 0, time.process_time(), time.process_time() + effort.seconds
        while time.process_time() < until:
            predict()
            calls += 1
        best = min(best, (time.process_time() - started) / calls)
    return best * 1e6


def run(console: Console, threads: int, effort: Effort, name: str) -> None:
    """Print the times of one row beside their targets."""
    torch.set_num_threads(threads)
    X = np.random.default_rng(0).normal(size=(400, _FEATURES))
    model = NeuralClassifier(n_members=_MEMBERS, max_steps=20, random_state=0).fit(X, (X[:, 0] > 1).astype(int))
    row = X[:1]
    inputs = model.inputs(row)
    table = RichTable(title=f"{name}: one row of {_FEATURES} features, {_MEMBERS} members")
    for column in ("part", "CPU microseconds", "at most"):
        table.add_column(column)
    for part, call, most in (
        ("networks", lambda: model.ensemble_.predict_proba(inputs), _NETWORKS_AT_MOST),
        ("predict_proba", lambda: model.predict_proba(row), _ALL_AT_MOST),
    ):
        table.add_row(part, f"{_microseconds(call, effort):.0f}", str(most))
    console.print(table)
