"""onnxruntime answers as the model does, whatever it is made of; what has no graph says so."""

import copy
import json
import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

from equipoise import (
    MUBO,
    AutoClassifier,
    CalibratedClassifier,
    CapacityClassifier,
    MUBOClassifier,
    NeuralClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    TunedThresholdsClassifier,
    recipes,
    save,
)
from equipoise.bilevel.row_score import EvenScore
from equipoise.cli import main
from equipoise.datasets import make_rare_events
from equipoise.decisions.pool import LogPool
from equipoise.onnx_export import export_onnx, onnx_inputs
from equipoise.rules import Rule
from equipoise.samplers.mubo_rows import RowInclusion
from equipoise.tables import TablePreprocessor

SMALL = {"n_members": 2, "max_steps": 20, "hidden_layer_sizes": (6, 5), "random_state": 0}
POOLED = {"max_steps": 20, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Columns left out")


def make_table(n_rows, seed):
    """Each kind of column, gaps in most, some levels rare."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "amount": rng.normal(1e6, 1e5, n_rows),
            "skewed": rng.lognormal(sigma=4, size=n_rows).astype("float32"),
            "count of things": rng.integers(-3, 9, n_rows),
            "gaps only tell": rng.choice([1.0, np.nan], n_rows),
            "online": rng.random(n_rows) > 0.5,
            "maybe": pd.array(rng.choice([True, False, None], n_rows), dtype="boolean"),
            "as text": rng.choice(["true", "FALSE", " ", None], n_rows),
            "numbers as text": rng.choice(["1.5", "2e3", "-7", "nan", "", "4"], n_rows),
            "day": pd.Timestamp("2021-03-04") + pd.to_timedelta(rng.integers(0, 10**6, n_rows), unit="s"),
            "iso": rng.choice(["2020-02-29", "2021-01-01T12:30:00", None], n_rows),
            "länd 国": rng.choice(["Österreich", "中国", "a\nb", "rare", None], n_rows, p=[0.4, 0.3, 0.2, 0.01, 0.09]),
            "label": rng.choice(["x", "X", " x", "nan", "  "], n_rows),
            "declared": pd.Categorical(rng.choice(["1", "2", "3"], n_rows), categories=["3", "2", "1", "0"]),
            "constant": "same",
        }
    )
    table.loc[rng.random(n_rows) < 0.1, ["amount", "day"]] = None
    return table


def make_labels(table, seed, labels=("common", "rare")):
    rng = np.random.default_rng(seed)
    return np.asarray(labels)[np.minimum(rng.geometric(0.7, len(table)) - 1, len(labels) - 1)]


@pytest.fixture(scope="module")
def table():
    return make_table(200, 0)


@pytest.fixture(scope="module")
def new_rows():
    rows = make_table(60, 1)
    rows.loc[0, "länd 国"], rows.loc[1, "label"], rows.loc[2, "label"] = "unseen", "\u3000NaN\t", "(missing)"
    rows.loc[3, "amount"], rows.loc[4, "amount"] = 1e30, -1e30
    rows["online"] = rows["online"].astype(object)
    rows.loc[5, "online"] = None
    rows.loc[6, "count of things"] = np.nan
    return rows


def check(model, rows, path):
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    label, proba = session.run(None, onnx_inputs(path, rows))
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(proba, expected, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(label, model.predict(rows))
    return session


def corrected(classifier):
    return PriorCorrectedClassifier(classifier, target_priors=[0.2, 0.8])


def calibrated(classifier, **parameters):
    return CalibratedClassifierCV(classifier, method="temperature", **{"cv": 2, **parameters})


MODELS = {
    "recipe": lambda: recipes.make("remix", **SMALL),
    "cosines": lambda: recipes.make("ldam", **SMALL),
    "float64, one layer": lambda: recipes.make("cost", **{**SMALL, "hidden_layer_sizes": (), "dtype": "float64"}),
    "codes of numbers": lambda: recipes.make("la", **SMALL, n_bins=4),
    "codes, float64": lambda: recipes.make("la", **SMALL, n_bins=4, dtype="float64"),
    "pooled": lambda: recipes.make("auto", **POOLED),
    "pooled, costs": lambda: recipes.make("auto", **POOLED, decision=[[0, 1], [9, 0.5]]),
    "pooled, prior-corrected": lambda: corrected(recipes.make("auto", **POOLED, decision=[[0, 0], [1, 1]])),
    "mubo": lambda: recipes.make("mubo", **SMALL),
    "prior-corrected": lambda: corrected(recipes.make("under", **SMALL)),
    "honest, decided for other priors": lambda: PriorCorrectedClassifier(
        recipes.make("under", **SMALL),
        training_priors="uniform",
        target_priors="observed",
        decision_priors="uniform",
    ),
    "tuned": lambda: TunedThresholdsClassifier(recipes.make("none", **SMALL), metric="g_mean", cv=2),
    "tuned of corrected": lambda: TunedThresholdsClassifier(corrected(recipes.make("none", **SMALL)), cv=2),
    "corrected of tuned": lambda: corrected(TunedThresholdsClassifier(recipes.make("none", **SMALL), cv=2)),
    "temperature, one fit": lambda: calibrated(recipes.make("none", **SMALL), ensemble=False),
    "temperature, two fits": lambda: calibrated(recipes.make("none", **SMALL)),
    "all decisions": lambda: TunedThresholdsClassifier(calibrated(corrected(recipes.make("smote", **SMALL))), cv=2),
    "resampled": lambda: make_pipeline(
        TablePreprocessor(), ResampledClassifier(RandomUnderSampler(random_state=0), NeuralClassifier(**SMALL))
    ),
    "resampled, tuned inside": lambda: make_pipeline(
        TablePreprocessor(),
        ResampledClassifier(
            RandomUnderSampler(random_state=0), TunedThresholdsClassifier(NeuralClassifier(**SMALL), cv=2)
        ),
    ),
    "imbalanced-learn's pipeline": lambda: make_imblearn_pipeline(
        TablePreprocessor(clip=2.0, min_frequency=1),
        "passthrough",
        StandardScaler(with_mean=False),
        RandomUnderSampler(random_state=0),
        NeuralClassifier(**SMALL),
    ),
}


WIDE = ("recipe", "pooled", "imbalanced-learn's pipeline")  # see each kind of column, others what decides


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_answers_as_the_model(name, table, new_rows, tmp_path, few_trees):
    columns = list(table) if name in WIDE else ["amount", "skewed", "online", "länd 国"]
    model = MODELS[name]().fit(table[columns], make_labels(table, 2))
    check(model, new_rows[columns], tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def pooled(problem, fewer_trees):
    X, y = problem((60, 14, 9))
    with fewer_trees():
        return AutoClassifier(**POOLED).fit(X * [1, 100, 1e4, 1e-4], np.array(["a", "b", "c"])[y])


@pytest.mark.parametrize("decision", ["balanced", "macro_f1", "natural", [[0, 1, 2], [7, 0, 1], [9, 2, 0]]], ids=str)
def test_every_decision_of_pooled_networks(decision, pooled, problem, tmp_path):
    rows = problem((60, 14, 9), seed=1)[0] * [1, 100, 1e4, 1e-4]
    check(copy.deepcopy(pooled).set_params(decision=decision), rows, tmp_path / "model.onnx")
    label, _ = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"X": rows})
    assert len(set(label)) > 1


@pytest.mark.parametrize("decision", ["balanced", [[0, 1, 1], [1, 0, 1], [1, 1, 0]]], ids=str)
def test_equal_classes_are_one_decision(decision, pooled, problem, tmp_path):
    """Where the model cannot tell classes apart, the first is decided for, here and there."""
    undecided = copy.deepcopy(pooled).set_params(decision=decision)
    undecided.pool_ = LogPool(0 * pooled.pool_.weights, np.zeros(3))
    undecided.priors_ = np.full(3, 1 / 3)
    check(undecided, problem()[0], tmp_path / "model.onnx")
    label, proba = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"X": problem()[0]})
    assert set(label) == {"a"} and (proba == 1 / 3).all()


def test_every_member_of_a_pool_alone(pooled, problem, tmp_path):
    rows = problem((60, 14, 9), seed=1)[0] * [1, 100, 1e4, 1e-4]
    assert {"trees", "boosting", "networks"} <= pooled.members_.keys()
    for name, member in pooled.members_.items():
        alone = copy.deepcopy(pooled)
        alone.members_, alone.pool_ = {name: member}, LogPool(np.array([0.8]), np.array([0.3, -0.4, 0.1]))
        check(alone, rows, tmp_path / "model.onnx")
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert [node.op_type for node in nodes].count("MatMul") == 3  # one stack of all folds' networks, of three layers


def test_rows_on_a_threshold_fall_on_its_side(problem, tmp_path):
    """Thresholds are of 64 bits in forests, of 32 in graphs."""
    X, y = problem((70, 30), n_features=2)
    X = X.round(1).astype("float32")
    check(AutoClassifier(**POOLED, standardize=False).fit(X, y), X, tmp_path / "model.onnx")


def test_pooled_networks_within_others(pooled, problem, tmp_path):
    X, y = problem((60, 14, 9))
    y, X = np.array(["a", "b", "c"])[y], X * [1, 100, 1e4, 1e-4]
    costly = copy.deepcopy(pooled).set_params(decision=[[0, 1, 2], [7, 0, 1], [9, 2, 0]])
    for around in (
        FrozenEstimator(costly),
        TunedThresholdsClassifier(FrozenEstimator(costly)).fit(X, y),
        calibrated(FrozenEstimator(costly)).fit(X, y),
        ResampledClassifier(RandomUnderSampler(random_state=0), FrozenEstimator(costly)).fit(X, y),
    ):
        check(around, X, tmp_path / "model.onnx")


def test_a_frozen_classifier(table, new_rows, tmp_path):
    y, columns = make_labels(table, 2), ["amount", "label"]
    table, new_rows = table[columns], new_rows[columns]
    tuned = TunedThresholdsClassifier(recipes.make("none", **SMALL), metric=[[0, 1], [9, 0]], cv=2).fit(table, y)
    check(FrozenEstimator(tuned), new_rows, tmp_path / "model.onnx")
    check(calibrated(FrozenEstimator(tuned)).fit(table, y), new_rows, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "labels",
    [(3, 1, 7), (2.0, 1.0, -3.0), (False, True), ("ä", "中", ""), np.array(["a", "b", "c"], dtype=object)],
    ids=str,
)
def test_any_labels(labels, table, new_rows, tmp_path):
    y, columns = make_labels(table, 3, labels), ["amount", "label"]
    session = check(recipes.make("none", **SMALL).fit(table[columns], y), new_rows[columns], tmp_path / "model.onnx")
    told = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert told == np.unique(y).tolist()


@pytest.mark.parametrize(
    "classifier", [NeuralClassifier(**SMALL), NeuralClassifier(**SMALL, n_bins=3), MUBOClassifier(**SMALL)]
)
def test_a_classifier_of_numbers(classifier, problem, tmp_path):
    X, y = problem((60, 9, 6))
    session = check(classifier.fit(X * [1, 100, 1e4, 1e-4], y), X * [1, 100, 1e4, 1e-4], tmp_path / "model.onnx")
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [("X", "tensor(double)", ["n", 4])]


def test_a_table_without_names_and_one_row_at_a_time(problem, tmp_path):
    X, y = problem()
    X[::9, 1] = np.nan
    model = recipes.make("none", **SMALL).fit(X, y)
    check(model, X, tmp_path / "model.onnx")
    check(model, X[:1], tmp_path / "model.onnx")


def test_inputs_are_the_columns_in_use(table, new_rows, tmp_path):
    model = recipes.make("none", **SMALL).fit(table, make_labels(table, 2))
    session = check(model, new_rows, tmp_path / "model.onnx")
    kinds = {i.name: i.type for i in session.get_inputs()}
    assert kinds.keys() == set(table.columns) - {"constant"}
    assert {name for name, kind in kinds.items() if kind == "tensor(string)"} == {"länd 国", "label", "declared"}
    assert [o.name for o in session.get_outputs()] == ["label_", "probabilities"]  # a column is called label
    told = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    assert told == {name: model[0].kinds_[name] for name in told} and told.keys() == kinds.keys()


def test_other_frames_and_columns_in_any_order(table, new_rows, tmp_path):
    model = recipes.make("none", **SMALL).fit(table[["amount", "label", "maybe"]], make_labels(table, 2))
    export_onnx(model, tmp_path / "model.onnx")
    rows = pl.DataFrame({name: new_rows[name].tolist() for name in ("maybe", "label", "amount")}, strict=False)
    _, proba = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(
        None, onnx_inputs(tmp_path / "model.onnx", rows)
    )
    np.testing.assert_allclose(proba, model.predict_proba(new_rows[["amount", "label", "maybe"]]), atol=1e-5, rtol=0)


def test_plain_arrays_are_all_that_a_service_needs(tmp_path):
    """What the documentation says of inputs, without this library's help."""
    X = pd.DataFrame({"age": [20, 30, None, 50] * 10, "city": ["Rom", "Bonn", None, "Bonn"] * 10})
    model = recipes.make("none", **SMALL).fit(X, [0, 0, 0, 1] * 10)
    export_onnx(model, tmp_path / "model.onnx")
    rows = {"age": np.array([[20.0], [np.nan]]), "city": np.array([["Bonn"], [""]], dtype=object)}
    label, proba = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, rows)
    expected = model.predict_proba(pd.DataFrame({"age": [20, None], "city": ["Bonn", None]}))
    np.testing.assert_allclose(proba, expected, atol=1e-5, rtol=0)
    assert label.dtype == np.int64


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    levels=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=2, max_size=6, unique=True),
    numbers=st.lists(st.floats(-1e30, 1e30) | st.just(np.nan), min_size=2, max_size=8),
    seed=st.integers(0, 99),
    min_frequency=st.integers(1, 9),
)
def test_any_texts_and_numbers(levels, numbers, seed, min_frequency, tmp_path):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"text": rng.choice(np.array([*levels, None], dtype=object), 40), "n": rng.choice(numbers, 40)})
    X["sure"] = np.arange(40.0)
    model = make_pipeline(TablePreprocessor(min_frequency=min_frequency), NeuralClassifier(**{**SMALL, "max_steps": 2}))
    model.fit(X, np.arange(40) % 3)
    rows = pd.concat([X, X.assign(text=rng.permutation(X["text"].fillna("?") + "?"))], ignore_index=True)
    if model[0].kinds_["text"] != "category":
        rows["text"] = pd.concat([X["text"], X["text"]], ignore_index=True)
    check(model, rows, tmp_path / "model.onnx")


