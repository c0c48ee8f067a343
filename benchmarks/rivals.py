"""Other ways to train the network of the benchmark, as their users write them."""

import warnings
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import Contestant

LOADER, EAGER, SKORCH, SCIKIT_LEARN = "DataLoader", "eager loop", "skorch", "scikit-learn"


def rivals(X: NDArray[np.float32], y: NDArray[np.int64], hidden: tuple[int, ...], batch_size: int) -> list[Contestant]:
    """Return the contestants; each trains on ``len(X) / batch_size`` steps an epoch, whole epochs only."""
    epoch_steps = len(X) // batch_size
    runs = {LOADER: _loader_loop, EAGER: _eager_loop, SKORCH: _skorch, SCIKIT_LEARN: _scikit_learn}

    def contestant(name: str) -> Contestant:
        return Contestant(name, lambda steps: runs[name](X, y, hidden, batch_size, steps // epoch_steps))

    return [contestant(name) for name in runs]


def _network(n_features: int, hidden: tuple[int, ...]) -> nn.Sequential:
    sizes = (n_features, *hidden)
    layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 2))


def _loader_loop(
    X: NDArray[np.float32], y: NDArray[np.int64], hidden: tuple[int, ...], batch_size: int, epochs: int
) -> None:
    """Train from a DataLoader, which takes rows one by one, and read the norm of the gradient at each step."""
    loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size, shuffle=True)
    model = _network(X.shape[1], hidden)
    optimizer = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for rows, labels in loader:
            optimizer.zero_grad()
            criterion(model(rows), labels).backward()
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm().item()
            optimizer.step()


def _eager_loop(
    X: NDArray[np.float32], y: NDArray[np.int64], hidden: tuple[int, ...], batch_size: int, epochs: int
) -> None:
    """Train from tensors indexed by a permutation, with fused AdamW: a plain loop at its best."""
    rows, labels = torch.from_numpy(X), torch.from_numpy(y)
    model = _network(X.shape[1], hidden)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch_size):
            batch = order[start : start + batch_size]
            cross_entropy(model(rows[batch]), labels[batch]).backward()
            optimizer.step()
            optimizer.zero_grad()


def _skorch(
    X: NDArray[np.float32], y: NDArray[np.int64], hidden: tuple[int, ...], batch_size: int, epochs: int
) -> None:
    NeuralNetClassifier(
        _network(X.shape[1], hidden),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        batch_size=batch_size,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    ).fit(X, y)


def _scikit_learn(
    X: NDArray[np.float32], y: NDArray[np.int64], hidden: tuple[int, ...], batch_size: int, epochs: int
) -> None:
    model = MLPClassifier(hidden, batch_size=batch_size, max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are given, not sought
        model.fit(X, y)
