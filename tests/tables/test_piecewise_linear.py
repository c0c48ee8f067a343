"""Piecewise-linear codes against the paper's formula, value by value."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from equipoise.tables import PiecewiseLinearEncoder


@parametrize_with_checks([PiecewiseLinearEncoder(n_bins=3), PiecewiseLinearEncoder(n_bins=3, bins="tree")])
def test_scikit_learn_s_contract(estimator, check):
    check(estimator)


def quantile(column, part, parts):
    """Return the least value that no less than such a part of the rows is at or below."""
    return min(value for value in column if parts * sum(column <= value) >= part * len(column))


def by_hand(value, edges):
    """Equation 1, held within 0 and 1 at the outer bins, too."""
    codes = []
    for low, high in pairwise(edges):
        codes.append(0.0 if value < low else 1.0 if value >= high else (value - low) / (high - low))
    return codes


@pytest.mark.parametrize("n_bins", [2, 5, 12])
def test_codes_are_the_paper_s(n_bins):
    rng = np.random.default_rng(0)
    seen, new = rng.normal(size=(200, 2)), rng.normal(size=(50, 2)) * 3
    codes = PiecewiseLinearEncoder(n_bins).fit(seen).transform(new)
    edges = [[quantile(column, part, n_bins) for part in range(n_bins + 1)] for column in seen.T]
    expected = [[*row, *by_hand(row[0], edges[0]), *by_hand(row[1], edges[1])] for row in new]
    np.testing.assert_allclose(codes, expected, rtol=1e-12, atol=1e-12)


def test_features_of_few_values_get_fewer_codes_or_none():
    X = np.column_stack([np.arange(100) % 2, np.ones(100), np.arange(100) % 3, np.arange(100)])
    encoder = PiecewiseLinearEncoder(n_bins=4).fit(X)
    assert np.bincount(encoder.columns_, minlength=4).tolist() == [0, 0, 2, 4]
    codes = encoder.transform(X)[:, 4:6]
    assert np.unique(codes, axis=0).tolist() == [[0, 0], [1, 0], [1, 1]]


@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.floats(-1e6, 1e6)))
def test_codes_rise_with_the_value_and_stay_within_0_and_1(X):
    encoder = PiecewiseLinearEncoder(n_bins=5).fit(X)
    out = encoder.transform(X)
    codes = out[:, X.shape[1] :]
    assert ((codes >= 0) & (codes <= 1)).all()
    np.testing.assert_array_equal(out[:, : X.shape[1]], X)
    for column in range(X.shape[1]):
        of_column = codes[np.argsort(X[:, column], kind="stable")][:, encoder.columns_ == column]
        assert (np.diff(of_column, axis=0) >= 0).all()
        assert (np.diff(of_column, axis=1) <= 0).all()  # a bin is begun once the one below it is passed


def test_a_line_through_codes_bends_at_the_quantiles():
    """What they are for: a linear model of the codes fits what no line through the feature does."""
    x = np.linspace(-2, 2, 400)[:, None]
    y = np.abs(x[:, 0])
    plain = LinearRegression().fit(x, y).score(x, y)
    encoder = PiecewiseLinearEncoder(n_bins=8).fit(x)
    assert plain < 0.01 and LinearRegression().fit(encoder.transform(x), y).score(encoder.transform(x), y) > 0.999


def test_names():
    X = pd.DataFrame({"age": np.arange(9.0), "sex": np.arange(9) % 2})
    names = PiecewiseLinearEncoder(n_bins=2).fit(X).get_feature_names_out()
    assert names.tolist() == ["age", "sex", "age bin 0", "age bin 1"]


def tree_edges(column, labels, n_bins):
    """Ends of a feature and the cuts of a tree on it alone, in order."""
    tree = DecisionTreeClassifier(
        max_leaf_nodes=n_bins, min_samples_leaf=5, class_weight="balanced", random_state=0
    ).fit(column[:, None], labels)
    cuts = [cut for cut, feature in zip(tree.tree_.threshold, tree.tree_.feature, strict=True) if feature == 0]
    return sorted({column.min(), *cuts, column.max()})


@pytest.mark.parametrize("n_bins", [2, 5, 12])
def test_codes_of_trees_are_the_paper_s(n_bins):
    rng = np.random.default_rng(0)
    seen, new = rng.normal(size=(200, 2)), rng.normal(size=(50, 2)) * 3
    labels = np.array(["few", "many"])[(np.abs(seen[:, 0]) + 0.3 * rng.normal(size=200) < 1.6).astype(int)]
    encoder = PiecewiseLinearEncoder(n_bins, bins="tree").fit(seen, labels)
    edges = [tree_edges(column, labels, n_bins) for column in seen.T]
    assert [len(e) - 1 for e in edges] == np.bincount(encoder.columns_).tolist() and max(map(len, edges)) > 2
    expected = [[*row, *by_hand(row[0], edges[0]), *by_hand(row[1], edges[1])] for row in new]
    np.testing.assert_allclose(encoder.transform(new), expected, rtol=1e-12, atol=1e-12)


def test_trees_cut_where_classes_meet_however_rare_one_is():
    """Quantiles of 1,000 rows in four bins know nothing of the 20 rows at the end; a tree does."""
    x = np.sort(np.random.default_rng(0).normal(size=1000))[:, None]
    encoder = PiecewiseLinearEncoder(2, bins="tree").fit(x, np.arange(1000) >= 980)
    assert encoder.starts_[1] == pytest.approx((x[979, 0] + x[980, 0]) / 2)


def test_features_of_two_values_or_of_nothing_to_tell_get_no_codes_of_trees():
    labels = np.arange(100) // 50
    X = np.column_stack([labels, np.ones(100), np.arange(100) % 3, np.arange(100)])
    encoder = PiecewiseLinearEncoder(n_bins=4, bins="tree").fit(X, labels)
    assert np.bincount(encoder.columns_, minlength=4)[[0, 1, 3]].tolist() == [0, 0, 2]
    one_class = PiecewiseLinearEncoder(n_bins=4, bins="tree").fit(X, np.zeros(100))
    assert one_class.columns_.size == 0
    np.testing.assert_array_equal(one_class.transform(X), X)


def test_trees_need_labels():
    with pytest.raises(ValueError, match=r"^bins=.tree. needs the labels of the rows, but y is None: give y, or"):
        PiecewiseLinearEncoder(bins="tree").fit(np.arange(9.0)[:, None])
    with pytest.raises(ValueError, match="bins"):
        PiecewiseLinearEncoder(bins="trees").fit(np.arange(9.0)[:, None])


@given(arrays(np.float64, st.tuples(st.integers(2, 40), st.integers(1, 3)), elements=st.floats(-1e6, 1e6, width=32)))
def test_codes_of_trees_are_finite_and_within_0_and_1(X):
    for rows in (X, X.astype(np.float32)):
        encoder = PiecewiseLinearEncoder(n_bins=5, bins="tree").fit(rows, np.arange(len(X)) % 2)
        codes = encoder.transform(rows)[:, X.shape[1] :]
        assert (encoder.widths_ > 0).all() and ((codes >= 0) & (codes <= 1)).all()


def test_numbers_keep_their_precision():
    X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    assert PiecewiseLinearEncoder(3).fit_transform(X).dtype == np.float32
    of_trees = PiecewiseLinearEncoder(3, bins="tree").fit(X, np.arange(20) % 2)
    assert of_trees.transform(X).dtype == of_trees.starts_.dtype == of_trees.widths_.dtype == np.float32