NO_GRAPH = {
    "boosting": (recipes.make("gbdt"), "HistGradientBoostingClassifier has no ONNX graph. Export `auto` or a recipe"),
    "a module": (recipes.make("none", network=lambda shape, k: nn.Linear(shape[0], k), max_steps=3), "as a module"),
    "another library's": (make_pipeline(TablePreprocessor(), LogisticRegression()), "LogisticRegression has no ONNX"),
    "another step": (make_pipeline(TablePreprocessor(), MinMaxScaler(), NeuralClassifier(**SMALL)), "MinMaxScaler has"),
    "wrapped": (PriorCorrectedClassifier(recipes.make("gbdt")), "HistGradientBoostingClassifier has no"),
    "sigmoids": (CalibratedClassifierCV(recipes.make("none", **SMALL), cv=2), "method='sigmoid'"),
}


@pytest.mark.parametrize("model, reason", NO_GRAPH.values(), ids=NO_GRAPH.keys())
def test_what_has_no_graph_says_so(model, reason, table, tmp_path):
    model.fit(table[["amount", "label"]], make_labels(table, 2))
    with pytest.raises(ValueError, match=reason):
        export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


class OwnConstant(ClassifierMixin, BaseEstimator):
    """A user's own classifier, which gives its own graph and rule."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return self.classes_[np.ones(len(X), dtype=int)]

    def decision_rule(self):
        return Rule(offsets=np.array([0.0, 1.0]))

    def onnx_graph(self, graph, rows):
        rows = graph.input("X", "matrix", self.n_features_in_) if rows is None else rows
        first = graph.add("Gather", rows, graph.constant([0, 1], np.int64), axis=1)
        return graph.add("Add", graph.add("Mul", first, graph.constant(0.0)), graph.constant(0.5))


def test_a_classifier_of_the_users_gives_its_own_graph(problem, tmp_path):
    X, y = problem()
    check(OwnConstant().fit(X, y), X, tmp_path / "model.onnx")
    check(FrozenEstimator(OwnConstant().fit(X, y)), X, tmp_path / "model.onnx")
    check(make_pipeline(StandardScaler(), OwnConstant()).fit(X, y), X, tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["u1", "i2", "u8", "f4", "?", object])
def test_labels_of_odd_types(kind, problem, tmp_path):
    X, y = problem()
    model = NeuralClassifier(**SMALL).fit(X, y.astype(kind) if kind is not object else y.astype(str).astype(object))
    if kind is object:
        model.classes_ = np.array([0, 1], dtype=object)  # as an object column of whole numbers gives them
    check(model, X, tmp_path / "model.onnx")


@pytest.mark.parametrize("value", [0.0, 1e300, -1e300, 5e-324, 1e-40, 3.4e38])
def test_odd_numbers_and_no_rows(value, problem, tmp_path):
    X, y = problem()
    model = NeuralClassifier(**SMALL).fit(X, y)
    check(model, np.full((2, 4), value), tmp_path / "model.onnx")
    none = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"X": X[:0]})
    assert [len(part) for part in none] == [0, 0]


def test_bad_input_is_told(table, new_rows, tmp_path):
    with pytest.raises(NotFittedError):
        export_onnx(recipes.make("none"), tmp_path / "model.onnx")
    model = recipes.make("none", **SMALL).fit(table, make_labels(table, 2))
    export_onnx(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"lacks columns of the model: 'amount', 'iso'\. Add them"):
        onnx_inputs(tmp_path / "model.onnx", new_rows.drop(columns=["amount", "iso"]))
    with pytest.raises(ValueError, match=r"'amount' holds numbers, but .* cannot be read"):
        onnx_inputs(tmp_path / "model.onnx", new_rows.assign(amount="much"))
    mixed = np.array(["a", 1], dtype=object)
    model[-1].classes_ = mixed
    with pytest.raises(ValueError, match=r"all text, all numbers or all booleans, got \['a', 1\]. Convert y"):
        export_onnx(model, tmp_path / "model.onnx")
    nameless = pd.DataFrame({"": np.arange(20.0), "b": np.arange(20.0)})
    with pytest.raises(ValueError, match="cannot be called ''"):
        export_onnx(recipes.make("none", **SMALL).fit(nameless, [0, 1] * 10), tmp_path / "model.onnx")


def test_the_command_line(table, new_rows, tmp_path):
    y, columns = make_labels(table, 2), ["amount", "online", "label"]
    table, new_rows = table[columns], new_rows[columns]
    model = TunedThresholdsClassifier(recipes.make("none", **SMALL), cv=2).fit(table, y)
    save(model, tmp_path / "model.zip")
    save(recipes.make("gbdt", max_iter=2).fit(table, y), tmp_path / "trees")

    command = ["export", str(tmp_path / "model.zip"), "--onnx", str(tmp_path / "model.onnx")]
    main(command)
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    label, proba = session.run(None, onnx_inputs(tmp_path / "model.onnx", new_rows))
    np.testing.assert_allclose(proba, model.predict_proba(new_rows), atol=1e-5, rtol=0)
    np.testing.assert_array_equal(label, model.predict(new_rows))
    with pytest.raises(SystemExit, match=r"^equipoise: HistGradientBoostingClassifier has no ONNX graph"):
        main(["export", str(tmp_path / "trees"), "--onnx", str(tmp_path / "trees.onnx")])
    assert not (tmp_path / "trees.onnx").exists()


def test_the_class_of_the_least_expected_cost_is_decided_in_the_graph(tmp_path):
    """Decided inside the graph as the weighted probabilities tell, which the graph gives too."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, 300, p=[0.6, 0.1, 0.3])
    X, costs = rng.normal(size=(300, 3)) + 2 * np.eye(3)[y], np.array([[0.0, 1, 6], [1, 0, 3], [8, 2, 0]])
    model = TunedThresholdsClassifier(NeuralClassifier(**SMALL | {"max_steps": 200}), metric=costs, cv=3).fit(X, y)
    model.offsets_ = np.array([0.0, 0.7, -0.4])
    export_onnx(model, tmp_path / "model.onnx")
    label, proba = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"X": X})
    np.testing.assert_array_equal(label, (proba * np.exp(model.offsets_) @ costs).argmin(axis=1))
    np.testing.assert_array_equal(label, model.predict(X))
    assert len(set(label)) == 3 and (label != proba.argmax(axis=1)).any()


