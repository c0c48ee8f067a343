"""What a model uses, on the held-out rows of a fold: permutation importance and partial dependence of columns.

Permutation importance (Breiman 2001, Random Forests; Fisher, Rudin and Dominici 2019, All Models are Wrong, but Many
are Useful): how much worse the score gets when the cells of some columns are swapped between rows. Partial dependence
(Friedman 2001, Greedy Function Approximation): the mean probability when these cells are the same in all rows.

All features that come from the columns move at once, and take the values that they have in another row: dates stay
dates, texts stay texts, and columns that go together stay together.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.experiments.arms import Arm
from equipoise.experiments.outcome import Outcome
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import Reader, one_hot
from equipoise.experiments.scores import Metric

CURVE_ROWS = 300
"""Rows that a response curve is a mean of."""
CURVES = 12
"""Most important groups of columns of a fold that have a response curve."""
BAND = (0.1, 0.9)
"""Quantiles of rows between which the band of a response curve lies."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of the model of a fold."""

    rows: NDArray[np.int64]  # (n,): test rows, by their place on the test side
    weights: Floats | None  # (n,): by which they stand for all test rows
    blocks: Sequence[NDArray[np.int64]]  # features of each group of columns, by their place
    # for each group, training rows that hold the values of its response curve; -1 where there is none
    donors: Sequence[NDArray[np.int64]]
    reader: Reader | None  # turns probabilities into what is scored; None for the decision of the model itself
    natural: Callable[[NDArray[Any]], NDArray[Any]]  # corrects probabilities to the observed class priors
    metric: Metric
    rare: int  # code of the rarest class; `positive` is the class of the response curves
    positive: int
    n_permutations: int
    outcome: Outcome | None = None  # what is scored in place of the metric, where the user's terms rank


@dataclass(frozen=True, eq=False)
class Answers:
    """How much worse the score is by group and permutation ``(g, r)``, and curves by group: (points, 3)."""

    losses: Floats
    curves: dict[int, Floats]


def explain_fold(arm: Arm, protocol: Protocol, fold: PreparedFold, asked: Asked) -> Answers:
    """Fit the classifier of an arm on the training side of a fold, as for its scores, and ask what it uses.

    Curves hold the mean probability of the positive class and the `BAND` of rows, NaN where a value has no donor.
    """
    rng = np.random.default_rng(fold.fold.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the comparison has told them
        model: Any = arm.make(fold, protocol)
        model.fit(fold.X_train, fold.y_train, **arm.fit_parameters(fold))
        X, codes = taken(fold.X_test, asked.rows), fold.y_test[asked.rows]
        shares = None if asked.weights is None else asked.weights / asked.weights.sum()

        def score(changed: Any) -> float:
            if asked.outcome is not None:
                proba = asked.natural(_probabilities(model, model.predict_proba(changed), fold.n_classes))
                return asked.outcome.of(codes, proba, asked.weights)
            return asked.metric.of(codes, _read(model, changed, fold.n_classes, asked), asked.rare, asked.weights)

        def elsewhere() -> NDArray[np.int64]:
            return rng.permutation(len(X)) if shares is None else rng.choice(len(X), len(X), p=shares)

        sign = 1 if (asked.outcome or asked.metric).greater_is_better else -1
        before = score(X)
        losses = np.zeros((len(asked.blocks), asked.n_permutations))
        for place in np.ndindex(losses.shape):
            if len(block := asked.blocks[place[0]]):
                losses[place] = sign * (before - score(replaced(X, block, X, elsewhere())))
        some = taken(X, rng.choice(len(X), min(len(X), CURVE_ROWS), replace=False, p=shares))
        first = np.argsort(-losses.mean(axis=1), kind="stable")[:CURVES]
        curves = {
            int(group): _curve(model, some, asked, int(group), fold) for group in first if len(asked.donors[group])
        }
    return Answers(losses, curves)


def _curve(model: Any, X: Any, asked: Asked, group: int, fold: PreparedFold) -> Floats:
    points = []
    for donor in asked.donors[group]:
        if donor < 0:
            points.append([np.nan] * 3)
            continue
        changed = replaced(X, asked.blocks[group], fold.X_train, np.full(len(X), donor))
        proba = asked.natural(_probabilities(model, model.predict_proba(changed), fold.n_classes))[:, asked.positive]
        points.append([proba.mean(), *np.quantile(proba, BAND)])
    return np.array(points)


def _read(model: Any, X: Any, n_classes: int, asked: Asked) -> NDArray[Any]:
    theirs = model.predict_proba(X)
    if asked.reader is None and asked.metric.at_threshold and hasattr(model, "predict_from_proba"):
        return one_hot(model.predict_from_proba(theirs), n_classes)
    proba = _probabilities(model, theirs, n_classes)
    return proba if asked.reader is None else asked.reader(proba)


def _probabilities(model: Any, theirs: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    proba = np.zeros((len(theirs), n_classes))
    proba[:, model.classes_] = theirs
    return proba


def taken(X: Any, rows: NDArray[np.int64]) -> Any:
    """Return rows of an array or a data frame."""
    return X.iloc[rows].reset_index(drop=True) if hasattr(X, "iloc") else X[rows]


def replaced(X: Any, block: NDArray[np.int64], source: Any, rows: NDArray[np.int64]) -> Any:
    """Return rows whose features of a block are those of other rows."""
    changed = X.copy()
    if not hasattr(X, "iloc"):
        changed[:, block] = source[rows[:, None], block]
        return changed
    for place in block:
        changed.isetitem(place, source.iloc[rows, place].array)
    return changed
