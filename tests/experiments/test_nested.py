"""No fit inside a comparison sees a row that depends on those that it is judged by: each nested level, each way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin

import equipoise
from equipoise import AutoBalance, CalibratedClassifier, Dependence, NeuralClassifier, TunedThresholdsClassifier
from equipoise.classifiers import AutoClassifier, auto_job
from equipoise.datasets import split_target
from equipoise.experiments import METRICS, Store, compare
from equipoise.experiments.arms import make_recipe
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import Readings
from equipoise.experiments.store import Cell, StoredFold
from equipoise.samplers import MUBO, mubo
from equipoise.training import fit

N = 150
WAYS = ["groups", "times", "both"]


def table(seed=0):
    """Rows whose first feature is their number; a tenth and more are rare."""
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < 0.3).astype(int)
    y[:2], y[-2:] = [0, 1], [0, 1]
    return np.column_stack([np.arange(N), y + rng.normal(size=N)]).astype(float), y


def dependence(way, seed=0):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 40, N) if way != "times" else None
    times = rng.permutation(N) // 2 if way != "groups" else None
    return Dependence(groups, times, 2.0 if times is not None else 0.0)


def check_apart(depends, trained, judged):
    trained, judged = np.asarray(trained).astype(int), np.asarray(judged).astype(int)
    assert len(trained) and len(judged)
    if depends.groups is not None:
        assert not set(depends.groups[trained]) & set(depends.groups[judged])
    if depends.times is not None:
        assert depends.times[trained].max() <= depends.times[judged].min() - depends.gap


class Jealous(ClassifierMixin, BaseEstimator):
    """A classifier that is never asked about rows that depend on its training rows; `looked` lists all that it is."""

    looked: list = []  # of (training rows, rows asked about)

    def fit(self, X, y):
        self.classes_, self.rows_ = np.unique(y), X[:, 0]
        return self

    def predict_proba(self, X):
        Jealous.looked.append((self.rows_, X[:, 0]))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[np.zeros(len(X), dtype=int)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrapper", [CalibratedClassifier, TunedThresholdsClassifier])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_calibration_and_thresholds(wrapper, way, seed):
    (X, y), depends = table(seed), dependence(way, seed)
    Jealous.looked.clear()
    wrapper(Jealous()).fit(X, y, dependence=depends)
    assert len(Jealous.looked) >= 2
    for trained, judged in Jealous.looked:
        check_apart(depends, trained, judged)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_early_stopping_and_the_loss_search(way, seed):
    (X, y), depends = table(seed), dependence(way, seed)
    stopping = NeuralClassifier(early_stopping=True, standardize=False, max_steps=1).prepare(X, y, dependence=depends)
    check_apart(depends, X[stopping.tasks[0].rows, 0], X[stopping.tasks[0].validation_rows, 0])
    search = NeuralClassifier(loss=AutoBalance(), standardize=False, max_steps=1).prepare(X, y, dependence=depends)
    inner = search.tasks[0].inner
    check_apart(depends, X[inner.rows, 0], X[inner.validation_rows, 0])
    assert len(search.tasks[0].rows) == N  # the network itself trains on all


@pytest.mark.parametrize("way", WAYS)
def test_the_row_search(way, monkeypatch):
    (X, y), depends = table(), dependence(way)
    problems, hold_out = [], mubo.held_out

    def watched(*arguments):
        problems.append(hold_out(*arguments))
        return problems[-1]

    monkeypatch.setattr(mubo, "held_out", watched)
    MUBO(max_iter=1, max_steps=2, n_restarts=2, random_state=0).fit_resample(X, y, dependence=depends)
    assert len(problems) == 2
    for problem in problems:
        trained = np.concatenate([problem.kept, *problem.candidates.values()])
        check_apart(depends, np.setdiff1d(trained, problem.held_out), problem.held_out)
        assert not np.isin(problem.held_out, trained).any()


@pytest.mark.parametrize("way", WAYS)
def test_folds_of_auto(way, monkeypatch):
    (X, y), depends = table(), dependence(way)
    trained, fit_members = [], auto_job.AutoJob._cheap

    def watched(self, train, *rest):
        trained.append(self.rows[train, 0])
        return fit_members(self, train, *rest)

    monkeypatch.setattr(auto_job.AutoJob, "_cheap", watched)
    monkeypatch.setattr(auto_job, "_BOOSTED_ROWS", 10)
    classifier = AutoClassifier(standardize=False, max_steps=2, random_state=0)
    job = classifier.prepare(X, y, dependence=depends)
    model = job.finish(fit(job.tasks))
    assert len(job.held_out) == len(trained) - 1 >= 2 and len(trained[-1]) == N  # once more on all rows
    for rows, held_out in zip(trained[:-1], job.held_out, strict=True):
        check_apart(depends, rows, job.rows[held_out, 0])
    judged = np.concatenate(job.held_out)
    assert len(model.held_out_.proba) == len(judged) == len(set(judged))
    assert model.predict_proba(X).shape == (N, 2)


def test_boosting_holds_out_no_random_rows():
    protocol = Protocol(("gbdt",), 3, 1, 1, 10, 0, dependent=True)
    assert make_recipe("gbdt", protocol, 0).early_stopping is False
    assert make_recipe("gbdt+calibrated", protocol, 0).estimator.early_stopping is False
    assert make_recipe("gbdt", replace(protocol, dependent=False), 0).early_stopping == "auto"


def in_time(roles, n=240):
    rng = np.random.default_rng(0)
    y = rng.random(n) < 0.3
    frame = pd.DataFrame(
        {"x": y + rng.normal(size=n), "who": rng.integers(0, 60, n), "w": rng.integers(1, 4, n), "y": y}
    )
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="8h").strftime("%Y-%m-%d")
    return frame, split_target(frame, "y", **roles)


@pytest.mark.parametrize(
    "roles",
    [{"time": "day", "gap": "3d"}, {"group": "who"}, {"group": "who", "time": "day", "gap": "3d", "weights": "w"}],
)
def test_outer_folds_and_what_reaches_the_fits(roles):
    frame, data = in_time(roles)
    codes = data.y.to_numpy().astype(int)
    protocol = Protocol(("none",), 4, 1, 1, 10, 0, by_time="time" in roles, dependent=True)
    for fold in protocol.splits.folds(data, codes, 0):
        check_apart(data.dependence, fold.train, fold.test)
        numbers = PreparedFold.of(data, codes, fold)
        assert len(numbers.dependence.groups if "group" in roles else numbers.dependence.times) == len(fold.train)
        if "weights" in roles:
            weights = frame["w"] / frame["w"].mean()
            np.testing.assert_allclose(numbers.weights, weights[fold.train])
            np.testing.assert_allclose(numbers.weights_test, weights[fold.test])


def stored(n_folds=4, n=40):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, (n_folds, n))
    proba = rng.random((n_folds, n)) * 0.3 + 0.2 * codes
    weights = rng.integers(1, 5, (n_folds, n)).astype(float)
    cells = [
        Cell("a", 0, k, 0.0, np.column_stack([1 - proba[k], proba[k]]).astype(np.float32), np.eye(2))
        for k in range(n_folds)
    ]
    folds = [
        StoredFold(0, k, 0, np.arange(n), codes[k], [50, 50], [20, 20], [50.0, 50.0], weights[k])
        for k in range(n_folds)
    ]
    return cells, folds


def test_thresholds_of_a_part_know_no_later_part():
    cells, folds = stored()
    readings = Readings(cells, folds, 1, by_time=True)
    assert [cell.fold for cell in readings.cells] == [1, 2, 3]  # the first only tunes
    changed = [replace(cell, probabilities=cell.probabilities[:, ::-1]) if cell.fold >= 2 else cell for cell in cells]
    later = Readings(changed, folds, 1, by_time=True)
    for number in (1, 2):
        offsets = [each.offsets(cells[number], "g_mean") for each in (readings, later)]
        np.testing.assert_array_equal(*offsets)
    assert (readings.offsets(cells[3], "g_mean") != later.offsets(cells[3], "g_mean")).any()
    assert (Readings(cells, folds, 1).offsets(cells[1], "g_mean") != readings.offsets(cells[1], "g_mean")).any()


def test_a_weight_counts_as_so_many_rows():
    """Scores, confusions and tuned thresholds with integer weights are those of repeated rows."""
    cells, folds = stored()
    repeats = [fold.test_weights.astype(int) for fold in folds]
    many = [np.repeat(cell.probabilities, r, axis=0) for cell, r in zip(cells, repeats)]
    long_cells = [replace(cell, probabilities=proba, decided=None) for cell, proba in zip(cells, many)]
    long_folds = [replace(f, test_codes=np.repeat(f.test_codes, r), test_weights=None) for f, r in zip(folds, repeats)]
    stores = (cells, folds), (long_cells, long_folds)
    short, long = (Readings(*store, 1).frame(list(METRICS.values())) for store in stores)
    pd.testing.assert_frame_equal(short, long, atol=1e-6)


def test_a_comparison_by_time_groups_and_weights(tmp_path):
    _, data = in_time({"group": "who", "time": "day", "weights": "w"})
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(data, store, recipes=["none", "gbdt", "easy-ensemble"], n_folds=3, n_members=1)
        with pytest.raises(ValueError, match="Time divides the rows in one way"):
            compare(data, store, n_repeats=2)
    assert found.recipes == ["none", "gbdt"] and found.complete and not found.failures
    assert "easy-ensemble cannot weigh rows and was left out." in found.protocol.notes
    assert set(found.scores["fold"]) == {1, 2}
    for cell in found.cells:
        fold = found.folds[cell.repeat, cell.fold]
        assert cell.confusion.sum() == pytest.approx(fold.test_weights.sum())
        assert sum(fold.train_mass) != pytest.approx(sum(fold.train_counts))
    interval = found.interval("g_mean", "none")
    assert found.test_share != pytest.approx(1 / 3) and interval.low <= interval.mean <= interval.high


def test_in_python_by_the_names_of_columns():
    frame, _ = in_time({})
    found = equipoise.compare(
        frame, "y", group="who", time="day", gap="2d", weights="w", recipes=["logistic"], n_folds=3, verbose=False
    )
    assert found.comparison.protocol.by_time and found.comparison.problem["weighted"]
    assert list(found.dataset.X) == ["x"] and set(found.comparison.scores["fold"]) == {1, 2}
    assert found.best.predict(frame[["x"]]).shape == (len(frame),)
