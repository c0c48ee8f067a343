"""MUBO's learned score: rows of known probability, on the table and beyond it, stopped and resumed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from equipoise import MUBO, NeuralClassifier, PriorCorrectedClassifier, ResampledClassifier, load, save
from equipoise.bilevel.proposals import RandomRows
from equipoise.datasets import make_rare_events
from equipoise.samplers.mubo_score import SELECTORS
from equipoise.sklearn_private import StrOptions

QUICK = {"selector": "score", "max_steps": 60, "hidden_layer_sizes": (16,), "random_state": 0}


@pytest.fixture(scope="module")
def data():
    X, y, useful = make_rare_events(20_000, minority_fraction=0.01, useful_fraction=0.1, random_state=0)
    return X, np.where(y == 1, "event", "none"), useful


@pytest.fixture(scope="module", params=["score", "loss"])
def fitted(data, request):
    sampler = MUBO(**QUICK | {"selector": request.param})
    X, y = sampler.fit_resample(*data[:2])
    return sampler, X, y


def test_rows_probabilities_and_weights_belong_together(data, fitted):
    X, y, _ = data
    sampler, X_small, y_small = fitted
    rows, chances = sampler.sample_indices_, sampler.inclusion_probabilities_
    np.testing.assert_array_equal(X_small, X[rows])
    np.testing.assert_array_equal(y_small, y[rows])
    assert (np.diff(rows) > 0).all() and set(np.flatnonzero(y == "event")) <= set(rows)
    assert abs((y_small == "none").sum() - int(0.05 * (y == "none").sum())) <= 1
    assert (chances[y_small == "event"] == 1).all() and ((chances > 0) & (chances <= 1)).all()
    np.testing.assert_array_equal(sampler.sample_weight_, 1 / chances)
    column = (y_small == "none").astype(int)  # classes_ are event, none
    np.testing.assert_allclose(sampler.inclusion_proba(X_small)[np.arange(len(rows)), column], chances, rtol=1e-5)


def test_probabilities_of_the_whole_table_add_up_to_the_rows_kept(data, fitted):
    X, y, _ = data
    probabilities = fitted[0].inclusion_proba(X)
    assert abs(probabilities[y == "none", 1].sum() - (fitted[2] == "none").sum()) < 1.5
    assert (probabilities[:, 0] == 1).all()


@pytest.mark.parametrize("selector", ["score", "loss"])
def test_the_rows_that_matter_are_preferred(selector, data):
    X, y, useful = data
    sampler = MUBO(selector=selector, random_state=0)
    _, y_small = sampler.fit_resample(X, y)
    kept = sampler.sample_indices_[y_small == "none"]
    assert useful[kept].mean() > 2.5 * useful[y == "none"].mean()


def test_sums_over_many_searches_are_unbiased(data):
    """Of the whole chain: a score learned from the table, and a draw by it."""
    X, y = data[0][:4000], data[1][:4000]
    values = X[:, 1].astype(np.float64) ** 2 + X[:, 0]
    estimates = []
    for seed in range(60):
        sampler = MUBO(**QUICK | {"random_state": seed, "max_iter": 1, "max_steps": 20})
        sampler.fit_resample(X, y)
        estimates.append((sampler.sample_weight_ * values[sampler.sample_indices_]).sum())
    estimates = np.array(estimates)
    assert abs(estimates.mean() - values.sum()) < 5 * estimates.std() / np.sqrt(len(estimates))


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(data, fitted):
    again, other = (clone(fitted[0]).set_params(random_state=seed) for seed in (0, 1))
    again.fit_resample(*data[:2]), other.fit_resample(*data[:2])
    np.testing.assert_array_equal(again.sample_indices_, fitted[0].sample_indices_)
    np.testing.assert_array_equal(again.inclusion_probabilities_, fitted[0].inclusion_probabilities_)
    assert not np.array_equal(other.sample_indices_, fitted[0].sample_indices_)


@pytest.mark.parametrize("container", ["memmap", "sparse", "frame"])
def test_any_container_gives_the_same_rows(container, data, fitted, tmp_path):
    X = data[0]
    if container == "memmap":
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    X = {"sparse": csr_matrix, "frame": pd.DataFrame, "memmap": lambda X: X}[container](X)
    if container == "frame":
        X.columns = X.columns.astype(str)
    sampler = clone(fitted[0])
    sampler.fit_resample(X, data[1])
    np.testing.assert_array_equal(sampler.sample_indices_, fitted[0].sample_indices_)


class Killed(Exception):
    pass


class Distance:
    """A third scoring: how near a row is to the mean of the minority rows that trained."""

    def __init__(self, mean):
        self.mean = mean

    def of(self, X, code):
        return (1 / (0.1 + np.linalg.norm(X - self.mean, axis=1))).astype(np.float32)


class DistanceScoring:
    def learn(self, restart, rows, weights):
        return {"mean": restart.problem.gather(restart.kept).mean(axis=0), "pilot": restart.best}

    def score(self, restart):
        assert restart.learned["pilot"].weights.keys() == restart.best.weights.keys()
        return Distance(restart.learned["mean"])


@pytest.fixture
def third(monkeypatch):
    """A selector of another kind, which no file of ours knows."""
    monkeypatch.setitem(SELECTORS, "distance", replace(SELECTORS["score"], scoring=DistanceScoring()))
    monkeypatch.setitem(MUBO._parameter_constraints, "selector", [StrOptions({"search", *SELECTORS})])
    return "distance"


def test_a_third_selector_draws_by_its_score(third, data):
    X, y, _ = data
    clf = ResampledClassifier(MUBO(**QUICK | {"selector": third}), LogisticRegression()).fit(X, y)
    chances = clf.inclusion_(X)[y == "none", 1]
    near = np.linalg.norm(X[y == "none"] - X[y == "event"].mean(axis=0), axis=1)
    assert np.corrcoef(np.argsort(np.argsort(chances)), np.argsort(np.argsort(near)))[0, 1] < -0.8
    assert abs(clf.predict_proba(X)[:, 0].mean() / (y == "event").mean() - 1) < 0.3


@pytest.mark.parametrize(("selector", "steps"), [("score", 1), ("score", 2), ("score", 3), ("distance", 2)])
def test_a_killed_search_resumes_to_the_same_bytes(selector, steps, third, data, tmp_path, monkeypatch):
    """Killed after so many outer steps are on disk, the last time before the final draw."""
    parameters = {**QUICK, "selector": selector, "max_iter": 3}
    whole, stopped = MUBO(**parameters), MUBO(**parameters, checkpoint=tmp_path / "search")
    X_whole, _ = whole.fit_resample(*data[:2])
    from equipoise.bilevel import checkpoint

    save, saved = checkpoint.save_search, []

    def killed(*arguments):
        save(*arguments)
        saved.append(arguments)
        if len(saved) == steps:
            raise Killed

    monkeypatch.setattr(checkpoint, "save_search", killed)
    with pytest.raises(Killed):
        stopped.fit_resample(*data[:2])
    monkeypatch.setattr(checkpoint, "save_search", save)
    X_resumed, _ = stopped.fit_resample(*data[:2])
    assert X_resumed.tobytes() == X_whole.tobytes()
    assert stopped.inclusion_probabilities_.tobytes() == whole.inclusion_probabilities_.tobytes()
    assert stopped.history_["step"].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="another search"):
        stopped.set_params(majority_fraction=0.1).fit_resample(*data[:2])


def test_rejected_draws_leave_the_score(data):
    class Never:
        def accepts(self, value, restart):
            return not restart.values

    sampler = MUBO(**QUICK | {"max_iter": 3}, acceptance=Never())
    sampler.fit_resample(*data[:2])
    once = MUBO(**QUICK | {"max_iter": 1, "max_steps": 20})
    once.fit_resample(*data[:2])
    assert sampler.history_["accepted"].tolist() == [True, False, False]
    np.testing.assert_array_equal(sampler.inclusion_proba(data[0][:50]), once.inclusion_proba(data[0][:50]))


def test_several_majority_classes_and_weights(data):
    X, y, _ = data
    rng = np.random.default_rng(0)
    y = np.where((y == "none") & (X[:, 2] > 0.5), "other", y)
    weights = rng.integers(0, 3, size=len(y)).astype(float)
    sampler = MUBO(**QUICK)
    _, y_small = sampler.fit_resample(X, y, sample_weight=weights)
    rows = sampler.sample_indices_
    assert (weights[rows] > 0).all()
    np.testing.assert_allclose(sampler.sample_weight_, weights[rows] / sampler.inclusion_probabilities_)
    for label in ("none", "other"):
        assert abs((y_small == label).sum() - int(0.05 * ((y == label) & (weights > 0)).sum())) <= 1
    probabilities = sampler.inclusion_proba(X[:100])
    assert (probabilities[:, 0] == 1).all() and (probabilities[:, 1:] < 1).any()


def test_parameters_of_the_search_by_row_are_refused(data):
    for parameter in ({"variant": "paper"}, {"n_restarts": 2}, {"max_epochs": 3}, {"proposal": RandomRows()}):
        with pytest.raises(ValueError, match="selector='score'"):
            MUBO(**QUICK | parameter).fit_resample(*data[:2])
    assert not hasattr(MUBO(), "inclusion_proba")


def test_corrected_odds_are_those_of_all_rows():
    """A logistic model that is true: its coefficients and its mean probability come back from 10% of the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 3))
    log_odds = X @ [1.5, -1.0, 0.5] - 4
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-log_odds))).astype(int)
    sampler = MUBO(selector="score", majority_fraction=0.1, random_state=0)
    flexible = make_pipeline(StandardScaler(), NeuralClassifier(max_steps=1500, random_state=0))
    for model in (flexible, LogisticRegression()):
        clf = ResampledClassifier(sampler, model).fit(X, y)
        proba = clf.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(clf.predict(X[:200]), proba[:200].argmax(axis=1))
        if model is flexible:
            assert abs(proba[:, 1].mean() / y.mean() - 1) < 0.15
    tilted = LogisticRegression().fit(X[clf.sample_indices_], y[clf.sample_indices_])
    assert tilted.predict_proba(X)[:, 1].mean() > 2 * y.mean()  # so that there was something to correct