@pytest.mark.parametrize("costly", [False, True])
@pytest.mark.parametrize(
    ("capacity", "n_classes"), [(0.2, 2), (7, 2), (7, 3), (0.3, 3), (1000, 2), (1000, 3), (0.001, 2)]
)
def test_alarms_within_a_capacity_are_those_of_the_model(tmp_path, capacity, n_classes, costly):
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, 120)
    X = rng.normal(size=(120, 3)) + y[:, None]
    costs = np.array([[0, 1, 2], [3, 0, 1], [1, 2, 0]])[:n_classes, :n_classes] if costly else None
    model = CapacityClassifier(
        NeuralClassifier(**SMALL | {"max_steps": 200}), capacity=capacity, positive="b", costs=costs, cv=2
    )
    model.fit(X, np.array(["a", "b", "c"])[y])
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    label, _ = session.run(None, {"X": X})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a batch no larger than the capacity
        np.testing.assert_array_equal(label, model.predict(X))
    assert not costly or capacity == 0.001 or 0 < (label == "b").sum() < 120


@pytest.fixture(scope="module", params=["score", "loss"])
def drawn_by_score(request):
    """Rows of three classes, two of them drawn by a score, a wide margin of odds to correct."""
    X, y, _ = make_rare_events(12_000, minority_fraction=0.01, useful_fraction=0.1, random_state=0)
    y = np.where((y == 0) & (X[:, 2] > 0.8), 2, y)
    sampler = MUBO(selector=request.param, max_steps=60, hidden_layer_sizes=(8,), random_state=0)
    return X, y, sampler


