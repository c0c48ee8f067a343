"""On how many rows a recipe can be fitted within a time limit, by a set pace and a clock that stands."""

import re

import numpy as np
import pandas as pd
import pytest

from equipoise import recipes
from equipoise.datasets import split_target
from equipoise.deadline import Deadline
from equipoise.experiments import trial
from equipoise.experiments.plan import LEAST_SHARE
from equipoise.experiments.trial import Trial, rows_to_fit


@pytest.fixture(scope="module")
def data():
    rare = np.arange(60_000) % 50 == 0
    return split_target(pd.DataFrame({"x": np.random.default_rng(0).normal(size=60_000), "rare": rare}), "rare")


def rows(recipe, data, seconds, monkeypatch, **pace):
    monkeypatch.setattr(trial, "tried", lambda *_: Trial(**pace))
    return rows_to_fit(recipe, recipes.make(recipe), data, Deadline(seconds, lambda: 0.0, in_minutes=True))


def test_networks_get_all_rows_as_long_as_they_make_a_tenth_of_their_steps(data, monkeypatch):
    planned = recipes.make("none")[-1].planned_steps(60_000)
    pace = {"a_row": 1e-6, "a_step": 1e-3}
    assert rows("none", data, 0.2 * planned * 1e-3, monkeypatch, **pace) == 60_000
    assert rows("none", data, 1e6, monkeypatch, **pace) == 60_000
    seconds = 0.05 * planned * 1e-3
    few = rows("none", data, seconds, monkeypatch, **pace)
    assert 1000 <= few < 60_000
    assert seconds / 1e-3 > 2 * LEAST_SHARE * recipes.make("none")[-1].planned_steps(few)


def test_others_get_as_many_rows_as_their_time_grows_by(data, monkeypatch):
    pace = {"a_row": 0.0, "on_rows": 10.0, "n_rows": 2000, "growth": 2.0}
    few = rows("gbdt", data, 100.0, monkeypatch, **pace)
    assert 0.8 * 5291 < few <= 5291  # 7 times the time of 2,000 rows, the other 30% are left


def test_auto_gets_no_more_rows_than_it_reads(data, monkeypatch):
    assert rows("auto", data, 1e6, monkeypatch, a_row=1e-6) == trial.MOST_ROWS
    assert rows("auto", data, 10.0, monkeypatch, a_row=1e-3) <= 2500


@pytest.mark.parametrize(("recipe", "pace"), [("none", {"a_step": 1.0}), ("gbdt", {"on_rows": 500.0, "n_rows": 2000})])
def test_a_refusal_names_a_limit_that_does(data, monkeypatch, recipe, pace):
    with pytest.raises(TimeoutError, match=r"Even on a sample of 1,000 rows") as told:
        rows(recipe, data, 5.0, monkeypatch, a_row=1e-4, **pace)
    minutes = float(re.search(r"Raise --budget, to ([0-9.]+) for instance\.$", str(told.value))[1])
    assert rows(recipe, data, 60 * minutes, monkeypatch, a_row=1e-4, **pace) >= 1000


def test_a_trial_measures_what_a_recipe_does(data):
    few = trial.tried("none", recipes.make("none", n_members=1), data, Deadline(60.0))
    assert few.a_row > 0 and few.a_step > 0 and few.on_rows == 0
    few = trial.tried("gbdt", recipes.make("gbdt"), data, Deadline(60.0))
    assert few.a_row > 0 and few.a_step == 0 and few.on_rows > 0 and few.n_rows == 2000
