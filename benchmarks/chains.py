"""MUBO's search as printed, with several chains, against a plain loop of the same steps, one chain after another.

On Abalone, up to seven rings against more: 20% rare. Every outer step makes as many gradient steps, whatever the rows;
what an outer step does beside them (the micro-sample, the gradient over all rows after every five epochs, the
objective, taking weights and moments back after a rejection) is in the time of both. Without the data set, on made-up
rows of these numbers.
"""

import copy
import itertools
import math
import os
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from equipoise import MUBO, datasets
from equipoise.networks import ScalarHead

_COUNTS, _N_FEATURES = (3337, 840), 10  # of the made-up rows
_HIDDEN, _BATCH, _RATE = (256, 128), 32, 1e-4  # the paper's and its authors'
_INNER, _LOOK_EPOCHS = 250, 5
_TARGETS = {1: None, 5: 4.0, 20: 7.0}  # speed against the plain loop, by chains
_PLAIN = "plain PyTorch"

Rows = NDArray[np.int64]


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure, print and save."""
    X, y, is_abalone = _rows()
    plain = Contestant(_PLAIN, lambda steps: _plain_search(X, y, steps // _INNER))
    contestants = [plain, *(Contestant(_ours(n), _mubo(X, y, n), networks=n) for n in _TARGETS)]
    result: dict[str, Any] = {"machine": machine(n_threads), "abalone": is_abalone, "inner_steps": _INNER}
    with Progress(console=console, transient=True) as progress, threads(n_threads):
        samples = race(contestants, effort, _INNER, progress, "chains")
    ratios = {n: statistics.median(p / o for p, o in zip(samples[_PLAIN], samples[_ours(n)])) for n in _TARGETS}
    for c in contestants:
        console.print(f"{c.name}: {statistics.median(samples[c.name]):.0f} µs a step a chain", highlight=False)
    targets = [
        {
            "chains": n,
            "speed / plain PyTorch": ratios[n],
            "target": target,
            "met": target is None or ratios[n] >= target,
        }
        for n, target in _TARGETS.items()
    ]
    for t in targets:
        goal = f" (target: {t['target']:g})" if t["target"] else ""
        console.print(f"{t['chains']} chains: {t['speed / plain PyTorch']:.1f} times as fast{goal}", highlight=False)
    result |= {"samples": samples, "targets": targets}
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _ours(chains: int) -> str:
    return f"equipoise, {chains} chain{'s' if chains > 1 else ''}"


def _rows() -> tuple[NDArray[np.float64], NDArray[np.int64], bool]:
    home = os.environ.get("EQUIPOISE_DATA_HOME")
    if home is not None:
        data = datasets.load("abalone_rings_7", data_home=home)
        return pd.get_dummies(data.X).to_numpy(np.float64), (data.y == data.rare).to_numpy(np.int64), True
    y = np.repeat([0, 1], _COUNTS)
    return np.random.default_rng(0).normal(size=(len(y), _N_FEATURES)) + y[:, None], y, False


def _mubo(X: NDArray[np.float64], y: NDArray[np.int64], chains: int) -> Any:
    def train(steps: int) -> object:
        search = MUBO(
            variant="paper",
            n_restarts=chains,
            max_iter=steps // _INNER,
            max_steps=steps,
            tol=0,
            random_state=0,
            hidden_layer_sizes=_HIDDEN,
            batch_size=_BATCH,
            learning_rate=_RATE,
        )
        return search.fit_resample(X, y)

    return train


def _plain_search(X: NDArray[np.float64], y: NDArray[np.int64], n_outer: int) -> Rows:
    """Search one chain by Algorithm 1, with a DataLoader and torch's Adam."""
    rng, rows = np.random.default_rng(0), torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
    labels = torch.from_numpy(y)
    rare, common = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    model = ScalarHead(X.shape[1], _HIDDEN)
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
    sample, size_before, best = rare, len(rare), 10.0
    for _ in range(n_outer):
        share = 0.1 if size_before <= 1.75 * len(rare) else 0.01
        trial = np.concatenate([sample, rng.choice(common, math.ceil(share * len(rare)))])
        before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        _train(model, optimizer, rows[trial], labels[trial])
        size_before = len(sample)
        value = _majority_share(model, rows[trial], labels[trial])
        if value <= best:
            sample, best = trial, value
        else:
            model.load_state_dict(before[0])
            optimizer.load_state_dict(before[1])
    return sample


def _train(model: nn.Module, optimizer: torch.optim.Adam, rows: Tensor, labels: Tensor) -> None:
    look = _LOOK_EPOCHS * math.ceil(len(rows) / _BATCH)
    batches = _batches(DataLoader(TensorDataset(rows, labels), _BATCH, shuffle=True))
    for step, (x, target) in enumerate(itertools.islice(batches, _INNER), start=1):
        optimizer.zero_grad()
        cross_entropy(model(x), target).backward()
        optimizer.step()
        if step % look == 0:
            gradients = torch.autograd.grad(cross_entropy(model(rows), labels), list(model.parameters()))
            torch.cat([gradient.flatten() for gradient in gradients]).norm().item()


def _batches(loader: DataLoader[Any]) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


@torch.no_grad()
def _majority_share(model: nn.Module, rows: Tensor, labels: Tensor) -> float:
    losses = cross_entropy(model(rows), labels, reduction="none")
    return float(losses[labels == 0].sum() / len(losses))
