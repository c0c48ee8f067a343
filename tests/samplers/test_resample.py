"""imbalanced-learn's samplers, called so that kept and synthetic rows are told apart, and tiny classes are served."""

import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator, clone
from sklearn.neighbors import NearestNeighbors

from equipoise.samplers.resample import resample

SELECTORS = [RandomUnderSampler(), RandomOverSampler(), TomekLinks(), NearMiss()]
OVERSAMPLERS = [SMOTE(), BorderlineSMOTE(), SVMSMOTE(), SMOTE(k_neighbors=2, sampling_strategy=0.5), ADASYN()]
MAKERS = [ClusterCentroids(), SMOTEENN()]


def by_library(sampler, X, y, random_state=3):
    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=random_state)
    return sampler.fit_resample(X, y)


def rebuilt(resampled, X, y):
    """The rows put together from the given ones and the synthetic ones."""
    X_out, y_out = X[resampled.sources], y[resampled.sources]
    X_out[resampled.synthetic], y_out[resampled.synthetic] = (
        resampled.X[resampled.synthetic],
        resampled.y[resampled.synthetic],
    )
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
    assert not resampled.synthetic.any()
    assert resampled.sources.min() >= 0 and resampled.sources.max() < 100


@pytest.mark.parametrize("sampler", OVERSAMPLERS, ids=repr)
def test_over_samplers_keep_what_was_given(sampler, problem):
    X, y = problem((80, 20), apart=1.0)
    resampled = resample(sampler, X, y, 0)
    assert resampled.sources[:100].tolist() == list(range(100))
    assert resampled.synthetic[:100].sum() == 0 and resampled.synthetic[100:].all()
    assert set(resampled.y[resampled.synthetic]) == {1} and resampled.synthetic.sum() > 10


def test_rows_are_recognised_where_a_sampler_says_nothing_of_them(problem):
    X, y = problem((80, 20), apart=1.0)
    both = resample(SMOTETomek(), X, y, 0)
    assert 0 < both.synthetic.sum() < len(both.y) < 160
    np.testing.assert_array_equal(X[both.sources[~both.synthetic]], both.X[~both.synthetic])
    assert (both.sources[both.synthetic] == -1).all()
    centres = resample(ClusterCentroids(), X, y, 0)  # of the common class; some of a single row
    assert centres.synthetic[centres.y == 0].mean() > 0.8 and not centres.synthetic[centres.y == 1].any()


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, csr_matrix, csr_array], ids=lambda form: form.__name__)
def test_equal_rows_are_told_apart_by_label_and_order(form):
    X, y = np.array([[1.0, 0], [1, 0], [2, 0], [1, 0], [0, 3]]), np.array([0, 0, 0, 1, 1])
    backwards = FunctionSampler(func=lambda X, y: (X[::-1], y[::-1]), accept_sparse=True)
    resampled = resample(backwards, form(X), y, 0)
    assert resampled.sources.tolist() == [4, 3, 2, 0, 1] and not resampled.synthetic.any()


def test_tables_with_gaps_and_words(problem):
    _, y = problem((40, 10))
    frame = pd.DataFrame({"a": np.arange(50.0), "b": pd.Categorical(["x", "y"] * 25), "c": -np.arange(50.0)})
    frame.loc[::7, "a"] = np.nan
    kept = resample(FunctionSampler(func=lambda X, y: (X[5:], y[5:]), validate=False), frame, y)
    assert kept.sources.tolist() == list(range(5, 50))
    drawn = resample(RandomUnderSampler(), frame, y, 0)
    pd.testing.assert_frame_equal(drawn.X.reset_index(drop=True), frame.iloc[drawn.sources].reset_index(drop=True))
    mixed = resample(SMOTENC([1]), frame.fillna(0.0), y, 0)
    assert mixed.sources[:50].tolist() == list(range(50)) and mixed.synthetic[50:].any()
    assert mixed.X.dtypes.tolist() == frame.dtypes.tolist()


