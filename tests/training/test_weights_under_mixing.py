"""Weights of rows whose labels are mixed: each label counts with the weight of its own row."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from equipoise import BatchSMOTE, MixUp, NeuralClassifier, RebalancedMixup, ReMix

QUICK = {"hidden_layer_sizes": (16,), "max_steps": 200, "learning_rate": 0.02, "random_state": 0}
TRANSFORMS = [MixUp(alpha=1.0), ReMix(alpha=1.0), RebalancedMixup(alpha=1.0), BatchSMOTE()]


def rows(n=300):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), rng.integers(0, 2, n)


def mean_proba(transform, weights=None, **parameters):
    X, y = rows()
    classifier = NeuralClassifier(batch_transform=transform, **QUICK, **parameters)
    return classifier.fit(X, y, sample_weight=weights).predict_proba(X)[:, 1].mean()


@pytest.mark.parametrize("transform", [None, *TRANSFORMS], ids=repr)
def test_a_class_that_weighs_nothing_gets_nothing(transform):
    weights = np.where(rows()[1] == 1, 1e-6, 1.0)
    assert mean_proba(transform, weights) < 0.02
    assert mean_proba(transform, class_weight={0: 1.0, 1: 1e-6}) < 0.02


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_weights_shift_the_odds_by_their_ratio(transform):
    """Classes that cannot be told apart: three times the weight, three times the odds."""
    _, y = rows()
    odds = [p / (1 - p) for w in (1.0, 3.0) for p in [mean_proba(transform, np.where(y == 1, w, 1.0))]]
    assert odds[1] / odds[0] == pytest.approx(3.0, rel=0.35)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_equal_weights_are_none(transform):
    X, y = rows()
    plain, weighted = (
        NeuralClassifier(batch_transform=transform, **QUICK | {"max_steps": 20}).fit(X, y, w)
        for w in (None, np.ones(300))
    )
    np.testing.assert_allclose(plain.predict_proba(X), weighted.predict_proba(X), rtol=1e-4, atol=1e-5)


def own_mixing(x, y, weight=None):
    """A user's own: every row is mixed half and half with the next."""
    soft = one_hot(y, 2).to(x)
    if weight is None:
        return (x + x.roll(1, 0)) / 2, (soft + soft.roll(1, 0)) / 2
    total = weight + weight.roll(1)
    return (
        (x + x.roll(1, 0)) / 2,
        (weight[:, None] * soft + (weight[:, None] * soft).roll(1, 0)) / total[:, None],
        total / 2,
    )


def test_a_transform_of_a_users_own():
    weights = np.where(rows()[1] == 1, 1e-6, 1.0)
    assert mean_proba(own_mixing, weights) < 0.02
    with pytest.raises(ValueError, match=r"changes the labels.*third parameter `weight`"):
        mean_proba(lambda x, y: own_mixing(x, y), weights)
    assert mean_proba(lambda x, y: (x + 0.01 * torch.randn_like(x), y), weights) < 0.02


class Tokens(torch.nn.Module):
    """Reads token ids."""

    def __init__(self):
        super().__init__()
        self.embedding, self.output = torch.nn.Embedding(20, 4), torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.output(self.embedding(x.long()).mean(-2))


@pytest.mark.parametrize("transform", [None, *TRANSFORMS], ids=repr)
def test_token_ids_are_never_mixed(transform):
    X = np.random.default_rng(0).integers(0, 20, (60, 5))
    classifier = NeuralClassifier(network=Tokens(), standardize=False, batch_transform=transform, max_steps=3)
    if transform is None:
        assert classifier.fit(X, X[:, 0] > 9).predict(X).shape == (60,)
    else:
        with pytest.raises(ValueError, match=r"reads integers, such as token ids, but batch_transform="):
            classifier.fit(X, X[:, 0] > 9)
