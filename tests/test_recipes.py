import re
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from equipoise import MUBO, MUBOClassifier, NeuralClassifier, check, compare, recipes
from equipoise.images import ImageReader
from equipoise.tables import TablePreprocessor


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.repeat(["common", "rare"], [160, 40])
    X = pd.DataFrame({"number": rng.normal(size=200) + 2 * (y == "rare"), "kind": rng.choice(list("ab"), 200)})
    X.loc[::17, "number"] = np.nan
    return X, y


@pytest.mark.parametrize("name", [name for name in recipes.names() if not recipes.RECIPES[name].images])
def test_every_recipe_learns_from_a_mixed_table_with_gaps(name, table, few_trees):
    X, y = table
    quick = {"max_steps": 150, "hidden_layer_sizes": (16,)} if recipes.is_neural(name) else {}
    quick |= {"max_steps": 50} if name == recipes.AUTO else {}
    model = recipes.make(name, random_state=0, **quick)
    if recipes.RECIPES[name].slow and model[-1].sampler is not None:
        model.set_params(classifier__sampler__max_epochs=30)
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert roc_auc_score(y == "rare", proba[:, 1]) > 0.85
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), proba)


@pytest.fixture(scope="module")
def with_text(table):
    """The table with a column of prose as the recipes get it: as numbers, and as columns for those that are native."""
    X, y = table
    rng = np.random.default_rng(1)
    X = X.assign(note=[f"the {rng.choice(['late', 'lost', 'fine'])} parcel number {i}" for i in range(len(X))])
    assert TablePreprocessor().fit(X).kinds_["note"] == "text"
    return {native: TablePreprocessor(native=native).fit_transform(X) for native in (False, True)}, y


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_takes_columns_of_text(name, with_text, few_trees):
    (tables, y), recipe = with_text, recipes.RECIPES[name]
    quick = {"max_steps": 2} if recipes.is_neural(name) or name == recipes.AUTO else {}
    quick |= {"options": {"iterations": 5}} if name == "catboost" else {}
    model = recipes.classifier(name, random_state=0, **quick)
    if recipe.slow and model.sampler is not None:
        model.set_params(sampler__max_epochs=2)
    rows = tables[recipe.native]
    proba = model.fit(rows, y).predict_proba(rows)
    assert proba.shape == (len(y), 2) and np.isfinite(proba).all()


@pytest.mark.parametrize("name", ["auto-images", "auto-images+calibrated"])
def test_recipes_of_images_are_refused_for_tables(name):
    with pytest.raises(ValueError, match=r"is for images, not for tables: .*fast_cnn"):
        recipes.make(name)
    assert recipes.make(name, preprocessor=ImageReader())[-1]


def test_pixels_are_no_table():
    with pytest.raises(ValueError, match=r"reads tables, but X has shape \(4, 1, 8, 8\): images need NeuralClassifier"):
        recipes.make("la").fit(np.zeros((4, 1, 8, 8), np.uint8), [0, 1, 0, 1])
    for function in (check, compare):
        with pytest.raises(TypeError, match="on the command line: equipoise check photos/"):
            function(np.zeros((4, 1, 8, 8), np.uint8), 1)


def test_recipes_differ_in_their_treatment_only():
    plain = recipes.classifier("none").get_params(deep=False)
    for name in filter(recipes.is_neural, recipes.names()):
        if name == "none":
            continue
        recipe = recipes.classifier(name)
        params = recipe.get_params(deep=False)
        assert {key: params[key] for key in recipes.NETWORK} == recipes.NETWORK
        if isinstance(recipe, MUBOClassifier):  # a model of its own
            continue
        differing = {key for key in params if repr(params[key]) != repr(plain[key])}
        parts = {"sampler", "batch_transform", "batch_sampler", "class_weight", "loss", "network"}
        assert differing and differing <= parts


def test_sums_put_parts_together():
    classifier = recipes.classifier("under+remix", n_members=3)
    assert isinstance(classifier, NeuralClassifier) and classifier.n_members == 3
    assert type(classifier.sampler).__name__ == "RandomUnderSampler"
    assert type(classifier.batch_transform).__name__ == "ReMix"
    classifier = recipes.classifier("mubo+remix")  # a network trained on the rows of a search
    assert isinstance(classifier, NeuralClassifier) and isinstance(classifier.sampler, MUBO)
    assert recipes.describe("under+remix") == "random under-sampling; ReMix, batches balanced and mixed"


def test_any_recipe_may_be_calibrated(table):
    """Its treatment stays, its probabilities are those of the observed priors, and settings of networks reach it."""
    X, y = table
    assert recipes.is_neural("under+calibrated") and not recipes.is_neural("gbdt+calibrated")
    model = recipes.make("under+calibrated", random_state=0, max_steps=100, hidden_layer_sizes=(16,)).fit(X, y)
    assert type(model[-1].estimator_.sampler).__name__ == "RandomUnderSampler"
    raw = model[-1].estimator_.predict_proba(model[0].transform(X))[:, 1].mean()
    assert abs(model.predict_proba(X)[:, 1].mean() - 0.2) < 0.05 < abs(raw - 0.2)


def test_the_short_list_is_for_the_table():
    small, large = recipes.shortlist(500, 10, 2), recipes.shortlist(500_000, 10, 2)
    assert "catboost" in small and "lightgbm" in large and len({"catboost", "lightgbm", "xgboost"} & {*large}) == 1
    assert {*small} < {*recipes.names()} and {"auto", "none", "mubo", "logistic", "balanced-forest"} <= {*small}


def test_a_library_that_is_absent_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(ImportError, match=re.escape("not installed: pip install 'equipoise[boosting]'.")):
        recipes.make("catboost")


def test_categories_and_gaps_reach_boosting_as_they_are(table):
    """A model that is told of gaps and levels by NaN and codes has as many features as the table has columns."""
    X, y = table
    for name in ("lightgbm", "xgboost", "catboost"):
        model = recipes.make(name, random_state=0).fit(X, y)
        seen = model[0].transform(X)
        assert model[-1].n_features_in_ == 2 and seen["number"].isna().sum() == X["number"].isna().sum()
        assert seen["kind"].dtype == "category"


def test_two_recipes_never_share_a_part():
    assert recipes.classifier("remix").batch_transform is not recipes.classifier("remix").batch_transform


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("remixx", "no recipe 'remixx': did you mean 'remix'"),
        ("under+over", "Two parts of 'under\\+over' set 'sampler'"),
        ("gbdt+remix", "'gbdt' is a model of its own"),
        ("", "no recipe ''"),
        ("calibrated+none", "'calibrated' must be the last term of 'calibrated\\+none'"),
    ],
)
def test_bad_names_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        recipes.classifier(name)


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("remix", "n_member", "recipe 'remix' has no parameter 'n_member': did you mean 'n_members'"),
        ("gbdt+calibrated", "max_itr", "has no parameter 'max_itr': did you mean 'max_iter'"),
        ("rusboost", "members", "recipe 'rusboost' has no parameter 'members': choose from"),
    ],
)
def test_a_mistyped_parameter_is_named(name, wrong, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        recipes.make(name, **{wrong: 3})
