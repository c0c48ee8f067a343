"""Corrected probabilities against Bayes' rule, priors from unlabelled rows, weights and metadata on their way."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tests.metadata_routing_common import ConsumingClassifier, _Registry, check_recorded_metadata

from equipoise import CalibratedClassifier, NeuralClassifier, PriorCorrectedClassifier, ReMix, metrics, recipes
from equipoise.losses import LogitAdjustedLoss

NAMES = np.array(["fine", "fraud"])


def rows(priors, n=4000, seed=0):
    """Overlapping classes on a line, a class a unit apart from the next, so that Bayes' rule is at hand."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(priors)), np.round(np.multiply(priors, n)).astype(int)))
    return rng.normal(size=(len(y), 1)) + y[:, None], y


def bayes(X, priors):
    likelihood = np.exp(-((X - np.arange(len(priors))) ** 2) / 2) * priors
    return likelihood / likelihood.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("target", [[0.5, 0.5], [0.2, 0.8], [0.99, 0.01]])
def test_probabilities_are_those_of_bayes_under_the_target_priors(target):
    X, y = rows([0.9, 0.1], n=20_000)
    clf = PriorCorrectedClassifier(LogisticRegression(C=1e6), target_priors=target).fit(X, y)
    grid = np.linspace(-2, 3, 11)[:, None]
    np.testing.assert_allclose(clf.predict_proba(grid), bayes(grid, target), atol=0.03)
    np.testing.assert_array_equal(clf.predict(grid), bayes(grid, target).argmax(axis=1))


def test_uniform_shares_lift_the_g_mean_and_natural_ones_the_brier_score():
    X, y = rows([0.94, 0.04, 0.02])
    plain = LogisticRegression().fit(X, y)
    even = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    assert metrics.g_mean(y, even.predict(X)) > metrics.g_mean(y, plain.predict(X)) + 0.2
    balanced = LogisticRegression(class_weight="balanced")
    honest = PriorCorrectedClassifier(balanced, training_priors="uniform", target_priors="observed").fit(X, y)
    untrue = metrics.brier_score(y, balanced.fit(X, y).predict_proba(X))
    assert metrics.brier_score(y, honest.predict_proba(X)) < untrue / 2
    np.testing.assert_allclose(honest.predict_proba(X).mean(axis=0), [0.94, 0.04, 0.02], atol=0.005)


def test_shares_by_name_by_label_and_in_order():
    X, y = rows([0.75, 0.25])
    priors = [
        PriorCorrectedClassifier(LogisticRegression(), training_priors=pi, target_priors=q).fit(X, NAMES[y])
        for pi, q in [("observed", [0.4, 0.6]), ({"fraud": 0.25, "fine": 0.75}, {"fine": 0.4, "fraud": 0.6})]
    ]
    for clf in priors:
        assert clf.priors_.tolist() == [0.75, 0.25] and clf.target_priors_.tolist() == [0.4, 0.6]
        assert clf.classes_.tolist() == ["fine", "fraud"] and set(clf.predict(X)) == {"fine", "fraud"}
    back = PriorCorrectedClassifier(LogisticRegression(), training_priors="uniform", target_priors="observed")
    assert back.fit(X, y).priors_.tolist() == [0.5, 0.5] and back.target_priors_.tolist() == [0.75, 0.25]


def test_weights_count_in_the_shares_and_reach_the_classifier():
    X, y = rows([0.75, 0.25])
    weight = np.where(y == 1, 9.0, 1.0)
    clf = PriorCorrectedClassifier(LogisticRegression()).fit(X, y, sample_weight=weight)
    assert clf.priors_.tolist() == [0.25, 0.75]
    np.testing.assert_allclose(clf.estimator_.coef_, LogisticRegression().fit(X, y, weight).coef_)
    unweighted = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), unweighted.predict_proba(X), atol=0.02)  # the weights cancel
    with pytest.raises(TypeError, match="sample_weight"):
        PriorCorrectedClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=weight)


