"""A saved model answers as before, wherever its networks are; what cannot be saved leaves nothing."""

import copy
import io
import os
import shutil
import subprocess
import sys
from functools import partial
from zipfile import ZipFile

import numpy as np
import pytest
from imblearn.under_sampling import RandomUnderSampler
from safetensors.numpy import load_file
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from equipoise import (
    AutoClassifier,
    DeferredReweighting,
    NeuralClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    TunedThresholdsClassifier,
    VSLoss,
    load,
    recipes,
    save,
)
from equipoise.persistence import read_card
from equipoise.persistence.files import LIMITS, read_file
from equipoise.persistence.stacks import parts
from equipoise.tables import TablePreprocessor
from equipoise.training import FittedEnsemble


@pytest.mark.parametrize("name", recipes.names())
def test_a_loaded_model_answers_with_the_same_bytes(name, table, tmp_path, few_trees):
    X, y = table
    quick = {"max_steps": 30, "n_members": 2} if recipes.is_neural(name) else {}
    quick |= {"max_steps": 20} if name == recipes.AUTO else {}
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
        partial(PriorCorrectedClassifier, target_priors={"common": 0.4, "rare": 0.6}),
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


def test_codes_of_numbers_are_saved_with_the_model(table, place):
    X, y = table
    model = recipes.make("mixup", n_members=2, max_steps=30, n_bins=4, random_state=0).fit(X, y)
    save(model, place)
    np.testing.assert_array_equal(load(place).predict_proba(X), model.predict_proba(X))


@pytest.fixture(scope="module")
def pooled(problem):
    return AutoClassifier(max_steps=10, random_state=0).fit(*problem((40, 12, 8)))


def test_pooled_networks_are_saved_alone_and_with_any_decision(pooled, problem, place):
    X, _ = problem((40, 12, 8))
    model = copy.deepcopy(pooled)
    for decision in ("macro_f1", "natural", [[0, 1, 1], [9, 0, 1], [5, 1, 0]], np.ones((3, 3)) - np.eye(3)):
        save(model.set_params(decision=decision), place)
        again = load(place)
        assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.kinds_ == model.kinds_ and again.offsets_.keys() == model.offsets_.keys()


def test_kinds_of_another_version_do_not_change_a_saved_model(auto, table, tmp_path, monkeypatch):
    save(auto, tmp_path / "model")
    monkeypatch.setattr(AutoClassifier, "kinds", AutoClassifier.kinds[:1])
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(table[0]), auto.predict_proba(table[0]))


def test_pooled_networks_that_do_not_decide_by_their_parameter_are_not_saved(auto, tmp_path):
    for decision, reason in [("nope", "must be one of"), ([[0, 1]], r"of shape \(2, 2\)")]:
        model = copy.deepcopy(auto).set_params(classifier__decision=decision)
        with pytest.raises(ValueError, match=reason):
            save(model, tmp_path / "model")
    between = AutoClassifier(max_steps=1)
    between.prepare(np.arange(20.0)[:, None], np.arange(20) % 2)
    with pytest.raises(NotFittedError):
        save(between, tmp_path / "model")
    assert not list(tmp_path.iterdir())


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


def calibrated(classifier):
    return CalibratedClassifierCV(classifier, method="temperature", cv=2)


AROUND = {
    "mubo, prior-corrected": lambda: PriorCorrectedClassifier(recipes.make("mubo", **QUICK)),
    "tuned of prior-corrected": lambda: TunedThresholdsClassifier(
        PriorCorrectedClassifier(recipes.make("ldam", **QUICK)), cv=2
    ),
    "calibrated, an ensemble": lambda: calibrated(recipes.make("smote", **QUICK)),
    "prior-corrected of calibrated": lambda: PriorCorrectedClassifier(calibrated(recipes.make("la", **QUICK))),
    "resampled network": lambda: Pipeline(
        [
            ("table", TablePreprocessor()),
            ("clf", ResampledClassifier(RandomUnderSampler(random_state=0), NeuralClassifier(**QUICK))),
        ]
    ),
    "float64, many layers": lambda: recipes.make(
        "none", max_steps=5, hidden_layer_sizes=(3,) * 11, dtype="float64", random_state=0
    ),
}
QUICK = {"n_members": 2, "max_steps": 20, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.mark.parametrize("make", AROUND.values(), ids=AROUND.keys())
def test_every_network_goes_into_the_weights(make, table, place):
    X, y = table
    model = make().fit(X, y)
    before = model.predict_proba(X)
    save(model, place)
    again = load(place)
    np.testing.assert_array_equal(again.predict_proba(X), before)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(model.predict_proba(X), before)
    skops_bytes = read_file(place, "estimator.skops")
    stacks = [part for part in parts(model) if isinstance(part, FittedEnsemble)]
    assert stacks
    for stack in stacks:
        assert all(array.tobytes() not in unpacked(skops_bytes) for array in stack.weights_.values() if array.size > 2)


def unpacked(skops_bytes):
    with ZipFile(io.BytesIO(skops_bytes)) as archive:
        return b"".join(map(archive.read, archive.namelist()))


def test_weights_are_readable_without_this_library(model, tmp_path):
    save(model, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "weights.safetensors")
    np.testing.assert_array_equal(weights["0.weights.0"], model[-1].ensemble_.weights_["weights.0"])


def test_a_classifier_of_scikit_learn_alone_is_saved(problem, place):
    X, y = problem()
    model = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2).fit(X, y)
    save(model, place)
    np.testing.assert_array_equal(load(place).predict_proba(X), model.predict_proba(X))


