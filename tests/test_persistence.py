import hashlib
import json
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io
from imblearn.under_sampling import RandomUnderSampler
from safetensors.numpy import load_file, save_file
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from torch import nn

from equipoise import (
    DeferredReweighting,
    PriorCorrectedClassifier,
    ResampledClassifier,
    TunedThresholdsClassifier,
    VSLoss,
    load,
    recipes,
    save,
)
from equipoise.persistence import read_card
from equipoise.preprocessing import TablePreprocessor


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"number": rng.normal(size=90), "kind": rng.choice(["ä", "b"], 90), "flag": rng.random(90) > 0.5})
    X.loc[::11, "number"] = np.nan
    return X, np.repeat(["common", "rare"], [70, 20])


@pytest.fixture
def model(table):
    return recipes.make("under+remix", n_members=2, max_steps=30, random_state=0).fit(*table)


@pytest.mark.parametrize("name", recipes.names())
def test_a_loaded_model_answers_with_the_same_bytes(name, table, tmp_path):
    X, y = table
    quick = {"max_steps": 30, "n_members": 2} if recipes.is_neural(name) else {}
    model = recipes.make(name, random_state=0, **quick)
    if name in recipes.SLOW:
        model.set_params(classifier__sampler__max_epochs=2)
    model.fit(X, y)
    save(model, tmp_path / "model", about={"data": "a table"})
    again = load(tmp_path / "model")
    assert read_card(tmp_path / "model")["about"] == {"data": "a table"}
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "wrap",
    [
        partial(PriorCorrectedClassifier, target_shares={"common": 0.4, "rare": 0.6}),
        partial(TunedThresholdsClassifier, metric=[[0, 1], [9, 0]], min_recall={"rare": 0.5}, cv=2),
    ],
)
@pytest.mark.parametrize("name", ["smote", "gbdt"])
def test_a_classifier_around_a_recipe_is_saved_with_it(wrap, name, table, tmp_path):
    X, y = table
    quick = {"max_steps": 20} if recipes.is_neural(name) else {}
    model = wrap(recipes.make(name, random_state=0, **quick)).fit(X, y)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_classifier_of_resampled_rows_is_saved(table, tmp_path):
    X, y = table
    parts = [("table", TablePreprocessor()), ("clf", ResampledClassifier(RandomUnderSampler(), LogisticRegression()))]
    model = Pipeline(parts).fit(X, y)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again[-1].sample_indices_, model[-1].sample_indices_)


def test_a_loss_of_parts_is_saved_with_the_model(table, tmp_path):
    loss = partial(DeferredReweighting, partial(VSLoss, tau=0.5), start=0.6)
    model = recipes.make("none", max_steps=20, random_state=0).set_params(classifier__loss=loss).fit(*table)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    kept = again[-1].loss
    assert (kept.func, kept.keywords) == (DeferredReweighting, {"start": 0.6})
    assert (kept.args[0].func, kept.args[0].keywords) == (VSLoss, {"tau": 0.5})
    np.testing.assert_array_equal(again.fit(*table).predict_proba(table[0]), model.predict_proba(table[0]))


def test_saving_leaves_the_model_as_it_was_and_replaces_an_older_one(model, table, tmp_path):
    before = model.predict_proba(table[0])
    for _ in range(2):
        save(model, tmp_path / "model")
    np.testing.assert_array_equal(model.predict_proba(table[0]), before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


def test_weights_are_readable_without_this_library(model, tmp_path):
    save(model, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "weights.safetensors")
    np.testing.assert_array_equal(weights["weights.0"], model[-1].stack_.weights_["weights.0"])


def sign(folder):
    """Make the card agree with files that were put in place of the saved ones."""
    card = json.loads((folder / "model.json").read_text())
    card["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["sha256"]}
    (folder / "model.json").write_text(json.dumps(card))


def test_a_model_with_foreign_types_is_not_loaded(model, tmp_path):
    save(model, tmp_path / "model")
    skops.io.dump({"step": nn.Identity}, tmp_path / "model" / "estimator.skops")
    sign(tmp_path / "model")
    with pytest.raises(ValueError, match=r"types that no model has: torch.*Identity"):
        load(tmp_path / "model")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_is_not_run(model, tmp_path):
    save(model, tmp_path / "model")
    (tmp_path / "model" / "estimator.skops").write_bytes(pickle.dumps(Bomb(str(tmp_path / "gone off"))))
    sign(tmp_path / "model")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(tmp_path / "model")
    assert not (tmp_path / "gone off").exists()


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors", "estimator.skops"])
def test_files_cut_short_are_refused_in_one_sentence(name, model, tmp_path):
    save(model, tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(tmp_path / "model")


def test_swapped_weights_are_refused(model, table, tmp_path):
    save(model, tmp_path / "model")
    path = tmp_path / "model" / "weights.safetensors"
    weights = load_file(path)
    weights["weights.0"] = weights["weights.0"][:, :-1]
    save_file(weights, path)
    with pytest.raises(ValueError, match=r"weights\.safetensors is not the file that was saved"):
        load(tmp_path / "model")


def test_a_later_format_is_refused(model, tmp_path):
    save(model, tmp_path / "model")
    card = tmp_path / "model" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
    with pytest.raises(ValueError, match="its format is 99"):
        load(tmp_path / "model")


def test_what_cannot_be_saved_leaves_nothing_behind(model, table, tmp_path):
    X, y = table
    with pytest.raises(NotFittedError):
        save(recipes.make("none"), tmp_path / "model")
    own = recipes.make("none", network=lambda shape, k: nn.Linear(shape[0], k), max_steps=5).fit(X, y)
    with pytest.raises(ValueError, match="network of your own"):
        save(own, tmp_path / "model")
    with pytest.raises(TypeError):
        save(model, tmp_path / "model", about={"not json": object()})
    assert list(tmp_path.iterdir()) == []


def test_something_else_in_the_way_is_not_overwritten(model, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "precious.txt").write_text("keep me")
    with pytest.raises(ValueError, match="holds no model"):
        save(model, tmp_path / "notes")
    assert (tmp_path / "notes" / "precious.txt").read_text() == "keep me"


def test_no_model_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model"):
        load(tmp_path)
