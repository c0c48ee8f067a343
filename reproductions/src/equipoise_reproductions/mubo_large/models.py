"""A model trained on chosen rows, by weights or with its odds corrected, and what both halves of it cost."""

import time
from functools import cache
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier

from equipoise import MUBO, NeuralClassifier
from equipoise_reproductions.mubo_large.choices import WAYS

MODELS = {"lightgbm": "LightGBM", "hist": "scikit-learn's boosting", "network": "network"}
READINGS = ("corrected", "weighted")


def installed(model: str) -> bool:
    """Whether the package of a model is installed."""
    return model != "lightgbm" or find_spec("lightgbm") is not None


class OnChosenRows(ClassifierMixin, BaseEstimator):
    """A model on rows chosen from those of a fold; 1 is the minority.

    Parameters
    ----------
    way : str
        Of `WAYS`.
    model : str
        Of `MODELS`.
    reading : {"corrected", "weighted"}
        Rows as they are, the odds divided by those of being chosen; or weights, one over the probability.
    fraction : float
        Share of the majority rows.
    seed : int
    """

    def __init__(self, way: str, model: str, reading: str, fraction: float, seed: int) -> None:
        self.way = way
        self.model = model
        self.reading = reading
        self.fraction = fraction
        self.seed = seed

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Choose rows and train on them."""
        _warm_up()
        rare = int(np.bincount(y).argmin())
        own, begun = (y == rare).astype(np.int64), time.process_time()
        size = max(1, int(self.fraction * (own == 0).sum()))
        choice = WAYS[self.way](X, own, size, np.random.default_rng(self.seed))
        chosen = time.process_time()
        weights = None if self.reading == "corrected" else 1 / choice.probabilities
        if weights is not None:
            weights /= weights.mean() if self.model == "network" else 1
        self.model_ = make(self.model, self.seed).fit(X[choice.rows], own[choice.rows], sample_weight=weights)
        self.rare_, self.classes_, self.inclusion_ = rare, np.array([0, 1]), choice.inclusion
        self.sampler_diagnostics_ = [
            {
                "rows": len(choice.rows),
                "majority_rows": int((own[choice.rows] == 0).sum()),
                "search_seconds": chosen - begun,
                "cpu_seconds": time.process_time() - begun,
            }
        ]
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of the classes of the fold, (n, 2)."""
        proba = self.model_.predict_proba(X).astype(np.float64)
        if self.reading == "corrected":
            proba[:, 0] /= self.inclusion_(X)
            proba /= proba.sum(axis=1, keepdims=True)
        return proba if self.rare_ == 1 else proba[:, ::-1]


@cache
def _warm_up() -> None:
    """Let torch compile what it compiles once a process, so that the first search does not pay for all."""
    X = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    MUBO(selector="score", max_steps=4, random_state=0).fit_resample(X, np.arange(400) < 40)


def make(model: str, seed: int) -> Any:
    """Return an unfitted model at its defaults, of one thread; the network's rows are passed ten times."""
    if model == "hist":
        return HistGradientBoostingClassifier(random_state=seed)
    if model == "network":
        return NeuralClassifier(hidden_layer_sizes=(128, 64), batch_size=256, max_epochs=10, random_state=seed)
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed)