def test_networks_weigh_rows_that_a_score_drew():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3)).astype(np.float32)
    y = (rng.random(len(X)) < 1 / (1 + np.exp(4 - 1.5 * X[:, 0]))).astype(int)
    clf = NeuralClassifier(sampler=MUBO(selector="score", random_state=0), max_steps=600, random_state=0).fit(X, y)
    assert abs(clf.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.3


def test_a_classifier_without_probabilities_learns_with_weights(data):
    X, y, _ = data
    seen = []

    class Recorded(RidgeClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.append(sample_weight)
            return super().fit(X, y, sample_weight)

    clf = ResampledClassifier(MUBO(**QUICK), Recorded()).fit(X, y)
    np.testing.assert_array_equal(seen[0], clf.sample_weight_)
    assert clf.inclusion_ is None and seen[0].max() > 5 and clf.decision_function(X[:3]).shape == (3,)
    assert not hasattr(ResampledClassifier(MUBO(**QUICK), LogisticRegression()).fit(X, y), "decision_function")


def test_a_saved_model_gives_the_same_probabilities(data, tmp_path):
    X, y, _ = data
    clf = ResampledClassifier(MUBO(**QUICK), LogisticRegression()).fit(X, y)
    save(clf, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X[:50]), clf.predict_proba(X[:50]))
    frame = pd.DataFrame(X).rename(columns=str)
    framed = ResampledClassifier(MUBO(**QUICK), LogisticRegression()).fit(frame, y)
    np.testing.assert_allclose(framed.predict_proba(frame[:50]), clf.predict_proba(X[:50]), rtol=1e-4)


@pytest.mark.parametrize("selector", ["score", "loss"])
@pytest.mark.parametrize("classifier", [LogisticRegression(), NeuralClassifier(max_steps=20, random_state=0)])
def test_any_classifier_and_wrapper_is_saved_to_the_same_bytes(selector, classifier, data, tmp_path):
    X, y = pd.DataFrame(data[0]).rename(columns=str), data[1]
    clf = ResampledClassifier(MUBO(**QUICK | {"selector": selector}), classifier)
    for model in (clf, PriorCorrectedClassifier(clf)):
        save(model.fit(X, y), tmp_path / "model")
        again = load(tmp_path / "model")
        assert again.predict_proba(X[:500]).tobytes() == model.predict_proba(X[:500]).tobytes()


def test_corrected_odds_are_not_said_to_be_balanced(data, tmp_path, recwarn):
    clf = ResampledClassifier(MUBO(**QUICK), LogisticRegression())
    model = PriorCorrectedClassifier(clf).fit(*data[:2])
    assert not [w for w in recwarn if "balances the classes" in str(w.message)]
    save(model.estimator_, tmp_path / "model")
    assert "too high" not in (tmp_path / "model" / "README.md").read_text()


def test_the_score_of_a_row_does_not_hang_on_the_rows_beside_it(data, fitted):
    """Of minority rows too, which distances are taken to."""
    rows = data[0][np.flatnonzero(data[1] == "event")]
    together = fitted[0].inclusion_proba(rows)
    alone = np.concatenate([fitted[0].inclusion_proba(row[None]) for row in rows])
    np.testing.assert_allclose(alone, together, rtol=1e-5)


def test_a_draw_of_nearly_no_majority_rows_is_warned_of(data):
    with pytest.warns(UserWarning, match=r"majority_fraction=1e-06 draws only 1 row .* beside 195 minority rows"):
        MUBO(**QUICK | {"majority_fraction": 1e-6}).fit_resample(*data[:2])
