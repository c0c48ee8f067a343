"""SVM-SMOTE on long tables: which rows its kernel machine is fitted on."""

import numpy as np
import pytest
from imblearn.over_sampling import SVMSMOTE
from sklearn.svm import SVC

from equipoise import SSG
from equipoise.samplers.svm_smote import MOST_OTHERS, BoundedSVC, rows_to_fit


@pytest.fixture(scope="module")
def long_table():
    """60,000 common rows, 500 rare ones apart from them, and 20 of a third class."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["common", "rare", "third"], [60_000, 500, 20]))
    return rng.normal(size=(len(y), 2)) + 3.0 * (y == "rare")[:, None], y


def latent(sampler, X, y, label, seed):
    return sampler._task(X, y, label, 600, seed).latent


def by_library(X, y, label, seed, svm_estimator=None):
    target = {label: int((y == label).sum()) + 600}
    sampler = SVMSMOTE(sampling_strategy=target, svm_estimator=svm_estimator, random_state=seed)
    return sampler.fit_resample(X, y)[0][len(X) :]


def test_all_rare_rows_and_a_draw_of_the_others(long_table):
    _, y = long_table
    rows, again, other = (rows_to_fit(y, "rare", seed) for seed in (0, 0, 1))
    assert len(rows) == 500 + MOST_OTHERS == len(np.unique(rows)) and (np.diff(rows) > 0).all()
    assert (y[rows] == "rare").sum() == 500
    assert np.array_equal(rows, again) and not np.array_equal(rows, other)
    assert abs(rows[y[rows] != "rare"].mean() / len(y) - 0.5) < 0.02  # from the whole table


@pytest.mark.parametrize("n_others, n_fitted", [(3, 5), (10_000, 10_002), (10_001, 10_002), (60_000, 10_002)])
def test_tables_are_cut_only_where_there_are_more(n_others, n_fitted):
    y = np.repeat([0, 1], [n_others, 2])
    assert len(rows_to_fit(y, 1, 0)) == n_fitted


def test_the_kernel_machine_sees_no_more(long_table):
    X, y = long_table
    rows = rows_to_fit(y, "rare", 0)
    bounded, plain = BoundedSVC("rare", 0).fit(X, y), SVC(gamma="scale").fit(X[rows], y[rows])
    assert bounded.shape_fit_ == (500 + MOST_OTHERS, 2)
    np.testing.assert_array_equal(bounded.support_, rows[plain.support_])
    np.testing.assert_array_equal(X[bounded.support_], bounded.support_vectors_)
    np.testing.assert_array_equal(bounded.predict(X[:500]), plain.predict(X[:500]))


def test_ssg_cuts_long_tables_by_default(long_table):
    X, y = long_table
    cut = by_library(X, y, "rare", 7, BoundedSVC("rare", 7))[:600]
    whole = by_library(X, y, "rare", 7)[:600]
    np.testing.assert_array_equal(latent(SSG(), X, y, "rare", 7), cut)
    np.testing.assert_array_equal(latent(SSG(variant="paper"), X, y, "rare", 7), whole)
    assert not np.array_equal(cut, whole)


def test_shorter_tables_are_as_they_are_in_imbalanced_learn(problem):
    X, y = problem((200, 40), apart=2.0)
    np.testing.assert_array_equal(latent(SSG(), X, y, 1, 3), by_library(X, y, 1, 3))
