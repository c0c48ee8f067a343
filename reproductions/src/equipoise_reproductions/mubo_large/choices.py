"""Ways to choose rows of the majority class: at random, by what a pilot network says of them, by MUBO.

Every way keeps all minority rows and a share of the majority rows, but `random`, which draws as many of all rows alike.
Where a row's probability is known as a function of its features, a choice says so; else all majority rows kept stand
for as many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from equipoise import MUBO
from equipoise.bilevel.inclusion import inclusion_for, systematic
from equipoise.training import FittedEnsemble, Settings, Table, Task, fit
from equipoise.training.scaling import Standardizer

_FLOOR = 0.3
_PILOT = Settings(network=(64, 64), batch_size=256, max_steps=150, learning_rate=5e-3, dropout=0.3)
_SCALED_ON, _CENTRES_OF, _ROWS_AT_ONCE = 100_000, 20_000, 1 << 16

Rows = NDArray[np.int64]
Proba = Callable[[Any], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Choice:
    """Rows that were chosen.

    Attributes
    ----------
    rows : ndarray of int
    probabilities : ndarray of shape (len(rows),)
        Of each row to be chosen; the share of its class that was, where it is not known.
    inclusion : callable
        ``X -> probabilities`` of majority rows with such features.
    """

    rows: Rows
    probabilities: NDArray[np.float64]
    inclusion: Proba


def everything(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """All rows."""
    return Choice(np.arange(len(y)), np.ones(len(y)), lambda rows: np.ones(len(rows)))


def random(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """As many rows, of all alike, and at least one of each class."""
    n = size + int((y == 1).sum())
    rows = np.union1d(rng.choice(len(y), n, replace=False), [np.argmax(y == 0), np.argmax(y == 1)])
    return Choice(rows, np.full(len(rows), n / len(y)), lambda X: np.ones(len(X)))


def balanced(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """All minority rows, and majority rows at random."""
    return _kept(y, rng.choice(np.flatnonzero(y == 0), size, replace=False))


def margin(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """The majority rows on which a pilot is the least certain."""
    return _first(y, -np.abs(_pilot(X, y, size, rng)(X)), size)


def loss(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """Majority rows drawn in proportion to their loss under a pilot."""
    score = _pilot(X, y, size, rng)
    return _drawn(X, y, size, rng, lambda rows: np.logaddexp(0, score(rows)))


def el2n(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """Majority rows drawn in proportion to the length of the pilot's error, as EL2N measures (Paul et al., 2021)."""
    score = _pilot(X, y, size, rng)
    return _drawn(X, y, size, rng, lambda rows: expit(score(rows)))


def rho(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """The majority rows with the most reducible loss (Mindermann et al., "RHO-loss", 2022).

    It is the loss under a pilot less that under another pilot, trained on other rows.
    """
    apart = rng.random(len(y)) < 0.5
    scores = [
        _pilot(X[side], y[side], min(size, int((y[side] == 0).sum())), rng)
        for side in map(np.flatnonzero, (apart, ~apart))
    ]
    losses = [np.logaddexp(0, score(X)) for score in scores]
    return _first(y, np.where(apart, 1, -1) * (losses[0] - losses[1]), size)


def k_centre(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """Majority rows that lie next to all others, chosen greedily among at most 20,000 (Sener and Savarese, 2018)."""
    majority = np.flatnonzero(y == 0)
    some = rng.choice(majority, min(_CENTRES_OF, len(majority)), replace=False)
    rows = Standardizer.of(X[some]).transform(X[some].astype(np.float32))
    squares, near, chosen = (rows**2).sum(axis=1), np.full(len(rows), np.inf, dtype=np.float32), [0]
    for _ in range(size - 1):
        last = rows[chosen[-1]]
        np.minimum(near, squares - 2 * (rows @ last) + last @ last, out=near)
        chosen.append(int(near.argmax()))
    return _kept(y, some[chosen])


def search(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """What MUBO's search by row accepts, cut at random to as many rows."""
    mubo = MUBO(max_iter=20, max_steps=1000, random_state=int(rng.integers(1 << 31)))
    mubo.fit_resample(X, y)
    accepted = mubo.sample_indices_[y[mubo.sample_indices_] == 0]
    return _kept(y, rng.choice(accepted, min(size, len(accepted)), replace=False))


def score(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Choice:
    """What MUBO's learned score draws."""
    share = size / (y == 0).sum()
    mubo = MUBO(selector="score", majority_fraction=share, random_state=int(rng.integers(1 << 31)))
    mubo.fit_resample(X, y)
    return Choice(mubo.sample_indices_, mubo.inclusion_probabilities_, lambda X: mubo.inclusion_proba(X)[:, 0])


WAYS = {
    "all": everything,
    "random": random,
    "balanced": balanced,
    "margin": margin,
    "loss": loss,
    "rho": rho,
    "el2n": el2n,
    "k-centre": k_centre,
    "search": search,
    "score": score,
}


def _kept(y: NDArray[Any], majority: Rows) -> Choice:
    """Keep all minority rows and these; how likely they were is not known row by row, so all count alike."""
    share = len(majority) / int((y == 0).sum())
    rows = np.union1d(np.flatnonzero(y == 1), majority)
    return Choice(rows, np.where(y[rows] == 0, share, 1.0), lambda X: np.full(len(X), share))


def _first(y: NDArray[Any], values: NDArray[np.float64], size: int) -> Choice:
    majority = np.flatnonzero(y == 0)
    return _kept(y, majority[np.argsort(-values[majority], kind="stable")[:size]])


def _drawn(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator, score: Proba) -> Choice:
    """Draw majority rows in proportion to a score, a part of them uniformly."""
    majority, minority = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    scores = np.maximum(score(X[majority]), 1e-12)
    inclusion = inclusion_for(scores, size, _FLOOR)
    places = systematic(inclusion, scores, rng)
    chances = np.concatenate([np.ones(len(minority)), inclusion.of(scores[places])])
    return Choice(np.concatenate([minority, majority[places]]), chances, lambda rows: inclusion.of(score(rows)))


def _pilot(X: Any, y: NDArray[Any], size: int, rng: np.random.Generator) -> Proba:
    """Train a network on class-balanced random rows, weighted to the shares of all rows; return its log-odds."""
    of = balanced(X, y, size, rng)
    scaler = Standardizer.of(X[rng.choice(len(X), min(len(X), _SCALED_ON), replace=False)], clip=5.0)
    table = Table(scaler.transform(X[of.rows].astype(np.float32)), y[of.rows], 2)
    weights = 1 / of.probabilities
    task = Task(table, int(rng.integers(1 << 31)), _PILOT, weights=weights / weights.mean())
    network = FittedEnsemble(fit([task]), np.arange(2), scaler)

    def log_odds(rows: Any) -> NDArray[np.float64]:
        parts = range(0, len(rows), _ROWS_AT_ONCE)
        found = [network.predict_proba(rows[i : i + _ROWS_AT_ONCE].astype(np.float32))[:, 1] for i in parts]
        return logit(np.clip(np.concatenate(found), 1e-12, 1 - 1e-12))

    return log_odds
