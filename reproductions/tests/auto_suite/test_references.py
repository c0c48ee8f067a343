"""The references themselves: weights, the search, TabM, and packages that are not there."""

import sys

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from equipoise_reproductions.auto_suite import references
from equipoise_reproductions.auto_suite.published import TabM
from equipoise_reproductions.auto_suite.wrapped import Searched, Weighted

X, y = make_classification(240, 6, n_informative=4, weights=[0.85], random_state=0)


def test_weights_are_those_of_balanced_classes():
    ours = Weighted(LogisticRegression()).fit(X, y).predict_proba(X)
    theirs = LogisticRegression(class_weight="balanced").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(("default", "drawn", "found"), [(1.0, 1e-9, {}), (1e-9, 1.0, {"C": 1.0})])
def test_a_search_keeps_the_defaults_unless_a_draw_is_better(default, drawn, found):
    searched = Searched(LogisticRegression(C=default), {"C": [drawn]}, 1, 0).fit(X, y)
    assert searched.search_.best_params_ == found
    best = LogisticRegression(C=1.0).fit(X, y)
    np.testing.assert_allclose(searched.predict_proba(X), best.predict_proba(X), atol=1e-6)


def test_a_search_keeps_groups_together():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    labels = rng.integers(0, 2, 60)[groups]
    rows = groups[:, None] + rng.normal(0, 0.01, (300, 1))  # tell the group, and nothing of other groups' labels
    searched = Searched(DecisionTreeClassifier(random_state=0), {"max_depth": [1]}, 1, 0)
    assert searched.fit(rows, labels).search_.best_params_ == {}
    assert searched.fit(rows, labels, groups=groups).search_.best_params_ == {"max_depth": 1}


def test_tabm_learns_and_repeats_itself():
    pytest.importorskip("tabm")
    pytest.importorskip("rtdl_num_embeddings")
    rows = np.column_stack([X, np.ones(len(X))]).astype(np.float32)  # a constant column has no bins
    train, test = np.arange(0, 240, 2), np.arange(1, 240, 2)
    proba = TabM(max_epochs=20, random_state=0).fit(rows[train], y[train]).predict_proba(rows[test])
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert roc_auc_score(y[test], proba[:, 1]) > 0.85
    brief = [TabM(max_epochs=2, random_state=0).fit(rows[train], y[train]).predict_proba(rows[test]) for _ in range(2)]
    np.testing.assert_array_equal(*brief)


@pytest.mark.parametrize(("name", "extra"), references.EXTRAS.items())
def test_a_missing_package_is_named_with_what_to_type(monkeypatch, name, extra):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=rf"^{name} is not installed: type pip install 'equipoise\[{extra}\]'\.$"):
        references.library(name)
