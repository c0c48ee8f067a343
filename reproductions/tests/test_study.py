"""A study of arms on sets: what is run, how it is read as one frame, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from equipoise import metrics
from equipoise.datasets import split_target
from equipoise.experiments import METRICS, Arm, engine, results
from equipoise.experiments.arms import equal_priors, observed_priors, recipe_arms
from equipoise.experiments.readings import CORRECTED, DECIDED, READINGS, TUNED, figures
from equipoise.experiments.splits import StratifiedFolds
from equipoise_reproductions.study import Effort, Limits, Study

EFFORT = Effort(n_folds=3, n_members=1, most_steps=30)


@pytest.fixture(scope="module")
def dataset():
    """A table of numbers with gaps, and categories; a fifth of the rows is of the minority class."""
    rng = np.random.default_rng(0)
    label = rng.permutation(np.repeat(["common", "rare"], [120, 30]))
    size = np.where(np.arange(150) % 13, rng.normal(size=150) + 2.0 * (label == "rare"), np.nan)
    frame = pd.DataFrame({"size": size, "kind": rng.choice(["a", "b", "c"], 150), "class": label})
    return split_target(frame, "class", name="small")


def logistic(fold, protocol):
    return LogisticRegression(random_state=fold.fold.seed)


def weighed(fold, protocol):
    return LogisticRegression(class_weight="balanced")


ARMS = [
    Arm("logistic", "logistic regression", logistic, observed_priors),
    Arm("weighed", "weighed", weighed, equal_priors, figures=lambda model: [{"steps": int(model.n_iter_[0])}]),
    *recipe_arms(["none"]),
]


def study(dataset, arms=ARMS, effort=EFFORT, **options):
    def absent():
        raise ConnectionError("no network")

    sets = {"one": lambda: dataset, "other": lambda: dataset, "absent": absent}
    return Study(sets, arms, effort, {"one": "same", "other": "same"}, **options)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        missing = study(dataset).run(folder)
        patch.setattr(engine, "fit_cells", None)  # nothing is left to fit
        patch.setattr(engine, "fit", None)
        assert study(dataset).run(folder) == missing == ["absent"]
    return folder


@pytest.fixture(scope="module")
def found(run):
    return results(run)


def test_one_row_a_result_and_reading(found):
    keys = found[["set", "arm", "reading", "repeat", "fold"]]
    assert not keys.duplicated().any() and len(found) == 2 * 3 * 3 * len(READINGS)
    assert set(found["family"]) == {"same"} and set(found["reading"]) == set(READINGS)
    assert list(found.columns[7:]) == list(METRICS) and (found["seconds"] > 0).all()


def by_hand(dataset, arm, fold):
    ready = engine.PreparedFold.of(dataset, np.unique(dataset.y, return_inverse=True)[1], fold)
    model = arm.make(ready, None).fit(ready.X_train, ready.y_train)
    return ready, model.predict_proba(ready.X_test)


def test_readings_are_those_of_the_probabilities(dataset, found):
    codes = np.unique(dataset.y, return_inverse=True)[1]
    fold = list(StratifiedFolds(3).folds(dataset, codes, 0))[1]
    at = found.set_index(["set", "arm", "fold", "reading"]).loc["one"]
    for arm in ARMS[:2]:
        ready, proba = by_hand(dataset, arm, fold)
        priors = arm.priors(ready.counts)
        assert at.loc[(arm.name, 1, DECIDED), "g_mean"] == pytest.approx(metrics.g_mean(ready.y_test, proba.argmax(1)))
        even = proba / priors / (proba / priors).sum(axis=1, keepdims=True)
        expected = metrics.balanced_brier_score(ready.y_test, even)
        assert at.loc[(arm.name, 1, CORRECTED), "balanced_brier"] == pytest.approx(expected, abs=1e-6)
    tuned = at.xs(TUNED, level="reading")
    assert tuned[["g_mean", "macro_f1"]].notna().all(axis=None) and tuned["brier"].isna().all()
    assert at.xs(CORRECTED, level="reading")["roc_auc"].isna().all()


def test_what_arms_keep_beside_their_results(run):
    kept = figures(run)
    assert set(kept["arm"]) == {"weighed"} and len(kept) == 6 and (kept["steps"] > 0).all()


def test_limits_of_arms_and_decisions_of_their_own(dataset, tmp_path):

    class Decided(DummyClassifier):
        def predict_from_proba(self, proba, decision="most"):
            return proba.argmax(axis=1) if decision == "most" else np.ones(len(proba), dtype=int)

    arms = [
        *(Arm(name, "", logistic) for name in ("once", "few", "narrow")),
        Arm("dummy", "", lambda fold, protocol: Decided(), decisions=("rare",)),
    ]
    limits = {"once": Limits(repeats=1), "few": Limits(rows=10), "narrow": Limits(cells=10)}
    replace(study(dataset, arms, replace(EFFORT, n_repeats=2, most_sets=1)), limits=limits).run(tmp_path)
    counts = results(tmp_path, readings=[DECIDED]).groupby("arm")["repeat"].agg(lambda r: sorted(set(r))).to_dict()
    assert counts == {"once": [0], "dummy": [0, 1], "dummy-rare": [0, 1]}
    scores = results(tmp_path, readings=[DECIDED]).groupby("arm")["macro_f1"].mean()
    assert scores["dummy-rare"] < scores["dummy"]


def test_networks_are_fitted_alone_where_their_time_matters(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "fit", None)  # of stacks
    study(dataset, recipe_arms(["none"]), replace(EFFORT, most_sets=1), stacked=False).run(tmp_path)
    assert set(results(tmp_path)["arm"]) == {"none"}


def test_another_effort_in_the_same_folder_is_refused(dataset, run):
    with pytest.raises(ValueError, match="holds results of another effort"):
        study(dataset, effort=replace(EFFORT, n_folds=2)).run(run)


def test_without_any_set_there_is_nothing_to_run_or_read(dataset, tmp_path):
    def absent():
        raise FileNotFoundError("toy.csv is not there")

    with pytest.raises(FileNotFoundError, match=r"toy\.csv is not there"):
        Study({"toy": absent}, ARMS, EFFORT).run(tmp_path)
    with pytest.raises(FileNotFoundError, match="None of the data sets is available"):
        Study({"toy": absent, "other": absent}, ARMS, EFFORT).run(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no results"):
        results(tmp_path)
