"""What recipes cost, before the run: measured, or by the hints of their records."""

import numpy as np
import pandas as pd
import pytest

from equipoise import recipes
from equipoise.datasets import split_target
from equipoise.deadline import Deadline
from equipoise.experiments import costs
from equipoise.experiments.prepared import PreparedFolds
from equipoise.experiments.protocol import Protocol

NAMES = ("auto", "none", "cost", "under", "smote", "under+remix", "gbdt", "autobalance", "mubo")


@pytest.fixture(scope="module")
def table():
    codes = np.arange(300) % 10 // 9
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300) + codes, "z": rng.normal(size=300), "kind": codes})
    return split_target(frame, "kind"), codes


def measured(table, names, seconds, monkeypatch, a_step=1e-3):
    monkeypatch.setattr(costs, "_network_step_seconds", lambda fold, protocol, within: (a_step, []))
    protocol = Protocol(tuple(names), 3, 1, 4, 1000, random_state=0)
    folds = PreparedFolds(*table, protocol.splits, native=True)
    return costs.measured_costs(folds, protocol, Deadline(seconds), lambda kind, done, total: None)


def test_networks_cost_their_steps_and_others_what_they_took(table, monkeypatch):
    found = measured(table, NAMES, 600, monkeypatch)
    of = found.recipes
    assert set(of) == set(NAMES)
    assert of["none"] == of["cost"] and of["none"].around == 0 and of["none"].steps == pytest.approx(4 * 1000 * 1e-3)
    assert of["autobalance"].steps == pytest.approx(2.5 * of["none"].steps)
    assert of["mubo"].steps == pytest.approx(2 * of["none"].steps)
    for name in ("under", "smote", "under+remix"):
        assert of[name].steps == pytest.approx(of["none"].steps) and 0 < of[name].around < 60
    assert of["gbdt"].steps == 0 and 0 < of["gbdt"].around < 60
    assert of["auto"].around == 0 and of["auto"].steps > 0  # it keeps to a share of its time
    assert found.fold > 0 and found.score > 0 and found.report > 0


def test_what_is_not_timed_is_estimated_by_its_record(table, monkeypatch):
    """200 training rows: `gbo` costs 30 times a network on 5,000 rows, and is never timed."""
    found = measured(table, ("none", "gbdt", "gbo"), 0.0, monkeypatch).recipes
    on_5000 = 4 * recipes.classifier("none").planned_steps(5000) * 1e-3
    assert found["gbdt"].around == pytest.approx(recipes.get("gbdt").cost * on_5000 * 200 / 5000)
    assert found["gbo"].around == pytest.approx(30 * on_5000 * 200 / 5000)
    assert found["gbo"].steps == found["none"].steps


def test_the_time_of_a_sample_grows_by_the_record(monkeypatch):
    """Clocks that each fit sets forward by a hundredth of a second per 500 rows, squared, and half as much again idle.

    What counts is computing, not waiting for a busy machine. The first call loads packages, which tells nothing.
    """
    now, sizes = [0.0], []

    def fit(name, protocol, X, y, n_rows):
        sizes.append(n_rows)
        seconds = 0.01 * (n_rows / 500) ** 2 + (30.0 if not sizes[1:] else 0.0)
        now[0] += seconds
        return 1.5 * seconds

    monkeypatch.setattr(costs, "_seconds_of", fit)
    monkeypatch.setattr(costs.time, "perf_counter", lambda: 1.5 * now[0])
    monkeypatch.setattr(costs.time, "process_time", lambda: now[0])
    y = np.zeros(100_000, dtype=int)
    found, watch = costs.rows_seconds("svm-smote", None, y[:, None], y)
    assert sizes == [100, 500, 1000, 2000, 4000]
    assert found == pytest.approx(0.01 * 200**2)
    assert watch.slowness == pytest.approx(1.5) and watch.computing == pytest.approx(0.01 * 8**2)


def test_samples_have_all_classes_and_the_shares_of_the_rows():
    y = np.repeat([0, 1, 2], [9000, 990, 10])
    rows = costs._sample(y, 1000)
    assert np.bincount(y[rows]).tolist() == [900, 99, 10] and len(np.unique(rows)) == len(rows)
    np.testing.assert_array_equal(costs._sample(y, 20_000), np.arange(10_000))


def test_a_step_of_a_network_is_timed_or_bounded_below(table):
    protocol = Protocol(("none",), 3, 1, 4, 1000, random_state=0)
    fold = costs.PreparedFold.of(*table, next(protocol.splits.folds(*table, 0)))
    seconds, watches = costs._network_step_seconds(fold, protocol, Deadline(600))
    assert 0 < seconds < 1 and all(watch.computing > 0 for watch in watches)
    over = Deadline(0.0)
    seconds, watches = costs._network_step_seconds(fold, protocol, over)
    assert seconds <= over.spent / 100 and not watches


def test_recipes_that_were_timed_before_are_not_timed_again(table):
    protocol = Protocol(("none", "gbdt", "logistic"), 3, 1, 4, 1000, random_state=0)
    folds, timings = PreparedFolds(*table, protocol.splits, native=True), {"gbdt": 123.0}
    found = costs.measured_costs(folds, protocol, Deadline(600), lambda kind, done, total: None, timings)
    assert found.recipes["gbdt"].around == 123.0 and found.recipes["gbdt"].measured
    assert timings == {"gbdt": 123.0, "logistic": found.recipes["logistic"].around}


def test_no_recipe_is_begun_that_would_not_be_timed_before_the_end(monkeypatch):
    """A first call takes 3 seconds: with less than that left, nothing larger begins."""
    now, sizes = [100.0], []

    def fit(name, protocol, X, y, n_rows):
        sizes.append(n_rows)
        now[0] += 3.0
        return 3.0

    monkeypatch.setattr(costs, "_seconds_of", fit)
    for clock in ("time", "perf_counter", "process_time"):
        monkeypatch.setattr(costs.time, clock, lambda: now[0])
    y = np.zeros(1000, dtype=int)
    for ends, begun in ((99.0, []), (105.0, [100]), (107.0, [100, 500])):
        now[0], sizes[:] = 100.0, []
        if len(begun) < 2:
            with pytest.raises(TimeoutError):
                costs.rows_seconds("gbdt", None, y[:, None], y, ends)
        else:
            costs.rows_seconds("gbdt", None, y[:, None], y, ends)
        assert sizes == begun
