"""Rules that stop a replica early: a held-out score without improvement, or a small gradient."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from equipoise.losses.rows import RowLosses
from equipoise.training.pool import Pool
from equipoise.training.results import State
from equipoise.training.task import Settings, Task

_NUMBERS_AT_ONCE = 1 << 22  # of them, since images have many
_ROWS_AT_ONCE = 1 << 15  # rows of all replicas that an evaluation sends through the stack at once


def replica_state(stack: nn.Module, position: int) -> State:
    """Copy the parameters and buffers of one replica."""
    return {name: value.detach()[position].clone() for name, value in stack.state_dict().items()}


class Rule(Protocol):
    """Evaluates a stack at the end of an epoch, and selects the replicas to stop."""

    name: str
    history: list[list[tuple[int, float]]]

    def evaluate(self, stack: nn.Module, replicas: Sequence[int], step: int) -> list[int]:
        """Return the positions in the stack (not the numbers) of the replicas that stop now."""

    def final_state(self, stack: nn.Module, position: int, replica: int) -> State:
        """Return the final weights of a replica."""


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad row indices to equal length: ``(R, n)`` indices, and a mask of the original ones."""
    lengths = torch.tensor([len(r) for r in rows])
    index = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return index, torch.arange(index.shape[1]) < lengths[:, None]


def _rows_at_once(pool: Pool, replicas: Sequence[int]) -> int:
    numbers = max(1, math.prod(pool.X.shape[1:]))
    return max(1, min(_ROWS_AT_ONCE, _NUMBERS_AT_ONCE // numbers) // len(replicas))


class EarlyStopping:
    """Stop a replica, at its best weights, whose score on its validation rows no longer improves."""

    name = "early_stopping"

    def __init__(self, tasks: Sequence[Task], pool: Pool, settings: Settings) -> None:
        assert settings.early_stopping is not None
        if any(task.validation_rows is None or not len(task.validation_rows) for task in tasks):
            raise ValueError("Early stopping needs validation_rows, but a task has none: give it some.")
        self._score, self._patience, self._pool = settings.early_stopping, settings.patience, pool
        self._rows = [pool.validation_rows(task) for task in tasks]
        self._labels = [task.table.labels()[task.validation_rows] for task in tasks]
        self._classes = [task.table.n_classes for task in tasks]
        self._best = np.full(len(tasks), -np.inf)
        self._stale = np.zeros(len(tasks), dtype=int)
        self._states: list[State] = [{} for _ in tasks]
        self.history: list[list[tuple[int, float]]] = [[] for _ in tasks]

    def evaluate(self, stack: nn.Module, replicas: Sequence[int], step: int) -> list[int]:
        """Score every replica and keep the weights of those that improved."""
        probabilities = self._probabilities(stack, replicas)
        done = []
        for position, (replica, proba) in enumerate(zip(replicas, probabilities, strict=True)):
            score = float(self._score(self._labels[replica], proba))
            self.history[replica].append((step, score))
            if score > self._best[replica] or not self._states[replica]:
                self._best[replica], self._stale[replica] = np.nan_to_num(score, nan=-np.inf), 0
                self._states[replica] = replica_state(stack, position)
            else:
                self._stale[replica] += 1
            if self._stale[replica] >= self._patience:
                done.append(position)
        return done

    def final_state(self, stack: nn.Module, position: int, replica: int) -> State:
        """Return the best weights seen."""
        return self._states[replica] or replica_state(stack, position)

    @torch.no_grad()
    def _probabilities(self, stack: nn.Module, replicas: Sequence[int]) -> list[np.ndarray]:
        index, _ = padded([self._rows[replica] for replica in replicas])
        stack.eval()
        parts = [
            stack(self._pool.X[columns.to(self._pool.X.device)])
            for columns in index.split(_rows_at_once(self._pool, replicas), dim=1)
        ]
        stack.train()
        logits = torch.cat(parts, dim=1).double()
        return [
            logits[position, : len(self._rows[replica]), : self._classes[replica]].softmax(dim=-1).cpu().numpy()
            for position, replica in enumerate(replicas)
        ]


class GradientTolerance:
    """Stop a replica once the gradient of its loss is small, over all training rows or a few.

    Its history holds the norm of each evaluation.
    """

    name = "gradient_tolerance"

    def __init__(
        self,
        rows: Sequence[Tensor],
        weights: Sequence[Tensor | None],
        pool: Pool,
        settings: Settings,
        losses: RowLosses,
        generators: Sequence[torch.Generator],
    ) -> None:
        assert settings.gradient_tolerance is not None
        self._few, self._generators = settings.gradient_rows, generators
        self.history: list[list[tuple[int, float]]] = [[] for _ in rows]
        self._tolerance, self._rows, self._pool, self._losses = (
            settings.gradient_tolerance,
            rows,
            pool,
            losses,
        )
        self._weights = [torch.ones(len(r)) if w is None else w for r, w in zip(rows, weights, strict=True)]

    def evaluate(self, stack: nn.Module, replicas: Sequence[int], step: int) -> list[int]:
        """Compare the norm of each replica's full gradient with the tolerance."""
        norms = self.gradient_norms(stack, replicas).tolist()
        for replica, norm in zip(replicas, norms, strict=True):
            self.history[replica].append((step, norm))
        return [position for position, norm in enumerate(norms) if norm <= self._tolerance]

    def final_state(self, stack: nn.Module, position: int, replica: int) -> State:
        """Return the current weights."""
        return replica_state(stack, position)

    def gradient_norms(self, stack: nn.Module, replicas: Sequence[int]) -> Tensor:
        """Norm ``(R,)`` of the gradient of the mean weighted loss over the rows of an evaluation, dropout off."""
        device = self._pool.X.device
        seen = [self._seen(replica) for replica in replicas]
        index, real = padded([self._rows[r][part] for r, part in zip(replicas, seen, strict=True)])
        parts = [self._weights[r][part] for r, part in zip(replicas, seen, strict=True)]
        weights = nn.utils.rnn.pad_sequence(parts, batch_first=True) * real
        weights = (weights / real.sum(dim=1, keepdim=True)).to(device, self._pool.X.dtype)
        stack.eval()
        stack.zero_grad()
        at_once = _rows_at_once(self._pool, replicas)
        for columns, share in zip(index.to(device).split(at_once, dim=1), weights.split(at_once, dim=1), strict=True):
            losses = self._losses(stack(self._pool.X[columns]), self._pool.target[columns])
            (losses * share).sum().backward()
        stack.train()
        squares = [
            p.grad.reshape(len(p.grad), -1).square().sum(dim=1) for p in stack.parameters() if p.grad is not None
        ]
        stack.zero_grad()
        return torch.stack(squares).sum(dim=0).sqrt()

    def _seen(self, replica: int) -> Tensor | slice:
        """Return the rows of a replica for an evaluation."""
        n_rows = len(self._rows[replica])
        if self._few is None or self._few >= n_rows:
            return slice(None)
        return torch.randperm(n_rows, generator=self._generators[replica])[: self._few]
