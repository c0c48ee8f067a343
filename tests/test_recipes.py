import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from equipoise import MUBO, MUBOClassifier, NeuralClassifier, recipes


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.repeat(["common", "rare"], [160, 40])
    X = pd.DataFrame({"number": rng.normal(size=200) + 2 * (y == "rare"), "kind": rng.choice(list("ab"), 200)})
    X.loc[::17, "number"] = np.nan
    return X, y


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_learns_from_a_mixed_table_with_gaps(name, table, few_trees):
    X, y = table
    quick = {"max_steps": 150, "hidden_layer_sizes": (16,)} if recipes.is_neural(name) else {}
    quick |= {"max_steps": 50} if name == recipes.AUTO else {}
    model = recipes.make(name, random_state=0, **quick)
    if recipes.RECIPES[name].slow:
        model.set_params(classifier__sampler__max_epochs=30)
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    recalls = [np.mean(model.predict(X[y == label]) == label) for label in ("common", "rare")]
    assert np.mean(recalls) > 0.65
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), proba)


def test_recipes_differ_in_their_treatment_only():
    plain = recipes.classifier("none").get_params(deep=False)
    for name in filter(recipes.is_neural, recipes.names()):
        if name == "none":
            continue
        recipe = recipes.classifier(name)
        if isinstance(recipe, MUBOClassifier):  # what its search trains has the same layers
            assert recipe.hidden_layer_sizes == plain["hidden_layer_sizes"]
            continue
        params = recipe.get_params(deep=False)
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


def test_two_recipes_never_share_a_part():
    assert recipes.classifier("remix").batch_transform is not recipes.classifier("remix").batch_transform


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("remixx", "no recipe 'remixx': choose from auto, none, cost"),
        ("under+over", "Two parts of 'under\\+over' set 'sampler'"),
        ("gbdt+remix", "'gbdt' is a model of its own"),
        ("", "no recipe ''"),
    ],
)
def test_bad_names_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        recipes.classifier(name)
