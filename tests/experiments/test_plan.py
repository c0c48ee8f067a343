"""A comparison is cut to its budget by what its recipes cost."""

from dataclasses import replace

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

    def fit(*recipes, n_repeats=1):
        wish = Protocol(recipes, 2, n_repeats, 5, 1_000_000, random_state=0)
        return plan.fit_to_budget(dataset, codes, wish, 1000.0)

    return fit


@pytest.fixture
def steps_cut(planned):
    def cut(*recipes):
        found = planned(*recipes)
        assert len(found.notes) == 1 and "gradient steps per network instead of" in found.notes[0]
        return found.max_steps

    return cut


def test_networks_share_the_budget(steps_cut):
    alone = steps_cut("none")
    assert alone == pytest.approx(0.7 * 1000 / (2 * 5 * 1e-3), rel=0.01)
    assert steps_cut("none", "cost", "remix", "gbdt") == pytest.approx(alone / 3, rel=0.01)


def test_a_schedule_of_its_own_is_counted_and_cut_alike(planned, monkeypatch):
    """Around its training auto takes 20 s a fold, in it as long as the five networks of none: 5 x 10^6 ms."""
    alone = planned("none").max_steps
    monkeypatch.setattr(plan, "_auto_fit", lambda fold, protocol: plan.AutoFit(20.0, 5000.0, 80_000))
    found = planned("auto", "none")
    left = (700 - 2 * 20) / (2 * (5000 + 5000))
    assert found.max_steps == pytest.approx(1_000_000 * left, rel=0.01) and found.max_steps < alone / 2
    assert found.auto_steps == pytest.approx(80_000 * left, rel=0.01)
    cut, of_auto = found.notes
    assert cut.startswith(f"{found.max_steps} gradient steps per network instead of 1000000")
    assert of_auto.startswith(f"auto: {found.auto_steps} gradient steps of its longest networks instead of 80000 to")
    found = planned("auto", "gbdt")
    assert found.auto_steps == pytest.approx(80_000 * 660 / 10_000, rel=0.01) and len(found.notes) == 1


def test_repeats_go_first(planned, monkeypatch):
    monkeypatch.setattr(plan, "_auto_fit", lambda fold, protocol: plan.AutoFit(10.0, 90.0, 80_000))
    found = planned("auto", n_repeats=9)
    assert found.n_repeats == 3 and found.auto_steps is None  # of 200 s each
    assert [note[:20] for note in found.notes] == ["3 repeats instead of"]


def test_what_it_takes_is_measured_on_its_own_tasks():
    codes = np.arange(120) % 4 // 3
    rng = np.random.default_rng(0)
    dataset = split_target(pd.DataFrame({"x": rng.normal(size=120) + codes, "kind": codes}), "kind")
    protocol = Protocol(("auto",), 2, 1, 5, 300, random_state=0)
    fold = plan.PreparedFold.of(dataset, codes, next(protocol.splits.folds(dataset, codes, 0)))
    found = plan._auto_fit(fold, protocol)
    assert found.around > 0 and found.training > 0 and found.steps == 600
    one_class = replace(fold, y_train=np.zeros_like(fold.y_train))  # its cell will say so
    assert plan._auto_fit(one_class, protocol) == plan.AutoFit()


@pytest.mark.parametrize("recipe", ["autobalance", "under+autobalance"])
def test_a_loss_that_is_searched_for_counts_as_two_and_a_half(steps_cut, recipe):
    assert steps_cut(recipe, "none") == pytest.approx(steps_cut("none") / 3.5, rel=0.01)


def test_gans_that_are_asked_for_run_beyond_the_budget(planned, monkeypatch):
    """A GAN's time hardly grows with the rows: to scale that of a part by their square would leave it out."""
    monkeypatch.setattr(plan, "_SAMPLER_ROWS", 50)
    monkeypatch.setattr(plan, "_SAMPLER_SHARE", 1e-9)
    found = planned("none", "gbo", "smote")
    assert found.recipes == ("none", "gbo")
    assert any(note.startswith("gbo: training its GANs") for note in found.notes)
    assert any(note.startswith("smote was left out") for note in found.notes)