def test_smoothed_bootstrap_keeps_its_noise(problem):
    """Random over-sampling with shrinkage repeats rows with noise, and still names the rows it began from."""
    X, y = problem((30, 6))
    resampled = resample(RandomOverSampler(shrinkage=1.0), X, y, 3)
    expected_X, expected_y = by_library(RandomOverSampler(shrinkage=1.0), X, y)
    np.testing.assert_array_equal(resampled.X, expected_X)
    np.testing.assert_array_equal(resampled.y, expected_y)
    assert resampled.synthetic.tolist() == [False] * 36 + [True] * 24
    assert resampled.sources[:36].tolist() == list(range(36))
    assert (y[resampled.sources] == resampled.y).all()


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, csr_array], ids=lambda form: form.__name__)
def test_smoothed_bootstrap_of_integers_leaves_the_given_rows(form, problem):
    X, y = problem((30, 6, 12))
    sampler = RandomOverSampler(shrinkage={1: 1.0, 2: 0.0})
    drawn = resample(sampler, form((100 * X).astype(int)), y, 3)
    assert not drawn.synthetic[:48].any()
    assert drawn.synthetic[48:].tolist() == (drawn.y[48:] == 1).tolist()  # class 2 is repeated without noise


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
        np.testing.assert_array_equal(drawn.weights(weights, y), weights[drawn.sources])

    @pytest.mark.parametrize("sampler", [SMOTE(), BorderlineSMOTE(), SMOTETomek(), RandomOverSampler()], ids=repr)
    @pytest.mark.parametrize("kind", ["object", ">f8", ">f4", "float16", "int16", "values of a mixed frame"])
    def test_given_rows_keep_theirs_in_every_dtype(self, sampler, kind, problem):
        X, y = problem((40, 10))
        X, weights = 100 * X, np.linspace(1, 2, 50)
        rows = pd.DataFrame(X).assign(flag=X[:, 0] > 0).values if "frame" in kind else X.astype(kind)
        drawn = resample(sampler, rows, y, 0)
        given = ~drawn.synthetic
        assert given.sum() >= 45  # Tomek links are few
        np.testing.assert_array_equal(drawn.weights(weights, y)[given], weights[drawn.sources[given]])
        np.testing.assert_allclose(drawn.X[given].astype(float), rows[drawn.sources[given]].astype(float))

    def test_rows_that_are_made_get_the_mean_of_their_class(self, problem):
        X, y = problem((40, 10, 8))
        weights, labels = np.arange(58.0), np.array(["fine", "fraud", "fault"])[y]
        drawn = resample(SMOTE(), X, labels, 0)
        carried = drawn.weights(weights, labels)
        np.testing.assert_array_equal(carried[:58], weights)
        for label in ("fraud", "fault"):
            of_class = drawn.synthetic & (drawn.y == label)
            assert of_class.sum() > 29
            np.testing.assert_allclose(carried[of_class], weights[labels == label].mean())

    def test_rows_made_from_one_row_get_its_weight(self, problem):
        X, y = problem((40, 10))
        weights = np.arange(50.0)
        drawn = resample(RandomOverSampler(shrinkage=0.5), X, y, 0)
        carried = drawn.weights(weights, y)
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
        assert drawn.synthetic.tolist() == [False] * 50 + [True]
        assert drawn.weights(weights, y)[50] == weights[y == 1][:2].mean()


def test_string_labels(problem):
    X, y = problem((40, 10))
    resampled = resample(SMOTE(), X, np.array(["fine", "fraud"])[y], 0)
    assert set(resampled.y[resampled.synthetic]) == {"fraud"}


