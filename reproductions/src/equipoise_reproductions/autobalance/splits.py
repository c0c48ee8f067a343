"""What the split into rows that train and rows that choose is for: fairness on either side along a search.

Li et al., "AutoBalance" (NeurIPS 2021), Figure 4. The searches are written as a loop of one's own would be, around a
stack of networks that differ by their initial weights, batches and split.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor

from equipoise import AutoBalance, datasets, metrics
from equipoise.bilevel import inner
from equipoise.bilevel.cell_draws import CellDraws
from equipoise.bilevel.outer_objectives import Blend
from equipoise.datasets import Dataset
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.files import replace_file
from equipoise.networks import MLPStack
from equipoise.progress import OnProgress
from equipoise_reproductions.autobalance.adult import adult
from equipoise_reproductions.autobalance.tails import SETS, long_tailed

SHARES = {"1/4": 1 / 4, "1/8": 1 / 8, "1/40": 1 / 40}
SEARCHED = {"w": ("w",), "l": ("offset",), "delta": ("delta",), "w, l, delta": ("w", "offset", "delta")}
SIDES = ("training", "validation", "test")
RETRAINED = "test, retrained"
_HIDDEN, _BATCH, _RATE = (256, 128), 64, 3e-3

Loss = Callable[..., Tensor]
Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Attributes
    ----------
    n_seeds, n_steps, n_looks : int
        Searches of each kind, their training steps, and how often they are looked at.
    n_rows, n_test : int
        Rows of adult.
    """

    n_seeds: int = 4
    n_steps: int = 800
    n_looks: int = 10
    n_rows: int = 4000
    n_test: int = 12_000


FULL, QUICK = Effort(), Effort(n_seeds=2, n_steps=60, n_looks=2, n_rows=400, n_test=400)


