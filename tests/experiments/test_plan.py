"""A comparison is cut to its budget by what its recipes cost."""

import numpy as np
import pandas as pd
import pytest

from equipoise.datasets import split_target
from equipoise.experiments import plan
from equipoise.experiments.protocol import Protocol


@pytest.fixture
def planned(monkeypatch):
    """What is left of a budget, a step of a network taken to last a millisecond."""
    monkeypatch.setattr(plan, "_network_step_seconds", lambda fold, protocol: 1e-3)
    codes = np.arange(300) % 3 // 2
    dataset = split_target(pd.DataFrame({"x": np.arange(300.0), "kind": codes}), "kind")

    def fit(*recipes):
        return plan.fit_to_budget(dataset, codes, Protocol(recipes, 2, 1, 5, 1_000_000, random_state=0), 1000.0)

    return fit


@pytest.fixture
def steps_cut(planned):
    def cut(*recipes):
        found = planned(*recipes)
        assert len(found.notes) == 1 and "gradient steps a network instead of" in found.notes[0]
        return found.max_steps

    return cut


def test_networks_share_the_budget(steps_cut):
    alone = steps_cut("none")
    assert alone == pytest.approx(0.7 * 1000 / (2 * 5 * 1e-3), rel=0.01)
    assert steps_cut("none", "cost", "remix", "gbdt") == pytest.approx(alone / 3, rel=0.01)


@pytest.mark.parametrize("recipe", ["autobalance", "under+autobalance"])
def test_a_loss_that_is_searched_for_counts_as_two_and_a_half(steps_cut, recipe):
    assert steps_cut(recipe, "none") == pytest.approx(steps_cut("none") / 3.5, rel=0.01)


def test_gans_that_are_asked_for_run_beyond_the_budget(planned, monkeypatch):
    """A GAN's time hardly grows with the rows: to scale that of a part by their square would leave it out."""
    monkeypatch.setattr(plan, "_SAMPLER_ROWS", 50)
    monkeypatch.setattr(plan, "_SAMPLER_SHARE", 1e-9)
    found = planned("none", "gbo", "smote")
    assert found.recipes == ("none", "gbo")
    assert any(note.startswith("gbo: the training of its GANs") for note in found.notes)
    assert any(note.startswith("smote was left out") for note in found.notes)
