"""Recipes in the papers' experiments train the networks that they were run with."""

from types import SimpleNamespace

import pytest

from equipoise import MUBOClassifier, NeuralClassifier, recipes
from equipoise.experiments.protocol import Protocol
from equipoise_reproductions.autobalance.arms import TABLES
from equipoise_reproductions.chance.arms import arms as of_chance
from equipoise_reproductions.gans.study import arms as of_gans

FOLD = SimpleNamespace(fold=SimpleNamespace(seed=3))
PROTOCOL = Protocol((), n_folds=2, n_repeats=1, n_members=2, max_steps=70, random_state=0)
ARMS = [*of_gans(quick=True), *of_chance(), *TABLES]


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_networks_of_their_class(arm):
    model = arm.make(FOLD, PROTOCOL)
    if not isinstance(model, NeuralClassifier | MUBOClassifier):
        pytest.skip("tunes a loss around a network of its own")
    own, defaults = model.get_params(deep=False), type(model)().get_params(deep=False)
    assert {name: own[name] for name in recipes.NETWORK} == {name: defaults[name] for name in recipes.NETWORK}
    assert (model.n_members, model.max_steps, model.random_state) == (2, 70, 3)
