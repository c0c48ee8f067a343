"""Members of `AutoClassifier`'s pool: randomised trees, boosting, a line on codes, and networks of several kinds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from equipoise.classifiers.boosted_trees import BoostedTrees
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble, TrainedNetwork

Rows = NDArray[np.float32]
Codes = NDArray[np.int64]
Weights = NDArray[np.float64]
Member: TypeAlias = ExtraTreesClassifier | HistGradientBoostingClassifier | DummyClassifier | FittedEnsemble

TREES, BOOSTING, LINE = "trees", "boosting", "line"
CHEAP = (TREES, BOOSTING, LINE)
"""Members that are fitted before the networks."""

BINS = 12
MOST_NUMBERS = 1 << 23
"""Numbers that a line or a network is trained on, at most."""

N_TREES = 50
"""Randomised trees: twice as many predict no better in the pool."""

ROUNDS = 100
"""Rounds that boosting of two classes begins with."""

_TREE_ROWS = 10_000  # of a tree, at most
_FIRST_TREES, _RATE = 300, 0.06  # of boosting, and learning rate of its usual number of rounds
_BOOSTING_BINS = 63  # of a feature: 255 predict no better in the pool, in nearly twice the time
_ENOUGH_ROWS = 5_000  # fewer bins rather than fewer rows than this
_FEWEST_BINS = 3


@dataclass(frozen=True)
class Kind:
    """Inputs and training of networks."""

    name: str
    codes: bool  # whether piecewise-linear codes are among the inputs
    sharpness: float  # power of the feature importance that scales features and codes
    dropout: float


def fit_trees(X: Rows, codes: Codes, weights: Weights | None, seed: int, n_trees: int) -> ExtraTreesClassifier:
    """Return extremely randomised trees (Geurts, Ernst and Wehenkel, 2006) of n_trees trees."""
    many = len(X) > _TREE_ROWS
    trees = ExtraTreesClassifier(
        n_trees, min_samples_leaf=2, bootstrap=many, max_samples=_TREE_ROWS if many else None, random_state=seed
    )
    return trees.fit(X, codes, sample_weight=weights)


def first_rounds(n_classes: int, usual: int) -> tuple[int, float]:
    """Return the rounds that boosting begins with, and its learning rate.

    Each round makes a tree for each of several classes: rounds are fewer and larger where those are many.
    """
    rounds = max(min(usual, _FIRST_TREES // n_classes), usual // 5, 1)
    return rounds, _RATE * usual / rounds


def fit_boosting(X: Rows, codes: Codes, weights: Weights | None, seed: int, rounds: int, rate: float) -> Member:
    """Return histogram boosting of some rounds; the class priors where all rows are of one class."""
    boosting = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=rate,
        max_leaf_nodes=15,
        max_bins=_BOOSTING_BINS,
        early_stopping=False,
        random_state=seed,
    )
    model = boosting if len(np.unique(codes)) > 1 else DummyClassifier()
    return model.fit(X, codes, sample_weight=weights)


def boosted_on(member: Member, X: Rows, codes: Codes, weights: Weights | None, rounds: int) -> Member:
    """Go on with boosting to some rounds, on the rows that it was fitted on."""
    if isinstance(member, HistGradientBoostingClassifier):
        member.set_params(warm_start=True, max_iter=rounds).fit(X, codes, sample_weight=weights)
    return member


def fit_line(X: Rows, codes: Codes, weights: Weights | None, n_classes: int) -> FittedEnsemble:
    """Return logistic regression on codes, as a network without hidden layers."""
    seen = np.unique(codes)
    slopes, offsets = np.zeros((X.shape[1], n_classes)), np.full(n_classes, _ABSENT)
    if len(seen) == 1:
        offsets[seen] = 0
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the pool judges what was reached
            line = LogisticRegression(C=0.1, max_iter=100).fit(X, codes, sample_weight=weights)
        both = len(line.coef_) == 1  # of two classes, those of the second
        slopes[:, seen] = np.concatenate([0 * line.coef_, line.coef_]).T if both else line.coef_.T
        offsets[seen] = np.concatenate([0 * line.intercept_, line.intercept_]) if both else line.intercept_
    layer = {"weights.0": slopes.astype(np.float32), "biases.0": offsets[None].astype(np.float32)}
    return FittedEnsemble([TrainedNetwork(layer, None, True, 0.0, 0, "max_steps")], np.arange(n_classes))


_ABSENT = -50.0  # logit of a class without training rows


def importances(trees: ExtraTreesClassifier) -> Rows:
    """Return the decrease of impurity by each feature, scaled to mean 1; all 1 if no feature is informative."""
    found = trees.feature_importances_
    return (found * len(found) if found.any() else np.ones(len(found))).astype(np.float32)


def fit_encoder(X: Rows) -> PiecewiseLinearEncoder | None:
    """Return codes by quantiles, of fewer bins on wide tables; None for tables too wide for any."""
    bins = min(BINS, MOST_NUMBERS // (min(len(X), _ENOUGH_ROWS) * X.shape[1]) - 1)
    return PiecewiseLinearEncoder(bins).fit(X) if bins >= _FEWEST_BINS else None


def scales(importance: Rows, kind: Kind, encoder: PiecewiseLinearEncoder | None) -> Rows:
    """Scale of each input of a kind of networks."""
    of_features = importance**kind.sharpness
    if not kind.codes or encoder is None:
        return of_features
    return np.concatenate([of_features, of_features[encoder.columns_]])


def merged(networks: Sequence[TrainedNetwork], inputs: Sequence[Rows], n_classes: int) -> FittedEnsemble:
    """Return networks as one ensemble on inputs that are not scaled: scales move into the first layers."""
    ensemble = FittedEnsemble(networks, np.arange(n_classes))
    first = ensemble.weights_["weights.0"]
    ensemble.weights_["weights.0"] = (np.stack(inputs)[:, :, None].astype(np.float64) * first).astype(first.dtype)
    return ensemble


def reads_codes(member: Member, n_features: int) -> bool:
    """Whether a member reads codes beside the features."""
    return isinstance(member, FittedEnsemble) and member.weights_["weights.0"].shape[1] > n_features


def answers(member: Member, coded: Rows, n_features: int, n_classes: int) -> NDArray[np.float64]:
    """Probabilities (n, n_classes) of rows by a member.

    Trees read the features; a line and networks the features alone or with codes.
    """
    if isinstance(member, FittedEnsemble):
        return member.predict_proba(coded[:, : member.weights_["weights.0"].shape[1]])
    features = np.ascontiguousarray(coded[:, :n_features])
    proba = np.zeros((len(coded), n_classes))
    if isinstance(member, ExtraTreesClassifier):
        proba[:, member.classes_] = _of_trees(member, features)
    else:
        boosted = isinstance(member, HistGradientBoostingClassifier)
        proba[:, member.classes_] = (BoostedTrees.of(member) if boosted else member).predict_proba(features)
    return proba


def _of_trees(trees: ExtraTreesClassifier, features: Rows) -> NDArray[np.float64]:
    """Return what ``predict_proba`` does, in a fraction of the time on few rows: it checks the rows for every tree."""
    total = sum(tree.tree_.predict(features) for tree in trees.estimators_)
    return total / len(trees.estimators_)


def sample_by_class(codes: Codes, most: int, seed: int) -> Codes:
    """Positions of at most about ``most`` rows: all of a class that has few, a random part of others.

    Each class has its share of them, or up to half the rows divided by the number of classes.

    >>> codes = np.repeat([0, 1], [9900, 100])
    >>> np.bincount(codes[sample_by_class(codes, 1000, seed=0)])
    array([990, 100])
    """
    if len(codes) <= most:
        return np.arange(len(codes))
    rng, counts = np.random.default_rng(seed), np.bincount(codes)
    wanted = np.maximum(most * counts // len(codes), np.minimum(counts, most // (2 * len(counts))))
    of_classes = np.split(np.argsort(codes, kind="stable"), counts.cumsum()[:-1])
    return np.sort(np.concatenate([rng.permutation(rows)[:n] for rows, n in zip(of_classes, wanted, strict=True)]))


def some_rows(codes: Codes, most: int, seed: int) -> Codes:
    """Positions of at most ``most`` random rows, and of one row of each class."""
    if len(codes) <= most:
        return np.arange(len(codes))
    chosen = np.random.default_rng(seed).permutation(len(codes))[:most]
    return np.union1d(chosen, np.unique(codes, return_index=True)[1])