class Rows:
    """The rows of one data set: those to be split, and those to test on.

    Attributes
    ----------
    name, fairness : str
        The set, and what is measured of it, less is better: balanced error, or DEO where there are groups.
    """

    def __init__(self, dataset: Dataset, fold: Fold) -> None:
        groups, codes = dataset.groups, np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
        prepared = PreparedFold.of(dataset, codes, fold)
        self.name, self.fairness = dataset.name, "balanced error" if groups is None else "DEO"
        self.X, self.X_test = torch.from_numpy(prepared.X_train), torch.from_numpy(prepared.X_test)
        self.y, self.y_test = prepared.y_train, prepared.y_test
        self.n_classes, self.n_groups = prepared.n_classes, 1
        self.groups = self.groups_test = None
        if groups is not None:
            of_all = np.unique(groups, return_inverse=True)[1]
            self.groups, self.groups_test = of_all[fold.train], of_all[fold.test]
            self.n_groups = int(of_all.max()) + 1

    @property
    def cells(self) -> NDArray[np.int64]:
        """Class, or class and group, of each row to be split."""
        return self.y if self.groups is None else self.y * self.n_groups + self.groups

    @property
    def objective(self) -> str | Blend:
        """What the validation rows are to choose by."""
        return "balanced" if self.groups is None else Blend("group_balanced", "deo", 0.5)

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of each class (K,), or class and group (K, G)."""
        counts = np.bincount(self.cells[rows], minlength=self.n_classes * self.n_groups)
        return counts if self.groups is None else counts.reshape(self.n_classes, self.n_groups)

    def batch(self, rows: Tensor) -> Batch:
        """Features, classes, and groups if there are any, of rows (R, B)."""
        kept = [torch.from_numpy(self.y)] if self.groups is None else map(torch.from_numpy, (self.y, self.groups))
        return self.X[rows], *(labels[rows] for labels in kept)

    def unfairness(self, decided: NDArray[np.int64], rows: NDArray[np.int64] | None) -> float:
        """Balanced error or DEO of decisions for rows to be split, or for all of the test side."""
        y, groups = (self.y_test, self.groups_test) if rows is None else (self.y[rows], self.groups)
        if groups is None:
            return 1 - metrics.balanced_accuracy(y, decided)
        return metrics.deo(y, decided, groups if rows is None else groups[rows])


def letter_rows() -> Rows:
    """Letters, the training half cut to a long tail."""
    dataset = datasets.load(SETS["letter"])
    codes = np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
    train, test = train_test_split(np.arange(len(codes)), test_size=0.5, stratify=codes, random_state=0)
    return Rows(dataset, next(long_tailed([Fold(0, 0, train, test, seed=0)], codes)))


def adult_rows(effort: Effort) -> Rows:
    """Few enough rows of adult that networks come to fit them."""
    dataset = adult()
    cells = dataset.y.to_numpy(dtype=str) + np.asarray(dataset.groups)
    train, test = train_test_split(
        np.arange(len(cells)), train_size=effort.n_rows, test_size=effort.n_test, stratify=cells, random_state=0
    )
    return Rows(dataset, Fold(0, 0, train, test, seed=0))


class Networks:
    """A stack of networks, one a seed, and how it trains."""

    def __init__(self, rows: Rows, seeds: Sequence[int], n_steps: int) -> None:
        sizes = (rows.X.shape[1], *_HIDDEN, rows.n_classes)
        self.stack = MLPStack(sizes, len(seeds))
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        for replica, generator in enumerate(self._generators):
            self.stack.reset_replica(replica, rows.X.shape[1], rows.n_classes, generator)
        self._rows, self._n_steps = rows, n_steps
        self._optimizer = torch.optim.AdamW(self.stack.parameters(), lr=_RATE)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, _RATE, total_steps=n_steps)

    def train(self, loss: Loss, parts: Sequence[NDArray[np.int64]]) -> Iterator[tuple[int, Batch]]:
        """Train, each network on its part of the rows; yield every step and the batch that it was made on."""
        for step in range(1, self._n_steps + 1):
            drawn = [
                part[torch.randint(len(part), (_BATCH,), generator=generator).numpy()]
                for part, generator in zip(parts, self._generators, strict=True)
            ]
            batch = self._rows.batch(torch.from_numpy(np.stack(drawn)))
            loss(self.stack(batch[0]), *batch[1:]).sum().backward()
            self._optimizer.step()
            self._optimizer.zero_grad()
            self._schedule.step()
            yield step, batch

    @torch.no_grad()
    def decide(self, X: Tensor) -> NDArray[np.int64]:
        """Most probable classes (R, n) of rows (n, d)."""
        logits = [self.stack(part.expand(len(self._generators), *part.shape)) for part in X.split(2048)]
        return torch.cat(logits, dim=1).argmax(-1).numpy()


def search_course(rows: Rows, share: float, searched: Sequence[str], effort: Effort) -> pd.DataFrame:
    """Search with a validation share; ``seed``, ``step``, ``side`` and ``value`` of each look, and after retraining."""
    seeds = list(range(effort.n_seeds))
    balance = AutoBalance(objective=rows.objective, start="ce", parameters=searched, validation_fraction=share)
    splits = [balance.split(rows.cells, seed) for seed in seeds]
    trains, chooses = map(list, zip(*splits, strict=True))
    networks = Networks(rows, seeds, effort.n_steps)
    counts = np.stack([rows.counts(part) for part in trains])
    search = balance.begin(networks.stack, counts, max_steps=effort.n_steps)
    draws = [
        CellDraws(torch.from_numpy(part), rows.cells[part], _BATCH, torch.Generator().manual_seed(seed))
        for seed, part in zip(seeds, chooses, strict=True)
    ]
    looks = []
    for step, batch in networks.train(search.loss, trains):
        if search.due():
            drawn, weights = map(torch.stack, zip(*(own.draw() for own in draws), strict=True))
            search.step([batch], [inner.Batch(*rows.batch(drawn))._replace(weight=weights)])
        if step % (effort.n_steps // effort.n_looks) == 0:
            looks.append(_look(rows, networks, trains, chooses).assign(step=step))
    whole = [np.arange(len(rows.y))] * len(seeds)
    anew = Networks(rows, seeds, effort.n_steps)
    for _ in anew.train(search.retraining_loss(), whole):
        pass
    decided = anew.decide(rows.X_test)
    looks.append(_frame(RETRAINED, [rows.unfairness(d, None) for d in decided]).assign(step=effort.n_steps))
    return pd.concat(looks, ignore_index=True)


def _look(
    rows: Rows, networks: Networks, trains: Sequence[NDArray[np.int64]], chooses: Sequence[NDArray[np.int64]]
) -> pd.DataFrame:
    decided, decided_test = networks.decide(rows.X), networks.decide(rows.X_test)
    sides = {
        "training": [rows.unfairness(d[part], part) for d, part in zip(decided, trains, strict=True)],
        "validation": [rows.unfairness(d[part], part) for d, part in zip(decided, chooses, strict=True)],
        "test": [rows.unfairness(d, None) for d in decided_test],
    }
    return pd.concat([_frame(side, values) for side, values in sides.items()])


def _frame(side: str, values: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(values)), "side": side, "value": values})


def courses(folder: Path, effort: Effort, on_progress: OnProgress) -> pd.DataFrame:
    """Run every search that has no file yet; all looks, with ``set``, ``fairness``, ``share`` and ``searched``."""
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], Rows]] = {"letter": letter_rows, "adult": lambda: adult_rows(effort)}
    kinds, frames = list(product(SHARES, SEARCHED)), []
    for number, (name, make) in enumerate(makers.items()):
        rows: Rows | None = None
        for place, (share, searched) in enumerate(kinds, start=1):
            path = folder / f"{name}-{share.replace('/', '-')}-{searched.replace(', ', '-')}.csv"
            if not path.exists():
                rows = rows or make()
                found = search_course(rows, SHARES[share], SEARCHED[searched], effort)
                found = found.assign(set=name, fairness=rows.fairness, share=share, searched=searched)
                replace_file(path, found.to_csv(index=False, lineterminator="\n"))
            frames.append(pd.read_csv(path))
            on_progress("splits", number * len(kinds) + place, len(kinds) * len(makers))
    return pd.concat(frames, ignore_index=True)
