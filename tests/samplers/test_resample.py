"""imbalanced-learn's samplers, called so that kept and made rows are told apart, and tiny classes are served."""

import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator, clone

from equipoise.samplers.resample import carry_weights, resample

SELECTORS = [RandomUnderSampler(), RandomOverSampler(), TomekLinks(), NearMiss()]
OVERSAMPLERS = [SMOTE(), BorderlineSMOTE(), SVMSMOTE(), SMOTE(k_neighbors=2, sampling_strategy=0.5), ADASYN()]
MAKERS = [ClusterCentroids(), SMOTEENN()]


def by_library(sampler, X, y, random_state=3):
    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    return sampler.fit_resample(X, y)


def rebuilt(resampled, X, y):
    """The rows put together from the given ones and those that were made."""
    X_out, y_out = X[resampled.sources], y[resampled.sources]
    X_out[resampled.made], y_out[resampled.made] = resampled.X[resampled.made], resampled.y[resampled.made]
    return X_out, y_out


@pytest.mark.parametrize("sampler", SELECTORS + OVERSAMPLERS + MAKERS, ids=repr)
@pytest.mark.parametrize("counts", [(80, 20), (60, 30, 12)], ids=str)
def test_rows_are_those_of_the_library_in_its_order(sampler, counts, problem):
    if sampler.get_params().get("sampling_strategy") == 0.5 and len(counts) > 2:
        pytest.skip("imbalanced-learn takes a number for two classes only")
    X, y = problem(counts, apart=1.0)
    expected_X, expected_y = by_library(sampler, X, y)
    found_X, found_y = rebuilt(resample(sampler, X, y, 3), X, y)
    np.testing.assert_array_equal(found_X, expected_X)
    np.testing.assert_array_equal(found_y, expected_y)


@pytest.mark.parametrize("sampler", SELECTORS, ids=repr)
def test_samplers_that_select_make_nothing(sampler, problem):
    X, y = problem((80, 20))
    resampled = resample(sampler, X, y, 0)
    assert not resampled.made.any()
    assert resampled.sources.min() >= 0 and resampled.sources.max() < 100


@pytest.mark.parametrize("sampler", OVERSAMPLERS, ids=repr)
def test_over_samplers_keep_what_was_given(sampler, problem):
    X, y = problem((80, 20), apart=1.0)
    resampled = resample(sampler, X, y, 0)
    assert resampled.sources[:100].tolist() == list(range(100))
    assert resampled.made[:100].sum() == 0 and resampled.made[100:].all()
    assert set(resampled.y[resampled.made]) == {1} and resampled.made.sum() > 10


def test_rows_are_recognised_where_a_sampler_says_nothing_of_them(problem):
    X, y = problem((80, 20), apart=1.0)
    both = resample(SMOTETomek(), X, y, 0)
    assert 0 < both.made.sum() < len(both.y) < 160
    np.testing.assert_array_equal(X[both.sources[~both.made]], both.X[~both.made])
    assert (both.sources[both.made] == -1).all()
    centres = resample(ClusterCentroids(), X, y, 0)  # of the common class; some of a single row
    assert centres.made[centres.y == 0].mean() > 0.8 and not centres.made[centres.y == 1].any()


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, csr_matrix, csr_array], ids=lambda form: form.__name__)
def test_equal_rows_are_told_apart_by_label_and_order(form):
    X, y = np.array([[1.0, 0], [1, 0], [2, 0], [1, 0], [0, 3]]), np.array([0, 0, 0, 1, 1])
    backwards = FunctionSampler(func=lambda X, y: (X[::-1], y[::-1]), accept_sparse=True)
    resampled = resample(backwards, form(X), y, 0)
    assert resampled.sources.tolist() == [4, 3, 2, 0, 1] and not resampled.made.any()


def test_tables_with_gaps_and_words(problem):
    _, y = problem((40, 10))
    frame = pd.DataFrame({"a": np.arange(50.0), "b": pd.Categorical(["x", "y"] * 25), "c": -np.arange(50.0)})
    frame.loc[::7, "a"] = np.nan
    kept = resample(FunctionSampler(func=lambda X, y: (X[5:], y[5:]), validate=False), frame, y)
    assert kept.sources.tolist() == list(range(5, 50))
    drawn = resample(RandomUnderSampler(), frame, y, 0)
    pd.testing.assert_frame_equal(drawn.X.reset_index(drop=True), frame.iloc[drawn.sources].reset_index(drop=True))
    mixed = resample(SMOTENC([1]), frame.fillna(0.0), y, 0)
    assert mixed.sources[:50].tolist() == list(range(50)) and mixed.made[50:].any()
    assert mixed.X.dtypes.tolist() == frame.dtypes.tolist()