class TestTinyClasses:
    @pytest.mark.parametrize("sampler", [SMOTE(), BorderlineSMOTE(), SVMSMOTE()], ids=repr)
    @pytest.mark.parametrize("n_rare", [2, 3, 5])
    def test_fewer_neighbours_with_a_warning(self, sampler, n_rare, problem):
        X, y = problem((60, n_rare), apart=0.5)
        labels = np.array(["fine", "fraud"])[y]
        with pytest.warns(UserWarning, match=f"'fraud' has {n_rare} .*{type(sampler).__name__} with k_neighbors=5; k"):
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
        assert not resampled.synthetic.any()
        assert np.bincount(resampled.sources)[np.flatnonzero(y)[0]] == 30

    def test_the_replacement_keeps_the_samplers_random_state(self, problem):
        X, y = problem((30, 1, 12))
        strategy = {1: 1, 2: 60}
        with pytest.warns(UserWarning, match="random over-sampling"):
            drawn = [resample(SMOTE(sampling_strategy=strategy, random_state=seed), X, y).sources for seed in (0, 0, 1)]
        assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()

    def test_the_replacement_keeps_the_sampling_strategy(self, problem):
        X, y = problem((30, 1))
        with pytest.warns(UserWarning, match="random over-sampling"):
            resampled = resample(SMOTE(sampling_strategy=0.5), X, y, 0)
        assert np.bincount(resampled.y).tolist() == [30, 15]

    def test_few_rows_in_all(self, problem):
        X, y = problem((6, 3), apart=0.5)
        with pytest.warns(UserWarning, match="k_neighbors=2 was used"):
            resampled = resample(BorderlineSMOTE(m_neighbors=50), X, y, 0)
        assert np.bincount(resampled.y).tolist() == [6, 6]

    @pytest.mark.parametrize(
        ("sampler", "parameter"),
        [
            (ADASYN(), "ADASYN with n_neighbors=5; n_neighbors=3"),
            (SMOTEENN(), "SMOTEENN with k_neighbors=5; k_neighbors=3"),
            (SMOTETomek(smote=SMOTE(k_neighbors=9)), "SMOTETomek with k_neighbors=9; k_neighbors=3"),
            (NearMiss(n_neighbors=7), "NearMiss with n_neighbors=7; n_neighbors=4"),
            (NearMiss(version=3, n_neighbors_ver3=8), "NearMiss with n_neighbors_ver3=8; n_neighbors_ver3=4"),
        ],
        ids=repr,
    )
    def test_samplers_of_every_kind_are_served(self, sampler, parameter, problem):
        X, y = problem((60, 4), apart=0.5)
        with pytest.warns(UserWarning, match=f"Class 'fraud' has 4 training rows, too few for {parameter} was used"):
            resampled = resample(sampler, X, np.array(["fine", "fraud"])[y], 0)
        assert 0 < (resampled.y == "fraud").sum() <= 80

    @pytest.mark.parametrize("sampler", [SMOTEENN(), SMOTETomek()], ids=repr)
    def test_one_row_is_refused_where_nothing_else_serves(self, sampler, problem):
        X, y = problem((30, 1))
        message = (
            f"Class 1 has 1 training row, too few for {type(sampler).__name__} with smote__k_neighbors=5. Use Random"
        )
        with pytest.raises(ValueError, match=message):
            resample(sampler, X, y, 0)

    @pytest.mark.parametrize(
        "sampler",
        [KMeansSMOTE(cluster_balance_threshold=9.0), ADASYN(), SMOTE(k_neighbors=NearestNeighbors(n_neighbors=9))],
    )
    def test_an_error_about_sizes_names_the_classes(self, sampler, problem):
        X, y = problem((60, 6), apart=30.0)
        with pytest.raises(
            ValueError, match=r"resample these classes \('fine': 60, 'fraud': 6 training rows\): .*Change"
        ):
            resample(sampler, X, np.array(["fine", "fraud"])[y], 0)

    def test_only_classes_that_are_asked_for_count(self, problem):
        X, y = problem((30, 12, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert resample(SMOTE(sampling_strategy={1: 20}), X, y, 0).synthetic.sum() == 8

    def test_numbers_of_neighbours_may_be_numpy_s(self, problem):
        X, y = problem((30, 3))
        with pytest.warns(UserWarning, match="k_neighbors=2 was used"):
            assert resample(SMOTE(k_neighbors=np.int64(5)), X, y, 0).synthetic.sum() == 27


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
        assert resampled.synthetic.sum() == 80 - 8

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


@pytest.mark.parametrize("dtype", [np.int16, bool])
@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), RandomOverSampler(shrinkage=0.5, random_state=0)], ids=str)
def test_synthetic_rows_lie_between_integers_too(sampler, dtype, problem):
    X, y = problem((40, 10))
    X = (X > 1).astype(dtype) if dtype is bool else np.rint(1000 * X).astype(dtype)
    expected = resample(sampler, X.astype(float), y)
    for rows in (X, pd.DataFrame(X, columns=list("abcd")), csr_array(X)):
        found = resample(sampler, rows, y)
        dense = found.X.toarray() if hasattr(found.X, "toarray") else np.asarray(found.X)
        np.testing.assert_allclose(dense, expected.X)
        np.testing.assert_array_equal(found.synthetic, expected.synthetic)
    kept = resample(RandomUnderSampler(random_state=0), X, y)
    assert kept.X.dtype == dtype and not kept.synthetic.any()