class TestAdapt:
    def test_shares_are_found_in_unlabelled_rows(self):
        clf = PriorCorrectedClassifier(LogisticRegression(C=1e6), target_priors="observed").fit(*rows([0.6, 0.3, 0.1]))
        X, y = rows([0.1, 0.3, 0.6], n=20_000, seed=1)
        before = metrics.log_loss(y, clf.predict_proba(X))
        assert clf.adapt(X) is clf
        np.testing.assert_allclose(clf.target_priors_, [0.1, 0.3, 0.6], atol=0.08)
        assert metrics.log_loss(y, clf.predict_proba(X)) < before - 0.3
        np.testing.assert_allclose(clf.predict_proba(X).mean(axis=0), clf.target_priors_, atol=0.005)

    def test_weighted_rows(self):
        clf = PriorCorrectedClassifier(LogisticRegression(C=1e6)).fit(*rows([0.5, 0.5]))
        X, y = rows([0.5, 0.5], n=20_000, seed=1)
        assert clf.adapt(X, sample_weight=np.where(y == 1, 4.0, 1.0)).target_priors_[1] == pytest.approx(0.8, abs=0.05)

    def test_it_needs_a_fitted_classifier(self):
        with pytest.raises(NotFittedError):
            PriorCorrectedClassifier(LogisticRegression()).adapt([[1.0]])


def test_a_fitted_classifier_can_be_frozen():
    X, y = rows([0.9, 0.1])
    plain = LogisticRegression().fit(X, y)
    clf = PriorCorrectedClassifier(FrozenEstimator(plain), training_priors=[0.9, 0.1]).fit(X[:50], y[:50])
    expected = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_it_goes_around_a_calibrated_classifier_and_a_network():
    X, y = rows([0.9, 0.1], n=600)
    for inner in (CalibratedClassifierCV(LogisticRegression(), method="temperature"), NeuralClassifier(max_steps=50)):
        clf = PriorCorrectedClassifier(inner).fit(X, y)
        assert clf.predict(X).mean() > 3 * inner.fit(X, y).predict(X).mean()


def test_tables_reach_a_recipe_as_they_are():
    X, y = rows([0.8, 0.2], n=200)
    frame = pd.DataFrame({"value": X[:, 0], "sign": np.where(X[:, 0] > 0, "plus", "minus")})
    clf = PriorCorrectedClassifier(recipes.make("none", max_steps=20, random_state=0)).fit(frame, NAMES[y])
    assert clf.feature_names_in_.tolist() == ["value", "sign"] and clf.n_features_in_ == 2
    np.testing.assert_allclose(clf.predict_proba(pl.from_pandas(frame)), clf.predict_proba(frame), atol=1e-6)


