"""A saved model answers as before, wherever its networks are; what cannot be saved leaves nothing."""

import copy
import io
import os
import shutil
from functools import partial
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from safetensors.numpy import load_file
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from equipoise import (
    AutoClassifier,
    CalibratedClassifier,
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
from equipoise.persistence import check_place, read_card
from equipoise.persistence.files import LIMITS, read_file
from equipoise.persistence.walk import walk
from equipoise.tables import TablePreprocessor
from equipoise.training import FittedEnsemble

QUICK = {"n_members": 2, "max_steps": 20, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.mark.parametrize("name", [name for name in recipes.names() if not recipes.RECIPES[name].images])
def test_a_loaded_model_answers_with_the_same_bytes(name, table, tmp_path, few_trees):
    X, y = table
    quick = {"max_steps": 30, "n_members": 2} if recipes.is_neural(name) else {}
    quick |= {"max_steps": 20} if name == recipes.AUTO else {}
    model = recipes.make(name, random_state=0, **quick)
    if "sampler" in (recipes.RECIPES[name].parts or {}) and recipes.RECIPES[name].slow:
        model.set_params(classifier__sampler__max_epochs=2)
    if name == "easy-ensemble":
        model.set_params(classifier__n_estimators=2)
    model.fit(X, y)
    save(model, tmp_path / "model", about={"data": "a table"})
    again = load(tmp_path / "model", trusted=True)
    assert read_card(tmp_path / "model")["about"] == {"data": "a table"}
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "wrap",
    [
        partial(PriorCorrectedClassifier, target_priors={"common": 0.4, "rare": 0.6}),
        partial(TunedThresholdsClassifier, metric=[[0, 1], [9, 0]], min_recall={"rare": 0.5}, cv=2),
        partial(CalibratedClassifier, cv=2),
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


def test_a_model_of_a_boosting_library_is_loaded_if_it_is_trusted(table, tmp_path):
    X, y = table
    model = recipes.make("xgboost", random_state=0).fit(X, y)
    save(model, tmp_path / "model")
    with pytest.raises(ValueError, match=r"is one of XGBoost, whose reader .* load\(path, trusted=True\), .* --trust"):
        load(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model", trusted=True).predict(X), model.predict(X))


def test_codes_of_numbers_are_saved_with_the_model(table, place):
    X, y = table
    model = recipes.make("mixup", n_members=2, max_steps=30, n_bins=4, random_state=0).fit(X, y)
    save(model, place)
    np.testing.assert_array_equal(load(place).predict_proba(X), model.predict_proba(X))


@pytest.fixture(scope="module")
def pooled(problem, fewer_trees):
    with fewer_trees():
        return AutoClassifier(max_steps=10, random_state=0).fit(*problem((40, 12, 8)))


def test_pooled_networks_are_saved_alone_and_with_any_decision(pooled, problem, place):
    X, _ = problem((40, 12, 8))
    model = copy.deepcopy(pooled)
    frame = pd.DataFrame([[1, 0, 9], [0, 1, 1], [1, 5, 0]], index=[1, 0, 2], columns=[1, 0, 2])
    costs = [[0, 1, 1], [9, 0, 1], [5, 1, 0]]
    for decision in ("macro_f1", "natural", costs, np.ones((3, 3)) - np.eye(3), frame):
        save(model.set_params(decision=decision), place)
        again = load(place)
        assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.members_.keys() == model.members_.keys() and again.offsets_.keys() == model.offsets_.keys()


def test_kinds_of_another_version_do_not_change_a_saved_model(auto, table, tmp_path, monkeypatch):
    save(auto, tmp_path / "model")
    monkeypatch.setattr(AutoClassifier, "kinds", ())
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(table[0]), auto.predict_proba(table[0]))


def test_pooled_networks_that_do_not_decide_by_their_parameter_are_not_saved(auto, tmp_path, few_trees):
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
    stacks = [part for part in walk(model) if isinstance(part, FittedEnsemble)]
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


UNSAFE = {
    "neighbours": (KNeighborsClassifier(3), r"KNeighborsClassifier \(sklearn\)"),
    "a support vector machine": (SVC(), r"SVC \(sklearn\)"),
    "gradient boosting": (GradientBoostingClassifier(n_estimators=1), r"GradientBoostingClassifier \(sklearn\)"),
    "a search": (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), "of a search, best_estimator_"),
    "a function": (make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression()), "a function of numpy"),
}


@pytest.mark.parametrize("classifier, reason", UNSAFE.values(), ids=UNSAFE.keys())
def test_what_no_file_can_hold_safely_is_not_saved(classifier, reason, problem, place):
    with pytest.raises(ValueError, match=rf"cannot be saved.*{reason}|{reason}"):
        save(classifier.fit(*problem()), place)
    assert not list(place.parent.iterdir())


SCIKIT_LEARN = {
    "forest": lambda: RandomForestClassifier(3, random_state=0),
    "trees": lambda: ExtraTreesClassifier(3, random_state=0),
    "balanced forest": lambda: BalancedRandomForestClassifier(2, random_state=0),
    "bagging": lambda: BaggingClassifier(n_estimators=2, random_state=0),
    "boosted trees": lambda: AdaBoostClassifier(n_estimators=2, random_state=0),
    "vote with a network": lambda: VotingClassifier(
        [("net", NeuralClassifier(**QUICK)), ("trees", HistGradientBoostingClassifier(max_iter=2))], voting="soft"
    ),
    "stack": lambda: StackingClassifier([("net", NeuralClassifier(**QUICK)), ("bayes", GaussianNB())], cv=2),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("codes", KBinsDiscretizer(3), [0]), ("numbers", RobustScaler(), [1, 2])]),
        LogisticRegression(),
    ),
    "a sampler in a pipeline": lambda: make_imblearn_pipeline(
        SMOTE(random_state=0), StandardScaler(), NeuralClassifier(**QUICK)
    ),
}