def test_a_classifier_without_probabilities_is_saved(problem, place):
    X, y = problem()
    model = LinearSVC().fit(X, y)
    save(model, place)
    assert read_card(place)["probe"] is None
    np.testing.assert_array_equal(load(place).predict(X), model.predict(X))


def test_what_would_not_be_loaded_again_is_not_saved(problem, place):
    with pytest.raises(ValueError, match=r"types that would not be loaded again.*sklearn\.tree\._tree\.Tree"):
        save(DecisionTreeClassifier().fit(*problem()), place)
    assert not list(place.parent.iterdir())


def test_a_failed_save_leaves_the_older_model(model, table, place, monkeypatch):
    save(model, place)
    before = sorted(place.parent.rglob("*")), load(place).predict_proba(table[0])
    with pytest.raises(TypeError):
        save(model, place, about={"not json": object()})
    monkeypatch.setitem(LIMITS, "weights.safetensors", 10)
    with pytest.raises(ValueError, match=r"weights\.safetensors would have .* bytes"):
        save(model, place)
    monkeypatch.undo()
    assert sorted(place.parent.rglob("*")) == before[0]
    np.testing.assert_array_equal(load(place).predict_proba(table[0]), before[1])


def test_a_disk_that_fails_midway_leaves_the_older_model(model, table, tmp_path, monkeypatch):
    place = tmp_path / "model"
    save(model, place, about={"which": "older"})
    replace, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == 2:  # the older model is out of the way, the new one not yet in its place
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left"):
        save(model, place)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert read_card(place)["about"] == {"which": "older"}


def test_what_is_no_model_is_not_replaced(model, place):
    place.mkdir()
    (place / "model.json").write_text("{}")
    (place / "thesis.txt").write_text("ten years of work")
    with pytest.raises(ValueError, match="is no model of equipoise"):
        save(model, place)
    assert (place / "thesis.txt").read_text() == "ten years of work"


def test_other_files_in_the_folder_of_a_model_stay(model, table, tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    (place / ".DS_Store").write_text("not ours")
    for which in ("older", "newer"):
        save(model, place, about={"which": which})
        assert read_card(place)["about"] == {"which": which}
        assert (place / ".DS_Store").read_text() == "not ours"
    np.testing.assert_array_equal(load(place).predict_proba(table[0]), model.predict_proba(table[0]))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_readme_of_the_users_is_not_replaced(model, tmp_path):
    (tmp_path / "README.md").write_text("ten years of work")
    with pytest.raises(ValueError, match=r"README\.md exists and is no model"):
        save(model, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["ten years of work"]


def test_a_file_that_is_no_model_is_not_replaced(model, tmp_path):
    for name in ("model", "model.zip"):
        (tmp_path / name).write_text("ten years of work")
        with pytest.raises(ValueError, match="is no model"):
            save(model, tmp_path / name)
        assert (tmp_path / name).read_text() == "ten years of work"


def test_a_zip_file_of_the_folder_is_a_model_too(model, table, tmp_path):
    save(model, tmp_path / "model")
    shutil.make_archive(tmp_path / "packed", "zip", tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "packed.zip").predict_proba(table[0]), model.predict_proba(table[0]))


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


def test_no_model_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model"):
        load(tmp_path)


def test_another_process_answers_with_the_same_bytes(model, auto, table, place):
    """Nothing of the session that made a model is needed, and nothing of its state is in the answer."""
    X, _ = table
    save(model, place)
    save(auto, place.with_name(f"auto{place.suffix}"))
    X.to_parquet(place.with_name("table.parquet"))
    code = (
        "import sys, pandas, equipoise\n"
        "X = pandas.read_parquet(sys.argv[-1])\n"
        "for path in sys.argv[1:-1]:\n"
        "    sys.stdout.buffer.write(equipoise.load(path).predict_proba(X).tobytes())\n"
    )
    paths = [place, place.with_name(f"auto{place.suffix}"), place.with_name("table.parquet")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, check=True, timeout=120)
    assert done.stdout == model.predict_proba(X).tobytes() + auto.predict_proba(X).tobytes()