def test_smoothed_bootstrap_keeps_its_noise(problem):
    """Random over-sampling with shrinkage repeats rows with noise, and still names the rows it began from."""
    X, y = problem((30, 6))
    resampled = resample(RandomOverSampler(shrinkage=1.0), X, y, 3)
    expected_X, expected_y = by_library(RandomOverSampler(shrinkage=1.0), X, y)
    np.testing.assert_array_equal(resampled.X, expected_X)
    np.testing.assert_array_equal(resampled.y, expected_y)
    assert resampled.made.tolist() == [False] * 36 + [True] * 24
    assert resampled.sources[:36].tolist() == list(range(36))
    assert (y[resampled.sources] == resampled.y).all()


def test_features_keep_shape_and_dtype(problem):
    X, y = problem((30, 10), n_features=12)
    images = X.astype(np.float32).reshape(-1, 1, 3, 4)
    resampled = resample(SMOTE(), images, y, 0)
    assert resampled.X.shape == (60, 1, 3, 4) and resampled.X.dtype == np.float32
    flat = resample(SMOTE(), images.reshape(40, 12), y, 0)
    np.testing.assert_array_equal(resampled.X.reshape(60, 12), flat.X)
    assert resample(RandomUnderSampler(), images, y, 0).X.shape == (20, 1, 3, 4)