WRAPS = {
    "alone": lambda clf: clf,
    "prior-corrected": PriorCorrectedClassifier,
    "calibrated": lambda clf: CalibratedClassifier(clf, cv=2),
    "pipeline": lambda clf: make_pipeline(TablePreprocessor(), clf),
    "scaled": lambda clf: make_pipeline(StandardScaler(), clf),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_odds_of_rows_that_a_score_drew_are_corrected_in_the_graph(wrap, drawn_by_score, tmp_path):
    X, y, sampler = drawn_by_score
    model = WRAPS[wrap](ResampledClassifier(sampler, NeuralClassifier(**SMALL))).fit(X, y)
    rows = np.concatenate([X[y == 1], X[:2000]])  # landmarks too
    check(model, rows, tmp_path / "model.onnx")


def test_corrected_odds_decide_in_place_of_thresholds_inside(drawn_by_score, tmp_path):
    X, y, sampler = drawn_by_score
    tuned = TunedThresholdsClassifier(NeuralClassifier(**SMALL), metric="g_mean", cv=2)
    check(ResampledClassifier(sampler, tuned).fit(X, y), X[:2000], tmp_path / "model.onnx")


def test_probabilities_of_draws_without_a_graph_are_refused(drawn_by_score, tmp_path):
    X, y, sampler = drawn_by_score
    model = ResampledClassifier(sampler, NeuralClassifier(**SMALL)).fit(X, y)
    score, of_its_own = model.inclusion_, lambda rows: np.ones((len(rows), 3))
    odd = RowInclusion(replace(score.draw, score=EvenScore()), score.scaler)
    for model.inclusion_, named in ((of_its_own, "function"), (odd, "EvenScore")):
        with pytest.raises(ValueError, match=rf"probabilities that have no ONNX graph \({named}\)"):
            export_onnx(model, tmp_path / "model.onnx")