@pytest.mark.parametrize("make", SCIKIT_LEARN.values(), ids=SCIKIT_LEARN.keys())
def test_classifiers_of_scikit_learn_are_saved(make, problem, place):
    X, y = problem()
    model = make().fit(X, y)
    save(model, place)
    np.testing.assert_array_equal(load(place).predict_proba(X), model.predict_proba(X))


SPLITTERS = {
    "folds": StratifiedKFold(3, shuffle=True, random_state=0),
    "of groups": GroupKFold(2),
    "repeated": RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0),
    "drawn": StratifiedShuffleSplit(2, random_state=0),
    "a list": [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))],
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS.keys())
def test_cross_validation_splitters_are_saved(cv, problem, tmp_path):
    X, y = problem((40, 20))
    model = TunedThresholdsClassifier(GaussianNB(), cv=cv).fit(X, y, groups=np.arange(60) % 4)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.fit(X, y, groups=np.arange(60) % 4).offsets_, model.offsets_)


class OwnLoss(nn.Module):
    reduction = "none"

    def __init__(self, counts=None):
        super().__init__()

    def forward(self, logits, target):
        return nn.functional.cross_entropy(logits, target, reduction=self.reduction)


class OwnSampler(RandomUnderSampler):
    pass


class OwnFolds(StratifiedKFold):
    pass


OWN = {
    "a loss": (NeuralClassifier(loss=OwnLoss, max_steps=3), {"loss": "cross_entropy"}, "loss=OwnLoss"),
    "a module": (NeuralClassifier(loss=OwnLoss(), max_steps=3), {"loss": "cross_entropy"}, "loss=OwnLoss"),
    "a function": (
        NeuralClassifier(batch_transform=lambda x, y: (x, y), max_steps=3),
        {"batch_transform": None},
        "batch_transform=<lambda>",
    ),
    "a sampler": (ResampledClassifier(OwnSampler(), GaussianNB()), {"sampler": OwnSampler()}, "sampler=OwnSampler"),
    "a splitter": (TunedThresholdsClassifier(GaussianNB(), cv=OwnFolds(2)), {"cv": 2}, "cv=OwnFolds"),
    "a loss of a calibrated classifier": (
        PriorCorrectedClassifier(NeuralClassifier(loss=OwnLoss, max_steps=3)),
        {"estimator__loss": "cross_entropy"},
        "loss=OwnLoss",
    ),
}


@pytest.mark.parametrize("model, instead, told", OWN.values(), ids=OWN.keys())
def test_a_model_is_saved_without_a_users_own_part_that_only_fit_needs(model, instead, told, problem, tmp_path):
    X, y = problem()
    model.fit(X, y)
    with pytest.warns(UserWarning, match=f"saved without {told}, .*Predictions do not change") as caught:
        save(model, tmp_path / "model")
    assert len(caught) == 1 and caught[0].filename == __file__
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="was not saved with this model; set it again with set_params before fitting"):
        again.fit(X, y)
    again.set_params(**instead).fit(X, y).predict_proba(X)
    assert all(model.get_params()[name] is not None for name in instead)  # the model itself is as it was