def test_random_state_governs_and_the_sampler_stays_as_it_was(problem):
    X, y = problem((40, 10))
    sampler = SMOTE(random_state=99)
    first, again, other = (resample(sampler, X, y, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.X, again.X)
    assert not np.array_equal(first.X, other.X)
    assert sampler.random_state == 99 and not hasattr(sampler, "sampling_strategy_")
    np.testing.assert_array_equal(resample(sampler, X, y).X, sampler.fit_resample(X, y)[0])


class TestCarriedWeights:
    def test_rows_that_are_chosen_keep_theirs(self, problem):
        X, y = problem((40, 10))
        weights = np.arange(50.0)
        drawn = resample(RandomUnderSampler(), X, y, 0)
        np.testing.assert_array_equal(carry_weights(drawn, weights, y), weights[drawn.sources])

    def test_rows_that_are_made_get_the_mean_of_their_class(self, problem):
        X, y = problem((40, 10, 8))
        weights, labels = np.arange(58.0), np.array(["fine", "fraud", "fault"])[y]
        drawn = resample(SMOTE(), X, labels, 0)
        carried = carry_weights(drawn, weights, labels)
        np.testing.assert_array_equal(carried[:58], weights)
        for label in ("fraud", "fault"):
            of_class = drawn.made & (drawn.y == label)
            assert of_class.sum() > 29
            np.testing.assert_allclose(carried[of_class], weights[labels == label].mean())

    def test_rows_made_from_one_row_get_its_weight(self, problem):
        X, y = problem((40, 10))
        weights = np.arange(50.0)
        drawn = resample(RandomOverSampler(shrinkage=0.5), X, y, 0)
        carried = carry_weights(drawn, weights, y)
        nearest = ((drawn.X[50:, None] - X[y == 1]) ** 2).sum(-1).argmin(axis=1)
        assert np.mean(carried[50:] == weights[y == 1][nearest]) > 0.5

    def test_a_sampler_that_knows_the_parents_has_the_last_word(self, problem):
        class Midpoints(BaseEstimator):
            """Makes the row half-way between the first two of the rare class."""

            def fit_resample(self, X, y, sample_weight):
                pair = np.flatnonzero(y == 1)[:2]
                self.sample_weight_ = np.append(sample_weight, sample_weight[pair].mean())
                return np.vstack([X, X[pair].mean(axis=0)]), np.append(y, 1)

        X, y = problem((40, 10))
        weights = np.arange(50.0)
        drawn = resample(Midpoints(), X, y, 0, sample_weight=weights)
        assert drawn.made.tolist() == [False] * 50 + [True]
        assert carry_weights(drawn, weights, y)[50] == weights[y == 1][:2].mean()


def test_string_labels(problem):
    X, y = problem((40, 10))
    resampled = resample(SMOTE(), X, np.array(["fine", "fraud"])[y], 0)
    assert set(resampled.y[resampled.made]) == {"fraud"}


class TestTinyClasses:
    @pytest.mark.parametrize("sampler", [SMOTE(), BorderlineSMOTE(), SVMSMOTE()], ids=repr)
    @pytest.mark.parametrize("n_rare", [2, 3, 5])
    def test_fewer_neighbours_with_a_warning(self, sampler, n_rare, problem):
        X, y = problem((60, n_rare), apart=0.5)
        labels = np.array(["fine", "fraud"])[y]
        with pytest.warns(UserWarning, match=f"'fraud'.* has {n_rare} .*{type(sampler).__name__}.* 5 neighbours"):
            resampled = resample(sampler, X, labels, 0)
        _, found = rebuilt(resampled, X, labels)
        assert (found == "fine").sum() == 60 and (found == "fraud").sum() >= n_rare

    def test_enough_rows_need_no_warning(self, problem):
        X, y = problem((60, 6))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected_X, _ = by_library(SMOTE(), X, y)
            np.testing.assert_array_equal(rebuilt(resample(SMOTE(), X, y, 3), X, y)[0], expected_X)

    @pytest.mark.parametrize("sampler", [SMOTE(), BorderlineSMOTE(), SVMSMOTE()], ids=repr)
    def test_a_class_of_one_row_is_repeated(self, sampler, problem):
        X, y = problem((30, 1))
        with pytest.warns(UserWarning, match=r"Class .*1.* has 1 .*random over-sampling"):
            resampled = resample(sampler, X, y, 0)
        assert not resampled.made.any()
        assert np.bincount(resampled.sources)[np.flatnonzero(y)[0]] == 30

    def test_the_replacement_keeps_the_samplers_random_state(self, problem):
        X, y = problem((1, 30))
        with pytest.warns(UserWarning, match="random over-sampling"):
            drawn = [
                resample(SMOTE(sampling_strategy={1: 60}, random_state=seed), X, y).sources[31:] for seed in (0, 0, 1)
            ]
        assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()

    def test_the_replacement_keeps_the_sampling_strategy(self, problem):
        X, y = problem((30, 1))
        with pytest.warns(UserWarning, match="random over-sampling"):
            resampled = resample(SMOTE(sampling_strategy=0.5), X, y, 0)
        assert np.bincount(resampled.y).tolist() == [30, 15]

    def test_few_rows_in_all(self, problem):
        X, y = problem((6, 3), apart=0.5)
        with pytest.warns(UserWarning, match="2 neighbours were used"):
            resampled = resample(BorderlineSMOTE(m_neighbors=50), X, y, 0)
        assert np.bincount(resampled.y).tolist() == [6, 6]

    def test_numbers_of_neighbours_may_be_numpy_s(self, problem):
        X, y = problem((30, 3))
        with pytest.warns(UserWarning, match="2 neighbours were used"):
            assert resample(SMOTE(k_neighbors=np.int64(5)), X, y, 0).made.sum() == 27


class TestSVMSMOTE:
    def noise(self):
        """Rare rows, each in the middle of a crowd of the other class: all support vectors look like noise."""
        rng = np.random.default_rng(0)
        rare = 10.0 * rng.normal(size=(8, 2))
        crowd = np.repeat(rare, 20, axis=0) + 0.01 * rng.normal(size=(160, 2))
        return np.concatenate([crowd, rare]), np.repeat([0, 1], [160, 8])

    def test_falls_back_to_smote_and_says_so(self):
        X, y = self.noise()
        with pytest.raises(ValueError, match="noise"):
            SVMSMOTE(random_state=3).fit_resample(X, y)
        with pytest.warns(UserWarning, match=r"SVMSMOTE could not be used.*SMOTE was used instead"):
            resampled = resample(SVMSMOTE(k_neighbors=4), X, y, 3)
        np.testing.assert_array_equal(resampled.X, resample(SMOTE(k_neighbors=4), X, y, 3).X)

    def test_fallback_keeps_the_sampling_strategy(self):
        X, y = self.noise()
        with pytest.warns(UserWarning, match="SMOTE was used instead"):
            resampled = resample(SVMSMOTE(sampling_strategy=0.5), X, y, 3)
        assert resampled.made.sum() == 80 - 8

    @pytest.mark.filterwarnings("ignore:SVMSMOTE could not be used")
    @pytest.mark.parametrize("wrong", [{"out_step": -1.0}, {"sampling_strategy": "most"}], ids=str)
    def test_a_wrong_parameter_is_not_hidden(self, wrong, problem):
        X, y = problem((30, 20))
        with pytest.raises(ValueError, match=next(iter(wrong))):
            resample(SVMSMOTE(**wrong), X, y, 0)

    def test_an_error_of_another_sampler_is_not_hidden(self, problem):
        X, y = problem((30, 20))
        with pytest.raises(ValueError, match="remove samples"):
            resample(SMOTE(sampling_strategy=0.1), X, y, 0)


def test_an_object_that_does_not_resample_is_quoted(problem):
    with pytest.raises(TypeError, match=r"fit_resample.*dict"):
        resample(dict, *problem(), 0)
