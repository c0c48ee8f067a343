"""BoostedTrees: what scikit-learn's boosting predicts, from tables of bits."""

import gc

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from equipoise.classifiers import boosted_trees
from equipoise.classifiers.boosted_trees import BoostedTrees


def boosting(problem, counts=(120, 60), rounds=12, n_leaves=15):
    X, y = problem(counts, apart=0.7)
    X = X.astype(np.float32)
    X[:, 0] = X[:, 0].round(1)  # values that are equal, and equal to cuts
    model = HistGradientBoostingClassifier(
        max_iter=rounds, max_leaf_nodes=n_leaves, min_samples_leaf=2, early_stopping=False, random_state=0
    )
    return X, y, model.fit(X, y)


@pytest.mark.parametrize("counts", [(120, 60), (90, 40, 30), (50, 40, 30, 20)])
@pytest.mark.parametrize("n_leaves", [2, 3, 15, 16])
def test_it_predicts_as_scikit_learn(counts, n_leaves, problem):
    X, _, model = boosting(problem, counts, n_leaves=n_leaves)
    new = np.concatenate([X, X[::-1] * 3, np.random.default_rng(0).normal(size=(300, X.shape[1]))]).astype(np.float32)
    np.testing.assert_allclose(BoostedTrees(model).predict_proba(new), model.predict_proba(new), rtol=1e-12)


def test_a_value_at_a_cut_goes_left(problem):
    """Rows whose every feature is a cut of the trees, or the number next to it."""
    X, _, model = boosting(problem)
    trees = [predictor.nodes for (predictor,) in model._predictors]
    cuts = np.concatenate([tree["num_threshold"][tree["is_leaf"] == 0] for tree in trees])
    assert len(cuts) > 20
    rows = np.repeat(np.concatenate([cuts, np.nextafter(cuts, -np.inf), np.nextafter(cuts, np.inf)]), X.shape[1])
    rows = rows.reshape(-1, X.shape[1])
    np.testing.assert_allclose(BoostedTrees(model).predict_proba(rows), model.predict_proba(rows), rtol=1e-12)


def test_a_tree_without_splits_has_one_value(problem):
    X, y = problem((120, 60))
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=len(X), early_stopping=False).fit(X, y)
    assert all(len(predictor.nodes) == 1 for (predictor,) in model._predictors)
    np.testing.assert_allclose(BoostedTrees(model).predict_proba(X), model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_parts_of_rows_are_answered_alike(n, problem, monkeypatch):
    X, _, model = boosting(problem)
    monkeypatch.setattr(boosted_trees, "_TREES_AT_ONCE", 7 * 12)
    np.testing.assert_allclose(BoostedTrees(model).predict_proba(X[:n]), model.predict_proba(X)[:n], rtol=1e-12)


def test_larger_trees_are_refused(problem):
    _, _, model = boosting(problem, n_leaves=31)
    with pytest.raises(ValueError, match="at most 16 leaves are read, got one of"):
        BoostedTrees(model)


class TestKept:
    def test_tables_are_made_once_and_leave_with_the_model(self, problem):
        _, _, model = boosting(problem)
        before = len(boosted_trees._KEPT)
        assert BoostedTrees.of(model) is BoostedTrees.of(model)
        assert len(boosted_trees._KEPT) == before + 1
        del model
        gc.collect()
        assert len(boosted_trees._KEPT) == before

    def test_further_rounds_are_read(self, problem):
        X, y, model = boosting(problem)
        BoostedTrees.of(model)
        model.set_params(warm_start=True, max_iter=20).fit(X, y)
        np.testing.assert_allclose(BoostedTrees.of(model).predict_proba(X), model.predict_proba(X), rtol=1e-12)