def test_a_failed_save_leaves_the_older_model(model, table, place, monkeypatch):
    save(model, place)
    before = sorted(place.parent.rglob("*")), load(place).predict_proba(table[0])
    with pytest.raises(ValueError, match="`about` may hold text"):
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


def test_files_beside_a_model_are_kept(model, table, tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    (place / ".DS_Store").write_text("a file manager's")
    save(model, place)
    (place / "model.onnx").write_text("exported")
    (place / "notes").mkdir()
    (place / "notes" / "thesis.txt").write_text("ten years of work")
    save(model, place, about={"which": "newer"})
    assert read_card(place)["about"] == {"which": "newer"}
    np.testing.assert_array_equal(load(place).predict_proba(table[0]), model.predict_proba(table[0]))
    assert {path.name for path in place.iterdir()} == {*LIMITS, ".DS_Store", "model.onnx", "notes"}
    assert (place / "notes" / "thesis.txt").read_text() == "ten years of work"
    assert (place / "model.onnx").read_text() == "exported"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_link_to_a_model_stays_a_link(model, tmp_path):
    save(model, tmp_path / "first")
    (tmp_path / "current").symlink_to("first")
    save(model, tmp_path / "current", about={"which": "newer"})
    assert (tmp_path / "current").is_symlink() and read_card(tmp_path / "first")["about"] == {"which": "newer"}


TAKEN = {
    "a file": lambda place: place.write_text("ten years of work"),
    "a folder of others": lambda place: (place.mkdir(), (place / "README.md").write_text("ten years of work")),
    "another program's model": lambda place: (
        place.mkdir(),
        (place / "model.json").write_text('{"format": "layers", "weights": "ten years of work"}'),
    ),
    "a link to nowhere": lambda place: place.symlink_to(place.parent / "nowhere"),
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN.keys())
def test_a_place_that_is_taken_is_refused_and_left_alone(take, model, place):
    take(place)
    before = {path: path.read_bytes() if path.is_file() else None for path in place.parent.rglob("*")}
    for refuse in (check_place, partial(save, model)):
        with pytest.raises(ValueError, match=r"exists and is not a model of equipoise\. Choose another path"):
            refuse(place)
    assert {path: path.read_bytes() if path.is_file() else None for path in place.parent.rglob("*")} == before


def test_a_place_within_a_file_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(ValueError, match=r"table\.csv is not a writable folder"):
        check_place(tmp_path / "table.csv" / "deep" / "model")


def test_a_free_place_is_left_as_it_is(model, place):
    check_place(place.parent / "new" / place.name)
    assert not list(place.parent.iterdir())
    save(model, place)
    check_place(place)


def test_a_zip_file_of_the_folder_is_a_model_too(model, table, tmp_path):
    save(model, tmp_path / "model")
    shutil.make_archive(tmp_path / "packed", "zip", tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "packed.zip").predict_proba(table[0]), model.predict_proba(table[0]))


def test_what_cannot_be_saved_leaves_nothing_behind(model, table, tmp_path):
    X, y = table
    with pytest.raises(NotFittedError):
        save(recipes.make("none"), tmp_path / "model")
    own = recipes.make("none", network=lambda shape, k: nn.Linear(shape[0], k), max_steps=5).fit(X, y)
    with pytest.raises(ValueError, match="custom network cannot be saved"):
        save(own, tmp_path / "model")
    with pytest.raises(ValueError, match="`about` may hold text"):
        save(model, tmp_path / "model", about={"not json": object()})
    assert list(tmp_path.iterdir()) == []


def test_no_model_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model"):
        load(tmp_path)


def test_another_process_answers_with_the_same_bytes(model, auto, table, program, tmp_path):
    """Nothing of the session that made a model is needed, and nothing of its state is in the answer."""
    X, _ = table
    places = {name: tmp_path / name for name in ("model", "model.zip", "auto", "auto.zip")}
    for name, place in places.items():
        save(auto if "auto" in name else model, place)
    X.to_parquet(tmp_path / "table.parquet")
    code = (
        "import sys, pandas, equipoise\n"
        "X = pandas.read_parquet(sys.argv[-1])\n"
        "for path in sys.argv[1:-1]:\n"
        "    print(equipoise.load(path).predict_proba(X).tobytes().hex())\n"
    )
    done = program(code, *places.values(), tmp_path / "table.parquet")
    assert done.wait() == 0, done.errors
    assert done.said.split() == [each.predict_proba(X).tobytes().hex() for each in (model, model, auto, auto)]
