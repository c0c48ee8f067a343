"""`NeuralClassifier` with a loss that it searches for: rows, groups, what it keeps, what it refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.base import clone

from equipoise import AutoBalance, MixUp, NeuralClassifier, load, recipes, save
from equipoise.bilevel.outer_objectives import Blend
from equipoise.bilevel.solvers import ConjugateGradient
from equipoise.metrics import deo, group_errors
from equipoise.reports.parameter_chart import parameter_chart

QUICK = {"hidden_layer_sizes": (8,), "max_steps": 60, "batch_size": 16, "random_state": 0}


def classifier(**parameters):
    loss = parameters.pop("loss", AutoBalance(start="ce", warm_up=20))
    return NeuralClassifier(**{**QUICK, **parameters}, loss=loss)


@pytest.fixture
def data(problem):
    X, y = problem((90, 30, 12), apart=1.0)
    return X, np.array(["common", "fewer", "rare"])[y]


def test_it_finds_that_errors_on_rare_classes_should_cost_more(data):
    fitted = classifier(n_members=3, max_steps=400).fit(*data)
    offsets = fitted.loss_parameters_["offset"]
    assert offsets.shape == (3, 3) and (offsets[:, 0] > offsets[:, 2] + 0.5).all()
    plain = classifier(loss="cross_entropy", n_members=3, max_steps=400).fit(*data)
    assert fitted.predict_proba(data[0])[:, 2].mean() > plain.predict_proba(data[0])[:, 2].mean() + 0.03


def test_the_history_is_by_member_and_label(data):
    fitted = classifier(n_members=2).fit(*data)
    history = fitted.loss_history_
    assert list(history) == ["member", "step", "parameter", "class", "value"]
    assert sorted(history["class"].unique()) == ["common", "fewer", "rare"]
    last = history[(history["member"] == 1) & (history["parameter"] == "offset") & (history["step"] >= 40)]
    mean = last.groupby("class")["value"].mean()
    np.testing.assert_allclose(mean, fitted.loss_parameters_["offset"][1], rtol=1e-5)
    assert len(parameter_chart(history).axes) == 2


def test_without_a_search_there_is_no_history_and_a_fit_forgets_an_earlier_one(data):
    fitted = classifier().fit(*data)
    fitted.set_params(loss="cross_entropy").fit(*data)
    assert not hasattr(fitted, "loss_history_") and not hasattr(fitted, "loss_parameters_")


def test_fits_repeat_and_clones_and_pickles_are_the_same(data):
    settings = classifier(n_members=2)
    one = settings.fit(*data)
    two = clone(settings).fit(*data)
    again = pickle.loads(pickle.dumps(one))
    for other in (two, again):
        assert other.loss_history_.equals(one.loss_history_)
        np.testing.assert_array_equal(other.predict_proba(data[0]), one.predict_proba(data[0]))


def test_members_choose_by_rows_of_their_own_that_do_not_train_in_the_search(data):
    tasks = classifier(n_members=3).prepare(*data).tasks
    for task in tasks:
        assert not set(task.inner.rows) & set(task.inner.validation_rows)
        assert sorted([*task.inner.rows, *task.inner.validation_rows]) == sorted(task.rows) == list(range(132))
        np.testing.assert_array_equal(np.bincount(task.table.y[task.inner.validation_rows]), [18, 6, 2])
    assert len({tuple(task.inner.validation_rows) for task in tasks}) == 3


@pytest.mark.parametrize("sampler", [RandomOverSampler(), SMOTE(k_neighbors=3)])
def test_rows_are_resampled_without_those_that_choose(sampler, data):
    """A copy of a validation row, or a row made of one, would tell on it."""
    task = classifier(sampler=sampler).prepare(*data).tasks[0]
    assert not set(task.inner.rows) & set(task.inner.validation_rows)
    assert (np.bincount(task.table.y[task.inner.validation_rows])).tolist() == [18, 6, 2]
    known = task.table.X[np.setdiff1d(np.arange(132), task.inner.validation_rows)]
    if task.inner.made is not None:
        assert len(task.inner.made) < len(task.made)
        for row in task.inner.made.X:  # between two rows that train in the search
            gaps = row - known
            pairs = np.abs(np.einsum("id,jd->ij", gaps, gaps) + np.outer(*[np.linalg.norm(gaps, axis=1)] * 2))
            assert pairs[~np.eye(len(known), dtype=bool)].min() < 1e-4
    classifier(sampler=sampler).fit(*data)


def test_early_stopping_has_rows_besides(data):
    (task,) = classifier(early_stopping=True, validation_fraction=0.2).prepare(*data).tasks
    assert not set(task.validation_rows) & {*task.inner.rows, *task.inner.validation_rows}
    fitted = classifier(early_stopping=True, validation_fraction=0.2).fit(*data)
    assert fitted.loss_parameters_["offset"].shape == (1, 3)


def test_weights_go_along(data):
    X, y = data
    weights = np.where(y == "common", 1.0, 0.0) + np.where(y == "rare", 3.0, 0.0)
    (task,) = classifier().prepare(X, y, weights).tasks
    assert len(task.table) == 102 and task.inner.weights.mean() == pytest.approx(1)
    of_class = {k: task.inner.weights[task.table.y[task.inner.rows] == k] for k in (0, 2)}
    assert np.ptp(of_class[0]) == np.ptp(of_class[2]) == 0
    assert of_class[2][0] == pytest.approx(3 * of_class[0][0])


# Groups


@pytest.fixture
def grouped(problem):
    """Groups differ by a feature, and the labels of the smaller are noisier."""
    X, y = problem((400, 200), apart=1.0)
    group = np.where(X[:, 0] > 0.8, "small", "large")
    flipped = (group == "small") & (np.random.default_rng(0).uniform(size=600) < 0.3) & (y == 1)
    return X, np.where(flipped, 0, y), group


def test_groups_are_treated_apart_and_served_alike(grouped):
    X, y, group = grouped
    loss = AutoBalance(objective="deo", start="ce", parameters=("w", "offset", "delta"), warm_up=60)
    settings = {"max_steps": 500, "batch_size": 64, "n_members": 3}
    fair = classifier(loss=loss, **settings).fit(X, y, groups=group)
    plain = classifier(loss="cross_entropy", **settings).fit(X, y)
    assert fair.loss_parameters_["offset"].shape == (3, 2, 2) and fair.groups_.tolist() == ["large", "small"]
    assert deo(y, fair.predict(X), group) < deo(y, plain.predict(X), group) - 0.05
    assert group_errors(y, fair.predict(X), group)["worst"] < group_errors(y, plain.predict(X), group)["worst"]
    assert set(fair.loss_history_["group"]) == {"large", "small"}


def test_group_labels_and_their_order_do_not_matter(grouped):
    X, y, group = grouped
    loss = AutoBalance(objective="worst_group", warm_up=20)
    one, two = (classifier(loss=loss).fit(X, y, groups=g) for g in (group, (group == "small").astype(float)))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_a_cell_without_rows_is_no_harm(grouped):
    X, y, group = grouped
    group = np.where(y == 1, "large", group)
    fitted = classifier(loss=AutoBalance(objective="group_balanced", warm_up=20)).fit(X, y, groups=group)
    assert np.isfinite(fitted.loss_parameters_["offset"]).all()


@pytest.mark.parametrize(
    ("parameters", "groups", "message"),
    [
        ({"loss": "cross_entropy"}, "group", r"groups apply to a loss search only, .*set loss=AutoBalance\(\)"),
        ({"batch_transform": MixUp(alpha=0.3)}, "group", r"groups cannot be combined with batch_transform=.*MixUp"),
        ({"sampler": SMOTE()}, "group", r"groups cannot be combined with sampler=SMOTE\(\)"),
        ({}, "one", "two or more groups, but holds one only: 'a'"),
        ({}, "few", "groups must have one entry a row, got 5 for 600 rows"),
        ({"loss": AutoBalance(objective="deo")}, None, "objective='deo' compares groups"),
    ],
)
def test_what_groups_do_not_go_with(parameters, groups, message, grouped):
    X, y, group = grouped
    given = {"group": group, "one": np.array(["a"] * 600), "few": group[:5], None: None}[groups]
    with pytest.raises(ValueError, match=message):
        classifier(**parameters).fit(X, y, groups=given)


@pytest.mark.parametrize(("name", "part"), [("loss", AutoBalance), ("batch_transform", MixUp)])
def test_a_class_in_place_of_its_object_is_refused(name, part, grouped):
    with pytest.raises(ValueError, match=rf"{name} is the class {part.__name__}: .*{name}={part.__name__}\(\)"):
        classifier(**{name: part}).fit(*grouped[:2])


# The recipe


@pytest.fixture
def frame(data):
    return pd.DataFrame(data[0]).add_prefix("x"), pd.Series(data[1])


def test_the_recipe_adds_up_with_what_forms_batches(frame):
    model = recipes.make("autobalance", **QUICK).fit(*frame)
    assert model[-1].loss_parameters_["delta"].shape == (1, 3)
    assert recipes.classifier("autobalance+remix").batch_transform is not None
    with pytest.raises(ValueError, match="Two parts of 'autobalance\\+la' set 'loss'"):
        recipes.make("autobalance+la")


def test_a_model_saved_and_loaded_keeps_what_was_found(frame, tmp_path):
    loss = AutoBalance(objective=Blend("balanced", "worst_class", 0.5), solver=ConjugateGradient(max_iter=2))
    model = recipes.make("autobalance", **QUICK).set_params(classifier__loss=loss).fit(*frame)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(frame[0]), model.predict_proba(frame[0]))
    assert again[-1].loss_history_.equals(model[-1].loss_history_)
