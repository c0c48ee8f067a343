"""AutoClassifier under a time limit: what is given up, in which order, and the warning."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from equipoise import AutoClassifier, metrics
from equipoise.classifiers import auto_time
from equipoise.classifiers.auto_time import (
    Clock,
    LittleTimeWarning,
    Plan,
    affordable,
    affordable_steps,
    warn_of_little_time,
)
from equipoise.training import Settings, Table, Task
from equipoise.training.tally import Tally, counted_by, tallies

WHOLE = Plan(n_rows=8000, n_folds=3, steps=600)


class Stopped:
    """A clock that does not go."""

    def __init__(self, seconds):
        self.max_time = seconds

    def left(self):
        return self.max_time


@pytest.fixture
def a_second_a_fit(monkeypatch):
    """Members take a second for 500 rows, and as much less as there are fewer trees."""
    now = [0.0]
    monkeypatch.setattr(auto_time.time, "monotonic", lambda: now[0])

    def probe(n_rows, part):
        assert n_rows in (500, 2000, 8000)
        now[0] += part * (n_rows / 500) ** 0.8

    return probe


def fits(n_folds):
    """Fits on all rows that take as long as those of the folds and the one on all rows."""
    return 1 + n_folds * (1 - 1 / n_folds) ** 0.8


def seconds_for(n_rows, n_folds):
    """Networks have a part of the time where no rows are given up."""
    return fits(n_folds) * (n_rows / 500) ** 0.8 / (0.6 if n_rows == WHOLE.n_rows else 0.85) + 1e-6


def test_without_a_limit_the_plan_is_whole_and_nothing_is_tried():
    assert affordable(WHOLE, Clock(None), probe=None) == WHOLE
    assert affordable_steps(600, Clock(None), []) == 600


@pytest.mark.parametrize("n_rows, n_folds", [(8000, 3), (8000, 2), (4000, 2), (2000, 2), (500, 2)])
def test_folds_are_given_up_before_rows(n_rows, n_folds, a_second_a_fit):
    plan = affordable(WHOLE, Stopped(seconds_for(n_rows, n_folds)), a_second_a_fit)
    assert plan == Plan(n_rows, n_folds, 600 if n_rows == WHOLE.n_rows else 0)
    less = affordable(WHOLE, Stopped(0.99 * seconds_for(n_rows, n_folds)), a_second_a_fit)
    assert less == plan if n_rows == 500 else (less.n_rows, less.n_folds, less.steps) < (n_rows, n_folds, plan.steps)


def test_more_rows_are_tried_where_a_few_tell_too_much(monkeypatch):
    """What every fit costs, however few its rows, does not grow with them."""
    now, fixed = [0.0], 0.2
    monkeypatch.setattr(auto_time.time, "monotonic", lambda: now[0])

    def probe(n_rows, part):
        now[0] += part * (fixed + n_rows / 10_000)

    assert affordable(WHOLE, Stopped(fits(WHOLE.n_folds) / 0.6 * 1.01), probe) == WHOLE
    in_time = fits(2) * 0.7 / 0.85  # for a fit on 5,000 rows
    assert affordable(WHOLE, Stopped(in_time + 1e-6), probe).n_rows == pytest.approx(5000, abs=1)
    assert affordable(WHOLE, Stopped(1.0), probe).n_rows < 2000


def test_few_folds_stay_few(a_second_a_fit):
    assert affordable(Plan(8000, 2, 600), Stopped(seconds_for(8000, 2)), a_second_a_fit).n_folds == 2
    assert affordable(Plan(8000, 2, 600), Stopped(0.0), a_second_a_fit) == Plan(500, 2, 0)


@pytest.fixture
def tasks():
    X = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    return [Task(Table(X, np.arange(200) % 2, 2), seed, Settings(max_steps=600)) for seed in range(2)]


def test_networks_make_the_steps_that_fit_or_none(tasks):
    assert affordable_steps(600, Stopped(1e9), tasks) == 600
    assert affordable_steps(600, Stopped(1e-9), tasks) == affordable_steps(600, Stopped(-1.0), tasks) == 0
    assert affordable_steps(7, Stopped(1e9), tasks) == 7  # never more than asked for
    assert affordable_steps(0, Stopped(1e9), []) == 0


@pytest.mark.parametrize("counts, n_features", [((950, 50), 40), ((400, 6), 4), ((200, 60, 12), 6)])
def test_no_time_still_gives_good_probabilities(counts, n_features, problem):
    X, y = problem(counts, n_features=n_features, apart=2.5)
    with pytest.warns(UserWarning, match=r"max_time\) allows .*2 folds and no networks.*Raise max_time"):
        model = AutoClassifier(max_time=0.01, random_state=0).fit(X, y)
    assert model.n_steps_ == [] and "networks" not in model.members_
    X_new, y_new = problem(counts, n_features=n_features, apart=2.5, seed=0)
    proba, priors = model.predict_proba(X_new), np.bincount(y) / len(y)
    np.testing.assert_allclose(proba.mean(axis=0), priors, rtol=0.5)
    assert metrics.log_loss(y_new, proba) < metrics.log_loss(y_new, np.tile(priors, (len(y), 1)))
    if len(counts) == 2:
        assert roc_auc_score(y_new, proba[:, 1]) > 0.8


def test_noise_is_not_worse_than_the_class_priors():
    rng = np.random.default_rng(0)
    X, y, X_new, y_new = (
        rng.normal(size=(300, 20)),
        rng.random(300) < 0.1,
        rng.normal(size=(3000, 20)),
        rng.random(3000) < 0.1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proba = AutoClassifier(max_time=0.5, random_state=0).fit(X, y).predict_proba(X_new)
    assert metrics.log_loss(y_new, proba) < metrics.log_loss(y_new, np.tile([0.9, 0.1], (3000, 1))) + 0.02


def test_a_million_rows_in_little_time_are_a_sample():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000_000, 3)).astype("float32")
    y = (X[:, 0] > 3).astype(int)  # a row in 740
    with pytest.warns(UserWarning, match="rows, 2 folds and no networks instead of 41,"):
        model = AutoClassifier(max_time=0.2, random_state=0).fit(X, y)
    assert model.n_rows_ < 10_000 and model.priors_[1] == y.mean()
    proba = model.predict_proba(X[:100_000])[:, 1]
    assert roc_auc_score(y[:100_000], proba) > 0.99
    assert proba.mean() == pytest.approx(y[:100_000].mean(), rel=0.5)


def test_the_warning_names_what_differs_only():
    with pytest.warns(LittleTimeWarning, match=r"32 s \(max_time\) allows 4,000 rows instead of 8,000 rows: the"):
        warn_of_little_time(32.0, replace(WHOLE, n_rows=4000), WHOLE)


@pytest.mark.usefixtures("few_trees")
def test_the_stages_of_a_fit_are_told(problem, monkeypatch):
    X, y = problem()
    told = []
    monkeypatch.setattr(Tally, "tell", lambda tally, stage, share: told.append((stage, share)))
    with tallies(1, lambda made: None) as (tally,), counted_by(tally):
        AutoClassifier(max_steps=5, random_state=0).fit(X, y)
    stages, shares = zip(*told, strict=True)
    assert list(stages[:2]) == [f"fold {number} of 3: trees, boosting, line" for number in (1, 2)]
    assert "all rows: trees, boosting, line" in stages and stages[-1] == "networks: 30 of 30 steps"
    assert list(shares) == sorted(shares) and shares[0] == 0 and shares[-1] == 1


@pytest.mark.usefixtures("few_trees")
def test_ample_time_changes_nothing(problem):
    X, y = problem()
    plain, limited = (
        AutoClassifier(max_steps=5, random_state=0),
        AutoClassifier(max_steps=5, max_time=1000, random_state=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert limited.fit(X, y).predict_proba(X).tobytes() == plain.fit(X, y).predict_proba(X).tobytes()
