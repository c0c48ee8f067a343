"""Long tails of one source, and the rows cut off: spare ones, to judge by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equipoise import AutoBalance
from equipoise.experiments.splits import Fold
from equipoise_reproductions.autobalance.splits import Networks, Rows
from equipoise_reproductions.autobalance.tails import long_tailed

FOLDS = 3

Part = NDArray[np.int64]
Parts = Sequence[Part]


@dataclass(frozen=True)
class Effort:
    """Seeds of each source, and steps of each training."""

    n_seeds: int = 4
    n_steps: int = 300


class Tails:
    """Long tails of one source, one a seed: the rows that train and judge, and spare ones of the same classes."""

    def __init__(self, rows: Rows, effort: Effort) -> None:
        self.rows, self.effort, self.seeds = rows, effort, list(range(effort.n_seeds))
        whole = np.arange(len(rows.y))
        self.parts = [next(long_tailed([Fold(0, 0, whole, whole[:0], seed)], rows.y)).train for seed in self.seeds]
        self.spare = [np.setdiff1d(whole, part) for part in self.parts]
        split = AutoBalance().split
        drawn = [split(rows.y[part], seed) for part, seed in zip(self.parts, self.seeds)]
        self.trains = [part[train] for part, (train, _) in zip(self.parts, drawn)]
        self.judges = [part[judges] for part, (_, judges) in zip(self.parts, drawn)]

    def counts(self, parts: Parts) -> Tensor:
        """Rows of each class, (R, K)."""
        return torch.from_numpy(np.stack([self.rows.counts(part) for part in parts]))

    def more(self, multiple: int, of_split: bool = True) -> list[Part]:
        """Validation rows, those of the rarer half of the classes ``multiple`` times as many; or only spare ones."""
        return [self._more(seed, multiple, of_split) for seed in self.seeds]

    def _more(self, seed: int, multiple: int, of_split: bool) -> Part:
        rng, y, judges = np.random.default_rng([seed, 1]), self.rows.y, self.judges[seed]
        sizes = np.bincount(y[judges], minlength=self.rows.n_classes)
        rare = np.argsort(np.argsort(-self.rows.counts(self.parts[seed]), kind="stable")) >= len(sizes) // 2
        parts = [judges] if of_split else []
        for code, size in enumerate(sizes):
            of_class = rng.permutation(self.spare[seed][y[self.spare[seed]] == code])
            wanted = max(1, size) * (multiple if rare[code] else 1)
            parts.append(of_class[: wanted - size if of_split else wanted])
        return np.concatenate(parts)

    def fold(self, number: int) -> tuple[list[Part], list[Part]]:
        """Training and validation rows of one of `FOLDS` folds; the only row of a class trains."""
        trains, judges = [], []
        for seed, part in zip(self.seeds, self.parts):
            rng, held = np.random.default_rng([seed, 2]), np.zeros(len(part), dtype=bool)
            for code in range(self.rows.n_classes):
                of_class = rng.permutation(np.flatnonzero(self.rows.y[part] == code))
                held[of_class[number::FOLDS] if len(of_class) > 1 else of_class[:0]] = True
            trains.append(part[~held])
            judges.append(part[held])
        return trains, judges

    def networks(self, shift: int = 0) -> Networks:
        """Return untrained networks, one a seed."""
        return Networks(self.rows, [seed + shift for seed in self.seeds], self.effort.n_steps)

    def trained(self, loss: Callable[..., Tensor], parts: Parts) -> Networks:
        """Return networks that trained with a loss."""
        networks = self.networks()
        for _ in networks.train(loss, parts):
            pass
        return networks

    def errors(self, networks: Networks, parts: Parts | None = None) -> list[float]:
        """Balanced error of each seed at test, or on parts."""
        if parts is None:
            return [self.rows.unfairness(decided, None) for decided in networks.decide(self.rows.X_test)]
        found = networks.decide(self.rows.X)
        return [self.rows.unfairness(decided[part], part) for decided, part in zip(found, parts)]
