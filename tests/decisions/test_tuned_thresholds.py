"""Thresholds tuned inside `fit`: on rows that the classifier was not fitted to, with weights and groups along."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tests.metadata_routing_common import ConsumingClassifier, _Registry, check_recorded_metadata

from equipoise import TunedThresholdsClassifier, load, metrics, recipes, save
from equipoise.decisions import decide, tune_offsets

SCORES = {"g_mean": metrics.g_mean, "macro_f1": metrics.macro_f1_score, "balanced_accuracy": metrics.balanced_accuracy}
NAMES = np.array(["fine", "fraud", "fault"])


def rows(counts, seed=0):
    """Overlapping classes in three directions."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.normal(size=(len(y), 3)) + 1.5 * np.eye(3)[y], y


@pytest.mark.parametrize("counts", [(950, 50), (900, 70, 30)], ids=str)
@pytest.mark.parametrize("metric", sorted(SCORES))
def test_a_metric_rises_on_new_rows(counts, metric):
    X, y = rows(counts)
    new_X, new_y = rows(np.multiply(counts, 5), seed=1)
    tuned = TunedThresholdsClassifier(LogisticRegression(), metric=metric).fit(X, NAMES[y])
    plain = LogisticRegression().fit(X, NAMES[y])
    gain = SCORES[metric](NAMES[new_y], tuned.predict(new_X)) - SCORES[metric](NAMES[new_y], plain.predict(new_X))
    assert gain > 0.03
    np.testing.assert_array_equal(tuned.predict_proba(new_X), plain.predict_proba(new_X))


def test_offsets_are_those_of_out_of_fold_probabilities():
    X, y = rows((300, 60, 30))
    clf = TunedThresholdsClassifier(LogisticRegression(), metric="g_mean", cv=3).fit(X, y)
    held_out = cross_val_predict(LogisticRegression(), X, y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(clf.offsets_, tune_offsets(y, held_out, metric="g_mean"))
    np.testing.assert_array_equal(clf.predict(X), decide(clf.predict_proba(X), clf.offsets_))


def test_a_classifier_that_knows_its_rows_by_heart_is_not_believed():
    X, y = rows((450, 50))
    assert (KNeighborsClassifier(1).fit(X, y).predict(X) == y).all()
    by_heart = KNeighborsClassifier(15, weights="distance")
    clf = TunedThresholdsClassifier(by_heart, metric="g_mean").fit(X, y)
    assert clf.threshold_ < 0.3  # on its own rows every cut between 0 and 1 is perfect, and .5 moves least
    frozen = TunedThresholdsClassifier(FrozenEstimator(by_heart.fit(X, y)), metric="g_mean").fit(X, y)
    assert frozen.threshold_ == pytest.approx(0.5)


def test_two_classes_agree_with_scikit_learn():
    X, y = rows((950, 50))
    options = {"cv": StratifiedKFold(5)}
    ours = TunedThresholdsClassifier(LogisticRegression(), metric="balanced_accuracy", **options).fit(X, y)
    theirs = TunedThresholdClassifierCV(LogisticRegression(), thresholds=200, **options).fit(X, y)
    assert ours.threshold_ == pytest.approx(theirs.best_threshold_, abs=0.05)
    np.testing.assert_array_equal(ours.predict(X), (ours.predict_proba(X)[:, 1] > ours.threshold_).astype(int))


def test_threshold_is_for_two_classes():
    X, y = rows((60, 30, 30))
    clf = TunedThresholdsClassifier(LogisticRegression())
    with pytest.raises(NotFittedError):
        _ = clf.threshold_
    clf.fit(X, y)
    assert not hasattr(clf, "threshold_")


def test_costs_are_in_the_order_of_the_classes():
    X, y = rows((700, 200, 100))
    dear = np.ones((3, 3)) - np.eye(3)
    costs = {name: dear.copy() for name in ("fault", "fraud")}
    costs["fault"][0, 1:] = 20  # sorted, fault is first
    costs["fraud"][2, :2] = 20
    for name, matrix in costs.items():
        clf = TunedThresholdsClassifier(LogisticRegression(), metric=matrix).fit(X, NAMES[y])
        found = clf.predict(X) == name
        assert found[NAMES[y] == name].mean() > 0.9 and found.mean() > 0.3


def test_floors_hold_about_as_well_on_new_rows():
    X, y = rows((1800, 200))
    new_X, new_y = rows((9000, 1000), seed=1)
    wide = TunedThresholdsClassifier(LogisticRegression(), min_recall={"fraud": 0.9}).fit(X, NAMES[y])
    sure = TunedThresholdsClassifier(LogisticRegression(), min_precision={"fraud": 0.8}).fit(X, NAMES[y])
    assert np.mean(wide.predict(new_X)[new_y == 1] == "fraud") == pytest.approx(0.9, abs=0.04)
    assert np.mean(new_y[sure.predict(new_X) == "fraud"] == 1) == pytest.approx(0.8, abs=0.08)


def test_weights_count_in_every_fit_and_in_the_metric():
    X, y = rows((300, 60, 30))
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    clf = TunedThresholdsClassifier(LogisticRegression(), cv=4).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(clf.estimator_.coef_, LogisticRegression().fit(X, y, weight).coef_)
    held_out = np.empty((len(y), 3))
    for train, test in StratifiedKFold(4).split(X, y):
        held_out[test] = LogisticRegression().fit(X[train], y[train], weight[train]).predict_proba(X[test])
    expected = tune_offsets(y, held_out, metric="macro_f1", sample_weight=weight)
    np.testing.assert_allclose(clf.offsets_, expected)


class TestSplits:
    def test_groups_go_to_the_splitter(self):
        X, y = rows((300, 60, 30))
        groups = np.random.default_rng(0).integers(0, 12, len(y))
        clf = TunedThresholdsClassifier(KNeighborsClassifier(), cv=GroupKFold(4))
        with pytest.raises(ValueError, match="groups"):
            clf.fit(X, y)
        clf.fit(X, y, groups=groups)
        held_out = cross_val_predict(
            KNeighborsClassifier(), X, y, cv=GroupKFold(4), groups=groups, method="predict_proba"
        )
        np.testing.assert_array_equal(clf.offsets_, tune_offsets(y, held_out, metric="macro_f1"))

    @pytest.mark.parametrize(
        "cv",
        [RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), StratifiedShuffleSplit(4, random_state=0)],
        ids=lambda cv: type(cv).__name__,
    )
    def test_splits_may_leave_rows_out_or_repeat_them(self, cv):
        X, y = rows((300, 60, 30))
        clf = TunedThresholdsClassifier(LogisticRegression(), cv=cv).fit(X, y)
        split = list(cv.split(X, y))
        proba = [LogisticRegression().fit(X[train], y[train]).predict_proba(X[test]) for train, test in split]
        held_out = np.concatenate([test for _, test in split])
        expected = tune_offsets(y[held_out], np.concatenate(proba), metric="macro_f1")
        np.testing.assert_array_equal(clf.offsets_, expected)

    def test_a_class_that_a_fold_lacks_is_no_obstacle(self):
        X, y = rows((60, 30, 2))
        clf = TunedThresholdsClassifier(LogisticRegression(), cv=GroupKFold(2))
        groups = np.where(y == 2, 0, np.arange(len(y)) % 2)
        assert clf.fit(X, y, groups=groups).offsets_.shape == (3,)

    def test_workers_find_the_same(self):
        X, y = rows((200, 40))
        with parallel_config(backend="threading"):
            one, two = (TunedThresholdsClassifier(LogisticRegression(), n_jobs=n).fit(X, y).offsets_ for n in (1, 2))
        np.testing.assert_array_equal(one, two)


