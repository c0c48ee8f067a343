"""Calibration against probabilities distorted in a known way, and what it is given of the rows."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from equipoise import CalibratedClassifier, metrics
from equipoise.decisions.calibration import Calibration, fit_calibration


@pytest.fixture
def true_rows():
    """Classes drawn from known probabilities of three classes."""
    rng = np.random.default_rng(0)
    truth = softmax(rng.normal(size=(40_000, 3)) * 2 + [2, 0, -1], axis=1)
    return (truth.cumsum(axis=1) > rng.random((len(truth), 1))).argmax(axis=1), truth


def test_what_distorted_the_probabilities_is_undone(true_rows):
    """Sharpened to the power 2 and moved by log 20 towards the rarest: the inverse is exponent 1/2, intercepts half."""
    codes, truth = true_rows
    distorted = softmax(2 * np.log(truth) + [0, 0, np.log(20)], axis=1)
    found = fit_calibration(codes, distorted)
    assert found.exponent == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(found.intercepts, [0, 0, -np.log(20) / 2], atol=0.06)
    assert np.abs(found.apply(distorted) - truth).max() < 0.02


def test_no_row_is_better_off_by_other_values(true_rows):
    """The summed log loss with its two small penalties, written out, is lowest at what is found."""
    codes, truth = (part[:300] for part in true_rows)

    def penalised(exponent, intercepts):
        logs = log_softmax(exponent * np.log(truth + 1e-12) + intercepts, axis=1)
        return -logs[np.arange(300), codes].sum() + (exponent - 1) ** 2 / 2 + (np.square(intercepts)).sum() / 50

    exponent, intercepts = fit_calibration(codes, truth)
    centred = intercepts - intercepts.mean()
    best = penalised(exponent, centred)
    for step in (1e-2, -1e-2):
        assert penalised(exponent + step, centred) > best
        for k in range(3):
            assert penalised(exponent, centred + step * np.eye(3)[k]) > best


def test_a_weight_is_a_number_of_rows(true_rows):
    codes, truth = (part[:200] for part in true_rows)
    weights = np.arange(200) % 3
    weighed = fit_calibration(codes, truth**2 / (truth**2).sum(axis=1, keepdims=True), sample_weight=weights)
    repeated = np.repeat(truth, weights, axis=0)
    plain = fit_calibration(np.repeat(codes, weights), repeated**2 / (repeated**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose([weighed.exponent, *weighed.intercepts], [plain.exponent, *plain.intercepts], atol=1e-4)


def test_a_balanced_model_becomes_honest():
    X, y = make_classification(4000, weights=[0.95], random_state=0)
    balanced = LogisticRegression(class_weight="balanced")
    model = CalibratedClassifier(balanced).fit(X[:3000], y[:3000])
    proba = model.predict_proba(X[3000:])
    assert abs(proba[:, 1].mean() - y[3000:].mean()) < 0.01
    plain = balanced.fit(X[:3000], y[:3000]).predict_proba(X[3000:])
    assert metrics.log_loss(y[3000:], proba) < metrics.log_loss(y[3000:], plain)
    assert (np.argsort(proba[:, 1]) == np.argsort(plain[:, 1])).all()
    np.testing.assert_allclose(proba, Calibration(model.exponent_, model.intercepts_).apply(plain))


class Remembers(ClassifierMixin, BaseEstimator):
    """Is sure of the label of every group that it was fitted on, and of nothing else."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = dict(zip(X[:, 0].tolist(), y.tolist()))
        return self

    def predict_proba(self, X):
        second = np.array([{0: 0.01, 1: 0.99}.get(self.known_.get(group), 0.5) for group in X[:, 0].tolist()])
        return np.column_stack([1 - second, second])


def test_groups_are_held_out_together():
    """A model that remembers groups looks perfect unless they are held out: then its answers say nothing."""
    groups = np.repeat(np.arange(60), 5)
    X, y = groups[:, None].astype(float), (np.random.default_rng(0).random(60) < 0.3).astype(int)[groups]
    honest = CalibratedClassifier(Remembers()).fit(X, y, groups=groups)
    fooled = CalibratedClassifier(Remembers()).fit(X, y)
    new = np.array([[99.0]])
    assert honest.predict_proba(new)[0, 1] == pytest.approx(y.mean(), abs=0.02)
    assert honest.exponent_ == pytest.approx(1, abs=0.01) and fooled.exponent_ > 1.2


def test_a_class_that_folds_lack_is_left_out_with_a_warning():
    X, y = make_classification(300, n_classes=3, n_informative=4, random_state=0)
    y[y == 2] = 0
    y[0] = 2
    with pytest.warns(UserWarning, match="no training rows of a class"):
        model = CalibratedClassifier(LogisticRegression(), cv=2).fit(X, y)
    assert np.isfinite(model.intercepts_).all() and model.predict_proba(X).shape == (300, 3)
