"""imbalanced-learn's samplers, called so that kept and made rows are told apart, and tiny classes are served."""

import warnings

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import clone

from equipoise.samplers import resample

SELECTORS = [RandomUnderSampler(), RandomOverSampler(), TomekLinks(), NearMiss()]
OVERSAMPLERS = [SMOTE(), BorderlineSMOTE(), SVMSMOTE(), SMOTE(k_neighbors=2, sampling_strategy=0.5), ADASYN()]
MAKERS = [ClusterCentroids(), SMOTEENN()]


def by_library(sampler, X, y, random_state=3):
    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    return sampler.fit_resample(X, y)


def rebuilt(resampled, X, y):
    return (
        np.concatenate([X, resampled.made_X])[resampled.rows],
        np.concatenate([y, resampled.made_y])[resampled.rows],
    )


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
    assert resampled.made_X.shape == (0, 4) and resampled.made_y.shape == (0,)
    assert resampled.rows.dtype == np.int64 and resampled.rows.max() < 100


@pytest.mark.parametrize("sampler", OVERSAMPLERS, ids=repr)
def test_over_samplers_keep_what_was_given(sampler, problem):
    X, y = problem((80, 20), apart=1.0)
    resampled = resample(sampler, X, y, 0)
    assert np.array_equal(resampled.rows, np.arange(100 + len(resampled.made_X)))
    assert set(resampled.made_y) == {1} and len(resampled.made_X) > 10


@pytest.mark.parametrize("sampler", MAKERS, ids=repr)
def test_samplers_that_say_nothing_of_their_rows_make_them_all(sampler, problem):
    X, y = problem((80, 20), apart=1.0)
    resampled = resample(sampler, X, y, 0)
    assert np.array_equal(resampled.rows, 100 + np.arange(len(resampled.made_X)))


def test_smoothed_bootstrap_keeps_its_noise(problem):
    """Random over-sampling with shrinkage repeats rows with noise, and still names the rows it began from."""
    X, y = problem((30, 6))
    sampler = RandomOverSampler(shrinkage=1.0)
    found_X, found_y = rebuilt(resample(sampler, X, y, 3), X, y)
    expected_X, expected_y = by_library(sampler, X, y)
    np.testing.assert_array_equal(found_X, expected_X)
    np.testing.assert_array_equal(found_y, expected_y)


def test_features_keep_shape_and_dtype(problem):
    X, y = problem((30, 10), n_features=12)
    images = X.astype(np.float32).reshape(-1, 1, 3, 4)
    resampled = resample(SMOTE(), images, y, 0)
    assert resampled.made_X.shape == (20, 1, 3, 4) and resampled.made_X.dtype == np.float32
    flat = resample(SMOTE(), images.reshape(40, 12), y, 0)
    np.testing.assert_array_equal(resampled.made_X.reshape(20, 12), flat.made_X)
    assert resample(RandomUnderSampler(), images, y, 0).made_X.shape == (0, 1, 3, 4)


def test_random_state_governs_and_the_sampler_stays_as_it_was(problem):
    X, y = problem((40, 10))
    sampler = SMOTE(random_state=99)
    first, again, other = (resample(sampler, X, y, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.made_X, again.made_X)
    assert not np.array_equal(first.made_X, other.made_X)
    assert sampler.random_state == 99 and not hasattr(sampler, "sampling_strategy_")


def test_string_labels(problem):
    X, y = problem((40, 10))
    resampled = resample(SMOTE(), X, np.array(["fine", "fraud"])[y], 0)
    assert set(resampled.made_y) == {"fraud"}


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
        assert len(resampled.made_X) == 0
        assert np.bincount(resampled.rows)[np.flatnonzero(y)[0]] == 30

    def test_the_replacement_keeps_the_sampling_strategy(self, problem):
        X, y = problem((30, 1))
        with pytest.warns(UserWarning, match="random over-sampling"):
            resampled = resample(SMOTE(sampling_strategy=0.5), X, y, 0)
        assert np.bincount(y[resampled.rows]).tolist() == [30, 15]

    def test_few_rows_in_all(self, problem):
        X, y = problem((6, 3), apart=0.5)
        with pytest.warns(UserWarning, match="2 neighbours were used"):
            resampled = resample(BorderlineSMOTE(m_neighbors=50), X, y, 0)
        assert resampled.rows.max() < 9 + len(resampled.made_X)

    def test_numbers_of_neighbours_may_be_numpy_s(self, problem):
        X, y = problem((30, 3))
        with pytest.warns(UserWarning, match="2 neighbours were used"):
            assert len(resample(SMOTE(k_neighbors=np.int64(5)), X, y, 0).made_X) == 27


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
        np.testing.assert_array_equal(resampled.made_X, resample(SMOTE(k_neighbors=4), X, y, 3).made_X)

    def test_fallback_keeps_the_sampling_strategy(self):
        X, y = self.noise()
        with pytest.warns(UserWarning, match="SMOTE was used instead"):
            resampled = resample(SVMSMOTE(sampling_strategy=0.5), X, y, 3)
        assert len(resampled.made_X) == 80 - 8

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