class TestRouting:
    def test_metadata_arrive_where_they_are_requested(self):
        X, y = rows([0.75, 0.25], n=40)
        weight, registry = np.arange(40.0) + 1, _Registry()
        with config_context(enable_metadata_routing=True):
            inner = ConsumingClassifier(registry=registry).set_fit_request(sample_weight=True, metadata="colour")
            clf = PriorCorrectedClassifier(inner).fit(X, y, sample_weight=weight, colour="red")
            check_recorded_metadata(registry[-1], "fit", "fit", sample_weight=weight, metadata="red")
            assert clf.priors_[1] == pytest.approx(weight[y == 1].sum() / weight.sum())

    def test_unrequested_weights_are_refused_and_declined_ones_stay(self):
        X, y = rows([0.75, 0.25], n=40)
        weight = np.where(y == 1, 3.0, 1.0)
        with config_context(enable_metadata_routing=True):
            with pytest.raises(UnsetMetadataPassedError):
                PriorCorrectedClassifier(LogisticRegression()).fit(X, y, sample_weight=weight)
            declining = LogisticRegression().set_fit_request(sample_weight=False)
            clf = PriorCorrectedClassifier(declining).fit(X, y, sample_weight=weight)
            np.testing.assert_array_equal(clf.estimator_.coef_, LogisticRegression().fit(X, y).coef_)
            assert clf.priors_.tolist() == [0.5, 0.5]

    def test_within_cross_validation(self):
        X, y = rows([0.75, 0.25], n=400)
        weight = np.where(y == 1, 9.0, 1.0)
        with config_context(enable_metadata_routing=True):
            clf = PriorCorrectedClassifier(LogisticRegression().set_fit_request(sample_weight=True))
            clf.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
            found = cross_validate(clf, X, y, params={"sample_weight": weight}, return_estimator=True, cv=2)
        assert all(fitted.priors_[1] == pytest.approx(0.75) for fitted in found["estimator"])

    def test_without_routing_parameters_go_to_the_classifier(self):
        registry = _Registry()
        X, y = rows([0.75, 0.25], n=40)
        PriorCorrectedClassifier(ConsumingClassifier(registry=registry)).fit(X, y, metadata="red")
        check_recorded_metadata(registry[-1], "fit", "fit", metadata="red")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training_priors": "natural"}, "The 'training_priors' parameter .* must be"),
        ({"target_priors": {"fine": 1.0}}, r"target_priors must give a prior to each of \['fine', 'fraud'\]"),
        ({"target_priors": [0.5, 0.6]}, "target_priors must not be negative and must sum to 1"),
        ({"training_priors": [0.0, 1.0]}, "training_priors must be positive"),
        ({"training_priors": [0.5, 0.3, 0.2]}, r"training_priors must hold one prior for each of the 2 .* \(3,\)"),
        (
            {"decision_priors": [1.0]},
            r"decision_priors must hold one prior for each of the 2 classes, got shape \(1,\)",
        ),
    ],
)
def test_bad_parameters_are_said_in_a_sentence(parameters, message):
    X, y = rows([0.75, 0.25], n=40)
    with pytest.raises(ValueError, match=message):
        PriorCorrectedClassifier(LogisticRegression(), **parameters).fit(X, NAMES[y])


def test_clone_and_refit_forget_what_was_adapted():
    X, y = rows([0.75, 0.25])
    clf = PriorCorrectedClassifier(LogisticRegression()).fit(X, y).adapt(X)
    assert not hasattr(clone(clf), "target_priors_")
    assert clf.fit(X, y).target_priors_.tolist() == [0.5, 0.5]


def test_a_series_is_read_by_its_labels():
    X, y = rows([0.75, 0.25], n=40)
    priors = {"fraud": 0.2, "fine": 0.8}
    by_dict, by_series = (
        PriorCorrectedClassifier(LogisticRegression(), target_priors=given).fit(X, NAMES[y])
        for given in (priors, pd.Series(priors))
    )
    np.testing.assert_array_equal(by_series.target_priors_, by_dict.target_priors_)


@pytest.mark.parametrize(
    ("balanced", "named"),
    [
        (LogisticRegression(class_weight="balanced"), "class_weight='balanced'"),
        (make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression()), "RandomUnderSampler"),
        (NeuralClassifier(batch_transform=ReMix(), max_steps=2), "batch_transform=ReMix"),
        (NeuralClassifier(loss=LogitAdjustedLoss, max_steps=2), "loss=LogitAdjustedLoss"),
    ],
)
def test_a_balanced_estimator_is_not_corrected_twice_in_silence(balanced, named):
    X, y = make_classification(200, weights=[0.8], random_state=0)
    with pytest.warns(UserWarning, match=f"{named}.*training_priors='uniform'") as caught:
        PriorCorrectedClassifier(balanced).fit(X, y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        PriorCorrectedClassifier(balanced, training_priors="uniform", target_priors="observed").fit(X, y)
        PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
        PriorCorrectedClassifier(CalibratedClassifier(balanced)).fit(X, y)  # learns the priors of the rows again


def test_decisions_may_be_for_other_priors_than_probabilities():
    X, y = make_classification(400, weights=[0.8], random_state=0)
    honest = PriorCorrectedClassifier(LogisticRegression(), target_priors="observed", decision_priors="uniform").fit(
        X, y
    )
    even = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    plain = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(honest.predict_proba(X), plain.predict_proba(X))
    assert (honest.predict(X) == even.predict(X)).all() and (honest.predict(X) != plain.predict(X)).any()
    assert honest.describe().decision["probability_from_which_on"]["1"] == pytest.approx(y.mean())
    assert PriorCorrectedClassifier(LogisticRegression()).fit(X, y).describe().decision is None