def test_tables_reach_a_recipe_as_they_are():
    X, y = rows((160, 40))
    frame = pd.DataFrame({"value": X[:, 0], "sign": np.where(X[:, 1] > 0, "plus", "minus")})
    model = recipes.make("none", max_steps=20, random_state=0)
    clf = TunedThresholdsClassifier(model, cv=2, metric="g_mean").fit(frame, NAMES[y])
    assert set(clf.predict(frame)) == {"fine", "fraud"} and clf.feature_names_in_.tolist() == ["value", "sign"]


class TestRouting:
    def test_metadata_go_to_classifier_and_splitter(self):
        X, y = rows((60, 20))
        weight, groups, registry = np.arange(80.0), np.arange(80) % 7, _Registry()
        with config_context(enable_metadata_routing=True):
            inner = ConsumingClassifier(registry=registry).set_fit_request(sample_weight=True, metadata=True)
            clf = TunedThresholdsClassifier(inner, cv=GroupKFold(3))
            clf.fit(X, y, sample_weight=weight, groups=groups, metadata=weight + 100)
        assert len(registry) == 4
        for fitted in registry:
            check_recorded_metadata(
                fitted, "fit", "fit", ("sample_weight", "metadata"), sample_weight=weight, metadata=weight + 100
            )

    def test_per_row_parameters_are_split_without_routing_too(self):
        X, y = rows((60, 20))
        registry = _Registry()
        inner = ConsumingClassifier(registry=registry)
        TunedThresholdsClassifier(inner, cv=4).fit(X, y, metadata=np.arange(80))
        lengths = sorted(len(fitted._records["fit"]["fit"][0]["metadata"]) for fitted in registry)
        assert lengths == [60, 60, 60, 60, 80]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"metric": "f1"}, "The 'metric' parameter .* must be"),
        (
            {"metric": [[0, 1], [1, 0]]},
            r"Costs must be .* \['fault', 'fine', 'fraud'\]: a matrix of shape \(3, 3\)",
        ),
        ({"min_recall": {"theft": 0.5}}, "min_recall must map labels to floors"),
        ({"min_precision": {"fraud": 1.5}}, "min_precision must map labels to floors"),
        ({"min_precision": 0.5}, "The 'min_precision' parameter .* must be"),
    ],
)
def test_bad_parameters_are_said_in_a_sentence(parameters, message):
    X, y = rows((60, 30, 30))
    with pytest.raises(ValueError, match=message):
        TunedThresholdsClassifier(LogisticRegression(), cv=2, **parameters).fit(X, NAMES[y])


def test_costs_in_a_frame_are_left_out_of_the_file(problem, tmp_path):
    X, y = problem((40, 10))
    costs = pd.DataFrame([[0, 1], [9, 0]])
    fitted = TunedThresholdsClassifier(LogisticRegression(), metric=costs, cv=2).fit(X, y)
    with pytest.warns(UserWarning, match=r"saved without metric=DataFrame.* Predictions do not change"):
        save(fitted, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(X), fitted.predict(X))
