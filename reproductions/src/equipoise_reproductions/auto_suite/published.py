"""TabM as published (Gorishniy, Kotelnikov and Babenko, ICLR 2025), through the authors' package and a plain loop.

Settings are those of the package's own notebook: AdamW, rate 0.002, weight decay 0.0003, batches of 256 rows, the
mean of the k members' losses, early stopping with patience 16, here by the log loss of the mean probabilities on a
fifth of the training rows; numbers through piecewise-linear embeddings by quantiles.
"""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional

from equipoise_reproductions.auto_suite.references import library

_BATCH, _RATE, _DECAY, _PATIENCE = 256, 2e-3, 3e-4, 16
_BINS, _EMBEDDED = 48, 16
_MEMBERS = 8  # that share their weights but for what makes each its own
_VALIDATION = 0.2


class TabM(ClassifierMixin, BaseEstimator):
    """TabM on standardised numbers, by early stopping.

    Parameters
    ----------
    max_epochs, random_state : int
    """

    def __init__(self, *, max_epochs: int, random_state: int) -> None:
        self.max_epochs = max_epochs
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:
        """Train until the held-out fifth of the rows has not improved for 16 epochs; keep the best epoch.

        Raises
        ------
        ValueError
            If ``tabm`` or ``rtdl_num_embeddings`` is not installed.
        """
        self.classes_, codes = np.unique(y, return_inverse=True)
        train, held_out = train_test_split(
            np.arange(len(X)), test_size=_VALIDATION, stratify=codes, random_state=self.random_state
        )
        self._kept = X[train].min(axis=0) < X[train].max(axis=0)
        rows, targets = self._rows(X), torch.from_numpy(codes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self._network = _network(rows[train], len(self.classes_))
            self._train(rows, targets, torch.from_numpy(train), torch.from_numpy(held_out))
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Mean of the members' probabilities."""
        return self._log_probabilities(self._rows(X)).double().exp().numpy()

    def _rows(self, X: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(X[:, self._kept], dtype=np.float32))

    def _train(self, rows: Tensor, targets: Tensor, train: Tensor, held_out: Tensor) -> None:
        optimizer = torch.optim.AdamW(self._network.parameters(), lr=_RATE, weight_decay=_DECAY)
        best, best_loss, since = self._network.state_dict(), float("inf"), 0
        for _ in range(self.max_epochs):
            self._network.train()
            for batch in train[torch.randperm(len(train))].split(_BATCH):
                logits = self._network(rows[batch])
                loss = functional.cross_entropy(logits.flatten(0, 1), targets[batch].repeat_interleave(_MEMBERS))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            held_out_loss = float(functional.nll_loss(self._log_probabilities(rows[held_out]), targets[held_out]))
            since += 1
            if held_out_loss < best_loss:
                best = {name: value.clone() for name, value in self._network.state_dict().items()}
                best_loss, since = held_out_loss, 0
            if since == _PATIENCE:
                break
        self._network.load_state_dict(best)

    def _log_probabilities(self, rows: Tensor) -> Tensor:
        self._network.eval()
        with torch.no_grad():
            logits = torch.cat([self._network(part) for part in rows.split(4 * _BATCH)])
        return logits.log_softmax(dim=-1).logsumexp(dim=1) - np.log(_MEMBERS)


def _network(rows: Tensor, n_classes: int) -> torch.nn.Module:
    embeddings = library("rtdl_num_embeddings")
    bins = embeddings.compute_bins(rows, n_bins=min(_BINS, len(rows) - 1))
    embedded = embeddings.PiecewiseLinearEmbeddings(bins, _EMBEDDED, activation=False, version="B")
    return library("tabm").TabM.make(n_num_features=rows.shape[1], d_out=n_classes, k=_MEMBERS, num_embeddings=embedded)
