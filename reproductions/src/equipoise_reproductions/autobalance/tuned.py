"""The rivals of a loss that is searched for: the same loss with few strengths, tried on the same rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from equipoise import AutoBalance, NeuralClassifier
from equipoise.bilevel.found_loss import FoundLoss
from equipoise.classifiers.scores import SCORES
from equipoise.losses.counts import log_priors, shares_of_largest
from equipoise.metrics import balanced_accuracy
from equipoise.training import FittedEnsemble, Task, fit

Strengths = tuple[float, float]
Network = str | nn.Module | Callable[..., nn.Module]


class TunedLossClassifier(ClassifierMixin, BaseEstimator):
    """Networks with `VSLoss`, whose tau and gamma are those that did best on rows set aside.

    Each member sets aside the rows that `AutoBalance` would, trains once for every pair of tau and gamma, and again
    on all rows with the pair whose balanced error is the least in the mean over members; balanced cross-entropy
    decides among equals.

    Parameters
    ----------
    taus, gammas : sequence of float
        With ``gammas=(0,)`` it is logit adjustment, with ``taus=(0,)`` class-dependent temperatures.
    network : str, nn.Module or callable, default="mlp"
        As `NeuralClassifier` takes it.
    n_members, max_steps : int
    random_state : int

    Attributes
    ----------
    tau_, gamma_ : float
        Chosen.
    """

    def __init__(
        self,
        *,
        taus: Sequence[float] = (0.0,),
        gammas: Sequence[float] = (0.0,),
        network: Network = "mlp",
        n_members: int = 1,
        max_steps: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.taus = taus
        self.gammas = gammas
        self.network = network
        self.n_members = n_members
        self.max_steps = max_steps
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> "TunedLossClassifier":
        """Try every pair, and train with the best; X of shape (n, *features), y of shape (n,)."""
        self._model = NeuralClassifier(
            network=self.network,
            n_members=self.n_members,
            max_steps=self.max_steps,
            standardize=False,
            random_state=self.random_state,
        )
        job = self._model.prepare(X, y)
        self.classes_ = np.unique(y)
        pairs = list(product(self.taus, self.gammas))
        self.tau_, self.gamma_ = self._best(job.tasks, pairs)
        job.finish(fit(list(_with_loss(job.tasks, (self.tau_, self.gamma_)))))
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Mean probabilities of the members, of shape (n, n_classes)."""
        return self._model.predict_proba(X)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Most probable label of each row."""
        return self._model.predict(X)

    def _best(self, tasks: Sequence[Task], pairs: Sequence[Strengths]) -> Strengths:
        split = AutoBalance().split
        parts = [split(task.table.cells(), task.seed) for task in tasks]
        trials = [replace(task, rows=train) for task, (train, _) in zip(tasks, parts, strict=True)]
        networks = iter(fit([task for pair in pairs for task in _with_loss(trials, pair)]))
        worth = {}
        for pair in pairs:
            members = []
            for task, (_, chooses) in zip(tasks, parts, strict=True):
                proba = FittedEnsemble([next(networks)], self.classes_).predict_proba(task.table.X[chooses])
                codes = task.table.y[chooses]
                members.append(
                    (balanced_accuracy(codes, proba.argmax(axis=1)), SCORES["balanced_log_loss"](codes, proba))
                )
            worth[pair] = tuple(np.mean(members, axis=0).round(9))
        return max(worth, key=worth.__getitem__)


def _with_loss(tasks: Iterable[Task], strengths: Strengths) -> Iterable[Task]:
    """Give tasks a loss of their own class counts: all of them can then train in one stack."""
    tau, gamma = strengths
    for task in tasks:
        counts = torch.from_numpy(np.bincount(task.labels(), minlength=task.table.n_classes))
        offset, delta = tau * log_priors(counts), shares_of_largest(counts, gamma)
        found = {"w": np.ones(len(counts)), "offset": offset.numpy(), "delta": delta.numpy()}
        settings = replace(task.settings, outer=AutoBalance())
        yield replace(task, settings=settings, found=FoundLoss(found, np.empty(0, dtype=np.int64), {}))
