"""Images: training beside the loop that people write, its share of the matrix rate, prediction, and reading of files.

All figures are in CPU seconds, so that others on the machine change the ratios little; files are read in one process.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table as RichTable
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import Effort, machine, save
from benchmarks.measure import threads as held_threads
from equipoise import NeuralClassifier
from equipoise.images import read_images
from equipoise.networks import named_network
from equipoise.recipes import get
from equipoise.recipes.images import parameters_for_images

_SHAPE, _CLASSES, _PAD = (3, 32, 32), 10, 4
_NETWORKS, _BATCHES = ("faster_cnn", "resnet32"), (128, 256)
_IMAGES, _FILES = 2560, 4000
_PRODUCT = 1024
_RATIO, _READING = 4.0, 1.3  # targets: at least, at most


class _Photos(Dataset[tuple[torch.Tensor, int]]):
    """Files, decoded by PIL, cropped, mirrored and standardised one by one, as in a thousand scripts."""

    def __init__(self, files: list[Path], labels: NDArray[np.int64]) -> None:
        self.files, self.labels = files, labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        image = np.asarray(Image.open(self.files[row]).convert("RGB"))
        image = np.pad(image, ((_PAD, _PAD), (_PAD, _PAD), (0, 0)))
        top, left = torch.randint(2 * _PAD + 1, (2,)).tolist()
        image = image[top : top + _SHAPE[1], left : left + _SHAPE[2]]
        if torch.rand(()) < 0.5:
            image = image[:, ::-1]
        pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div(255)
        return (pixels - 0.5) / 0.25, int(self.labels[row])


def _plain_epoch(name: str, files: list[Path], labels: NDArray[np.int64], batch: int, workers: int) -> None:
    network = named_network(name, _SHAPE, _CLASSES)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True)
    for x, y in DataLoader(_Photos(files, labels), batch, shuffle=True, drop_last=True, num_workers=workers):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()


def _fit(network: str, batch: int, steps: int, X: NDArray[Any], y: NDArray[Any]) -> NeuralClassifier:
    parameters = parameters_for_images(get("none")) | {"network": network, "batch_size": batch}
    return NeuralClassifier(**parameters, max_steps=steps, random_state=0).fit(X, y)


def _cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def _least(work: Callable[[], object], rounds: int) -> float:
    """Best of the rounds, as other processes only ever add."""
    return min(_cpu_seconds(work) for _ in range(rounds))


def _matrix_rate(dtype: torch.dtype) -> float:
    """GFLOP in a CPU second of a square product."""
    left, right = (torch.randn(_PRODUCT, _PRODUCT).to(dtype) for _ in range(2))
    left @ right
    seconds = []
    for _ in range(7):
        started = time.process_time()
        left @ right
        seconds.append(time.process_time() - started)
    return 2 * _PRODUCT**3 / statistics.median(seconds) / 1e9


def _operations(network: str) -> float:
    """Floating-point operations of a training step on one image: forward, and twice as many backward."""
    with FlopCounterMode(display=False) as counted:
        named_network(network, _SHAPE, _CLASSES)(torch.zeros(1, *_SHAPE))
    return 3 * counted.get_total_flops()


def _decoded(part: list[Path]) -> int:
    return len([np.asarray(Image.open(file).convert("RGB")) for file in part])


def _training(
    console: Console, files: list[Path], X: NDArray[Any], y: NDArray[Any], n_threads: int, rounds: int, name: str
) -> list[dict[str, Any]]:
    rates = {dtype: _matrix_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    title = f"{name}: images a CPU second of fit; products of matrices: float32 {rates[torch.float32]:.0f}, bfloat16 "
    table = RichTable(title=f"{title}{rates[torch.bfloat16]:.0f} GFLOP a CPU second")
    headers = ("network", "batch", "ours", "plain loop", "ratio", f"at least {_RATIO:g}", "share of the bfloat16 rate")
    for column in headers:
        table.add_column(column)
    result = []
    for network in _NETWORKS:
        operations = _operations(network)
        for batch in _BATCHES:
            steps = len(X) // batch
            # What a fit does once does not count.
            one, two = (_least(partial(_fit, network, batch, n, X, y), rounds) for n in (2, 2 + steps))
            ours = steps * batch / (two - one)
            workers = n_threads if n_threads > 1 else 0
            plain = steps * batch / _least(partial(_plain_epoch, network, files, y, batch, workers), rounds)
            share = ours * operations / rates[torch.bfloat16] / 1e9
            met = "met" if ours >= _RATIO * plain else "missed"
            cells = f"{ours:.0f}", f"{plain:.0f}", f"{ours / plain:.1f}", met, f"{share:.0%}"
            table.add_row(network, str(batch), *cells)
            result.append({"network": network, "batch": batch, "ours": ours, "plain": plain, "share": share})
    console.print(table)
    return result


def run(console: Console, threads: int, effort: Effort, name: str) -> None:
    """Print images a second of fit, seconds of a prediction, and seconds of reading, beside their targets."""
    rounds = 1 if effort.rounds < 5 else 3
    rng = np.random.default_rng(0)
    y = np.arange(_FILES) % _CLASSES
    coarse = rng.integers(0, 256, (_FILES, 8, 8, 3), dtype=np.uint8)
    with TemporaryDirectory() as folder, held_threads(threads):
        files = [Path(folder) / f"class {label}" / f"{row}.jpg" for row, label in enumerate(y.tolist())]
        for file, pixels in zip(files, coarse, strict=True):
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).resize(_SHAPE[1:], Image.Resampling.BILINEAR).save(file, quality=90)
        X = read_images(folder, n_jobs=1).pixels[:_IMAGES]
        training = _training(console, files[:_IMAGES], X, y[:_IMAGES], threads, rounds, name)
        model = _fit("faster_cnn", 256, 2, X, y[:_IMAGES])
        many = np.tile(X, (4, 1, 1, 1))[:10_000]
        seconds = {
            "predict_proba of 10,000 images and their mirror images": _least(lambda: model.predict_proba(many), rounds),
            f"{_FILES:,} JPEGs by read_images": _least(lambda: read_images(folder, n_jobs=1), rounds),
            f"{_FILES:,} JPEGs by PIL alone": _least(lambda: _decoded(files), rounds),
        }
    table = RichTable("work", "CPU seconds", title=f"{name}: prediction and reading")
    for work, taken in seconds.items():
        table.add_row(work, f"{taken:.1f}")
    console.print(table)
    *_, ours, plain = seconds.values()
    console.print(f"Reading: {ours / plain:.1f} times PIL's seconds (target: at most {_READING:g}).")
    console.print(f"Written: {save(name, {'machine': machine(threads), 'training': training, 'seconds': seconds})}")
