"""Folds that train without a class: what is tuned, what is left out, and what the warning names."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit

from equipoise import PriorCorrectedClassifier, TunedThresholdsClassifier
from equipoise.decisions import tune_offsets
from equipoise.decisions.held_out import HeldOutRows


@pytest.fixture(scope="module")
def sorted_rows(problem):
    X, y = problem((60, 40, 20), apart=1.2)
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def fitted(cv, X, y, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = TunedThresholdsClassifier(LogisticRegression(), cv=cv).set_params(**parameters).fit(X, y)
    return clf, [str(each.message) for each in caught]


def test_sorted_labels_leave_nothing_to_tune_on(sorted_rows):
    X, y = sorted_rows
    ends = np.split(np.arange(120), [60, 100])
    folds = [(np.setdiff1d(np.arange(120), part), part) for part in ends]
    clf, (message,) = fitted(folds, X, y)
    assert "fold 1 without class 0, fold 2 without class 1, fold 3 without class 2. No thresholds were" in message
    assert clf.offsets_.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(clf.predict(X), LogisticRegression().fit(X, y).predict(X))


def test_a_class_in_one_group_is_left_out_and_the_others_tuned(problem):
    X, y = problem((80, 30, 12), apart=1.0)
    groups = np.where(y == 2, 0, np.arange(len(y)) % 5)
    cv = list(GroupKFold(5).split(X, y, groups))
    names = np.array(["fine", "fraud", "fault"])
    clf, (message,) = fitted(cv, X, names[y], metric="g_mean")
    assert "without class 'fault'. Thresholds were not tuned for 'fault': the mean" in message
    known = y != 2
    proba = np.empty((len(y), 2))
    for train, test in cv:
        model = LogisticRegression().fit(X[train], y[train])
        proba[test] = model.predict_proba(X[test])[:, :2]
    order = np.concatenate([test for _, test in cv])
    order = order[known[order]]
    two = tune_offsets(y[order], proba[order] / proba[order].sum(axis=1, keepdims=True), metric="g_mean")
    fault, fine, fraud = clf.offsets_
    assert fraud - fine == pytest.approx(two[1]) and fault == 0 == pytest.approx(fine + fraud)


def test_a_class_of_one_row_does_not_stop_the_others(problem):
    X, y = problem((80, 30, 1), apart=1.0)
    clf, messages = fitted(StratifiedKFold(5), X, y)
    assert any("without class 2. Thresholds were not tuned for 2" in message for message in messages)
    assert clf.offsets_[1] - clf.offsets_[0] != 0


def test_rows_before_a_class_appears_are_left_out(problem):
    X, y = problem((70, 30), apart=1.0)
    y = np.concatenate([y, np.arange(60) % 3])
    X = np.concatenate([X, np.random.default_rng(0).normal(size=(60, 4)) + y[100:, None]])
    clf, (message,) = fitted(TimeSeriesSplit(7), X, y)
    assert message.endswith("avoid this.") and "rows of these folds were left out of tuning" in message
    assert np.isfinite(clf.offsets_).all() and (clf.offsets_ != 0).any()


def test_training_rows_of_one_class_are_no_error(problem):
    X, y = problem((30, 30))
    order = np.argsort(y, kind="stable")
    clf, (message,) = fitted(KFold(2), X[order], y[order])
    assert "No thresholds were tuned" in message and clf.offsets_.tolist() == [0, 0]


def test_floors_of_a_class_that_is_left_out_are_not_asked_for(problem):
    X, y = problem((80, 30, 1), apart=1.0)
    clf, _ = fitted(StratifiedKFold(5), X, y, min_recall={1: 0.9, 2: 0.5})
    assert (clf.predict(X)[y == 1] == 1).mean() > 0.85


def test_every_kind_of_rows_by_hand():
    codes, folds = np.array([0, 1, 2, 0, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 1, 1])
    trained = np.array([[True, True, True, True], [True, True, False, False]])
    rows, classes = HeldOutRows(codes, folds, trained).comparable()
    assert classes.tolist() == [True, True, True, False]  # class 3 is held out only where it was not trained
    assert rows.tolist() == [True, True, True, False, False, False, False]


@pytest.mark.parametrize("wrapper", [PriorCorrectedClassifier, TunedThresholdsClassifier])
def test_a_fitted_classifier_of_other_classes_is_refused(wrapper, problem):
    X, y = problem((40, 20))
    model = LogisticRegression().fit(X, np.array(["no", "yes"])[y])
    with pytest.raises(ValueError, match=r"y has the classes \['maybe'\], but the fitted estimator knows only \['no'"):
        wrapper(FrozenEstimator(model)).fit(X, np.array(["no", "maybe"])[y])


def test_priors_of_a_fitted_classifier_need_rows_of_each_of_its_classes(problem):
    X, y = problem((40, 20, 10))
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match=r"no rows of the classes \[2\] .*give training_priors"):
        PriorCorrectedClassifier(frozen).fit(X[y < 2], y[y < 2])
    given = PriorCorrectedClassifier(frozen, training_priors=[0.6, 0.3, 0.1]).fit(X[y < 2], y[y < 2])
    np.testing.assert_allclose(given.target_priors_, 1 / 3)


@pytest.mark.parametrize("wrapper", [PriorCorrectedClassifier, TunedThresholdsClassifier])
def test_truth_values_and_columns_of_labels_serve(wrapper, problem):
    X, y = problem((40, 20))
    plain = wrapper(LogisticRegression()).fit(X, y)
    truth = wrapper(LogisticRegression()).fit(X, y.astype(bool))
    np.testing.assert_array_equal(truth.predict_proba(X), plain.predict_proba(X))
    np.testing.assert_array_equal(truth.predict(X), plain.predict(X).astype(bool))
    frozen = wrapper(FrozenEstimator(LogisticRegression().fit(X, y))).fit(X, y.astype(bool))
    assert set(frozen.predict(X)) == {0, 1}


@pytest.mark.parametrize("wrapper", [PriorCorrectedClassifier, TunedThresholdsClassifier])
def test_tensors_objects_and_foreign_byte_order_serve(wrapper, problem):
    X, y = problem((40, 20))
    expected = wrapper(LogisticRegression()).fit(X, y).predict(X)
    rows = torch.tensor(X, requires_grad=True)
    for labels in (y.astype(object), y.astype(">i4"), torch.tensor(y)):
        np.testing.assert_array_equal(wrapper(LogisticRegression()).fit(rows, labels).predict(rows), expected)
