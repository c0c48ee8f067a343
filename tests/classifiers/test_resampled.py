"""Any sampler before any classifier: what trains, what it weighs, and where metadata go."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from imblearn.combine import SMOTETomek
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler, TomekLinks
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tests.metadata_routing_common import ConsumingClassifier, _Registry, check_recorded_metadata
from torch import nn

from equipoise import MUBO, NeuralClassifier, PriorCorrectedClassifier, ResampledClassifier

SAMPLERS = [
    RandomUnderSampler(random_state=0),
    RandomOverSampler(random_state=0),
    NearMiss(),
    TomekLinks(),
    SMOTE(random_state=0),
    BorderlineSMOTE(random_state=0),
    ADASYN(random_state=0),
    SMOTETomek(random_state=0),
    RandomOverSampler(shrinkage=0.1, random_state=0),
    make_pipeline(TomekLinks(), SMOTE(random_state=0)),
    MUBO(max_iter=2, max_epochs=2, hidden_layer_sizes=(8,), random_state=0),
]


class WeightingSampler(BaseEstimator):
    """Makes the mean of the first two rare rows, and says what it weighs."""

    def fit_resample(self, X, y, sample_weight=None):
        self.seen_, pair = sample_weight, np.flatnonzero(y == 1)[:2]
        if sample_weight is not None:
            self.sample_weight_ = np.append(sample_weight, sample_weight[pair].mean())
        return np.vstack([X, X[pair].mean(axis=0)]), np.append(y, 1)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: repr(s)[:60])
@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(), GaussianNB(), HistGradientBoostingClassifier(max_iter=5)],
    ids=lambda c: type(c).__name__,
)
def test_it_is_the_classifier_of_the_resampled_rows(sampler, classifier, problem):
    X, y = problem((80, 20), apart=1.0)
    clf = ResampledClassifier(sampler, classifier).fit(X, y)
    rows, labels = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), classifier.fit(rows, labels).predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), classifier.predict(X))
    chosen = clf.sample_indices_ >= 0
    np.testing.assert_array_equal(rows[chosen], X[clf.sample_indices_[chosen]])
    assert clf.sample_weight_ is None and len(clf.sample_indices_) == len(rows)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: repr(s)[:60])
def test_weights_are_those_of_the_rows_that_train(sampler, problem):
    X, y = problem((80, 20), apart=1.0)
    weight = np.random.default_rng(0).uniform(1, 2, 100)
    clf = ResampledClassifier(sampler, LogisticRegression()).fit(X, y, sample_weight=weight)
    takes = {"sample_weight": weight} if isinstance(sampler, MUBO) else {}
    rows, labels = sampler.fit_resample(X, y, **takes)
    chosen = clf.sample_indices_ >= 0
    np.testing.assert_array_equal(clf.sample_weight_[chosen], weight[clf.sample_indices_[chosen]])
    if getattr(sampler, "shrinkage", None) is None:
        expected = [weight[y == label].mean() for label in labels[~chosen]]
        np.testing.assert_allclose(clf.sample_weight_[~chosen], expected)
    else:
        np.testing.assert_array_equal(clf.sample_weight_, weight[sampler.sample_indices_])
    alone = LogisticRegression().fit(rows, labels, clf.sample_weight_)
    np.testing.assert_array_equal(clf.classifier_.coef_, alone.coef_)


def test_a_row_of_weight_0_is_not_there(problem):
    X, y = problem((80, 20))
    weight = np.ones(100)
    weight[np.flatnonzero(y == 1)[:10]] = 0
    clf = ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression()).fit(X, y, weight)
    assert len(clf.sample_indices_) == 20 and (clf.sample_weight_ > 0).all()
    without = ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression())
    np.testing.assert_array_equal(without.fit(X[weight > 0], y[weight > 0]).predict_proba(X), clf.predict_proba(X))
    with pytest.raises(ValueError, match="non-zero"):
        clf.fit(X, y, np.zeros(100))


def test_a_sampler_that_takes_weights_has_the_last_word(problem):
    X, y = problem((40, 10))
    weight = np.arange(50.0) + 1
    clf = ResampledClassifier(WeightingSampler(), LogisticRegression()).fit(X, y, sample_weight=weight)
    assert clf.sample_weight_[50] == weight[y == 1][:2].mean() and clf.sample_indices_[50] == -1
    assert ResampledClassifier(WeightingSampler(), LogisticRegression()).fit(X, y).sample_weight_ is None


def test_a_classifier_that_takes_no_weights_says_so(problem):
    X, y = problem((40, 10))
    clf = ResampledClassifier(RandomUnderSampler(), KNeighborsClassifier())
    assert clf.fit(X, y).predict(X).shape == (50,)
    with pytest.raises(TypeError, match="sample_weight"):
        clf.fit(X, y, sample_weight=np.ones(50))


def test_tiny_classes_are_served_with_a_warning(problem):
    X, y = problem((40, 3))
    with pytest.warns(UserWarning, match="k_neighbors=2 was used"):
        clf = ResampledClassifier(SMOTE(), LogisticRegression()).fit(X, y)
    assert len(clf.sample_indices_) == 80


class TestTables:
    def frame(self, problem):
        X, y = problem((80, 20))
        words = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
        return pd.DataFrame({"value": X[:, 1], "word": words}), np.array(["fine", "fraud"])[y]

    def test_words_and_gaps_go_to_the_classifier(self, problem):
        frame, y = self.frame(problem)
        frame.loc[::9, "value"] = np.nan
        boosting = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
        clf = ResampledClassifier(RandomUnderSampler(random_state=0), boosting)
        table = frame.astype({"word": "category"})
        clf.fit(table, y)
        assert clf.feature_names_in_.tolist() == ["value", "word"] and clf.n_features_in_ == 2
        assert clf.predict(table).tolist() == clf.fit(table, list(y)).predict(table).tolist()

    @pytest.mark.parametrize("read", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
    def test_made_rows_of_tables(self, read, problem):
        frame, y = self.frame(problem)
        encoded = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
        clf = ResampledClassifier(SMOTENC(["word"], random_state=0), encoded).fit(read(frame), y)
        assert (clf.sample_indices_ == -1).sum() == 60
        assert set(clf.predict(read(frame))) == {"fine", "fraud"}

    def test_sparse_rows(self, problem):
        X, y = problem((80, 20))
        X[X < 0.5] = 0
        weight = np.arange(100.0)
        dense, sparse = (
            ResampledClassifier(SMOTE(random_state=0), LogisticRegression()).fit(form(X), y, weight)
            for form in (np.asarray, csr_matrix)
        )
        np.testing.assert_array_equal(sparse.sample_weight_, dense.sample_weight_)
        np.testing.assert_allclose(sparse.predict_proba(csr_matrix(X)), dense.predict_proba(X), atol=1e-6)

    def test_images(self, problem):
        X, y = problem((20, 5), n_features=12)
        images = X.astype(np.float32).reshape(-1, 1, 3, 4)
        network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        clf = ResampledClassifier(
            SMOTE(random_state=0, k_neighbors=3), NeuralClassifier(network=network, max_steps=5)
        ).fit(images, y)
        assert clf.predict_proba(images).shape == (25, 2)


def test_classifiers_that_answer_in_a_column(problem):
    class Column(LogisticRegression):
        def predict(self, X):
            return super().predict(X)[:, None]

    X, y = problem((80, 20, 20))
    clf = ResampledClassifier(SMOTE(random_state=0), Column()).fit(X, y)
    plain = ResampledClassifier(SMOTE(random_state=0), LogisticRegression()).fit(X, y)
    assert clf.predict(X).shape == (120,) and clf.score(X, y) == plain.score(X, y) > 0.8


def test_tensors_train_as_arrays_do(problem):
    X, y = problem((40, 10))
    weight = np.linspace(1, 2, 50)
    tensors = torch.tensor(X, requires_grad=True), torch.tensor(y), torch.tensor(weight)
    arrays = ResampledClassifier(SMOTE(random_state=0), LogisticRegression()).fit(X, y, weight)
    clf = ResampledClassifier(SMOTE(random_state=0), LogisticRegression()).fit(*tensors)
    np.testing.assert_array_equal(clf.sample_weight_, arrays.sample_weight_)
    np.testing.assert_array_equal(clf.predict_proba(tensors[0]), arrays.predict_proba(X))


def test_only_methods_of_the_classifier_are_there(problem):
    X, y = problem((40, 10))
    scores = ResampledClassifier(RandomUnderSampler(), LinearSVC())
    assert not hasattr(scores, "predict_proba") and scores.fit(X, y).decision_function(X).shape == (50,)
    probabilities = ResampledClassifier(RandomUnderSampler(), GaussianNB()).fit(X, y)
    assert not hasattr(probabilities, "decision_function") and probabilities.predict_proba(X).shape == (50, 2)


def test_wrappers_go_around_each_other(problem):
    X, y = problem((900, 100), apart=1.0)
    resampled = ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression())
    honest = PriorCorrectedClassifier(resampled, training_priors="uniform", target_priors="observed").fit(X, y)
    assert honest.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.03)
    assert resampled.fit(X, y).predict_proba(X)[:, 1].mean() > 0.2
    calibrated = CalibratedClassifierCV(resampled).fit(X, y)
    assert calibrated.predict_proba(X)[:, 1].mean() == pytest.approx(0.1, abs=0.02)


def test_parameters_of_both_parts_can_be_searched(problem):
    X, y = problem((80, 20))
    clf = ResampledClassifier(SMOTE(random_state=0), LogisticRegression())
    search = GridSearchCV(clf, {"sampler__k_neighbors": [2, 5], "classifier__C": [0.1, 1]}, cv=2).fit(X, y)
    assert set(search.best_params_) == {"sampler__k_neighbors", "classifier__C"}


class TestMetadata:
    def test_of_rows_go_with_the_chosen_rows(self, problem):
        X, y = problem((40, 10))
        registry = _Registry()
        clf = ResampledClassifier(RandomUnderSampler(random_state=0), ConsumingClassifier(registry=registry))
        clf.fit(X, y, metadata=np.arange(50))
        check_recorded_metadata(registry[-1], "fit", "fit", metadata=np.arange(50)[clf.sample_indices_])

    def test_of_rows_are_refused_where_rows_are_made(self, problem):
        X, y = problem((40, 10))
        clf = ResampledClassifier(SMOTE(), ConsumingClassifier())
        with pytest.raises(ValueError, match=r"metadata has one value a row, but SMOTE\(\) added 30 synthetic"):
            clf.fit(X, y, metadata=np.arange(50))
        assert clf.fit(X, y, metadata="all").classes_.tolist() == [0, 1]

    def test_routing_carries_requested_weights(self, problem):
        X, y = problem((40, 10))
        weight, registry = np.arange(50.0) + 1, _Registry()
        with config_context(enable_metadata_routing=True):
            inner = ConsumingClassifier(registry=registry).set_fit_request(sample_weight=True)
            clf = ResampledClassifier(RandomUnderSampler(random_state=0), inner).fit(X, y, sample_weight=weight)
        check_recorded_metadata(registry[-1], "fit", "fit", sample_weight=weight[clf.sample_indices_])

    def test_routing_asks_for_a_request(self, problem):
        X, y = problem((40, 10))
        weight = np.arange(50.0) + 1
        with config_context(enable_metadata_routing=True):
            with pytest.raises(UnsetMetadataPassedError):
                ResampledClassifier(RandomUnderSampler(), LogisticRegression()).fit(X, y, sample_weight=weight)
            declining = LogisticRegression().set_fit_request(sample_weight=False)
            clf = ResampledClassifier(RandomUnderSampler(random_state=0), declining).fit(X, y, sample_weight=weight)
        plain = ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression()).fit(X, y)
        np.testing.assert_array_equal(clf.classifier_.coef_, plain.classifier_.coef_)
        np.testing.assert_array_equal(clf.sample_weight_, weight[clf.sample_indices_])

    def test_routing_reaches_the_sampler(self, problem):
        X, y = problem((40, 10))
        weight = np.arange(50.0) + 1
        with config_context(enable_metadata_routing=True):
            sampler = WeightingSampler().set_fit_resample_request(sample_weight=True)
            clf = ResampledClassifier(sampler, LogisticRegression().set_fit_request(sample_weight=True))
            assert clf.fit(X, y, sample_weight=weight).sample_weight_[50] == weight[y == 1][:2].mean()
            sampler.set_fit_resample_request(sample_weight=False)
            assert clf.fit(X, y, sample_weight=weight).sample_weight_[50] == weight[y == 1].mean()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((LogisticRegression(), LogisticRegression()), "'sampler' parameter .* 'fit_resample'"),
        ((RandomUnderSampler(), RandomUnderSampler()), "'classifier' parameter .* 'predict'"),
    ],
)
def test_bad_parts_are_said_in_a_sentence(parts, message, problem):
    with pytest.raises(ValueError, match=message):
        ResampledClassifier(*parts).fit(*problem())


def test_forests_that_sample_inside_are_classifiers_too(problem):
    X, y = problem((80, 20))
    forest = BalancedRandomForestClassifier(5, random_state=0)
    assert ResampledClassifier(TomekLinks(), forest).fit(X, y).predict_proba(X).shape == (100, 2)


def test_a_fitted_classifier_of_other_classes_is_refused(problem):
    X, y = problem((40, 20))
    frozen = FrozenEstimator(LogisticRegression().fit(X, np.array(["no", "yes"])[y]))
    with pytest.raises(ValueError, match=r"y has the classes \[0, 1\], but the fitted classifier knows only \['no'"):
        ResampledClassifier(RandomUnderSampler(random_state=0), frozen).fit(X, y)
