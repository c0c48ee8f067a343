"""Objects whose compiled code trusts what a file holds are looked at, whatever holds them: no file ends the process."""

import copy
import json
import shutil
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import skops.io
from imblearn.ensemble import BalancedRandomForestClassifier
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from equipoise import NeuralClassifier, load, recipes, save
from equipoise.persistence.native import check_native

FAR = (1 << 31) - 1


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    X[:, 0] = np.arange(60) % 3
    return X, np.repeat([0, 1], [40, 20])


@pytest.fixture(scope="module")
def fitted(rows):
    """Small fitted models by name, to be copied before they are changed."""
    encoded = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), [0])], remainder="passthrough")
    pooled = ColumnTransformer([("codes", OneHotEncoder(max_categories=2), [0])], remainder="passthrough")
    parts = [("trees", HistGradientBoostingClassifier(max_iter=2, random_state=0)), ("bayes", GaussianNB())]
    models = {
        "boosting": clone(parts[0][1]),
        "forest": RandomForestClassifier(2, random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "voting": VotingClassifier(parts, voting="soft"),
        "codes": make_pipeline(encoded, LogisticRegression()),
        "pooled codes": make_pipeline(pooled, LogisticRegression()),
        "function": make_pipeline(FunctionTransformer(np.arcsinh), LogisticRegression()),
        "linear": LogisticRegression(random_state=np.random.RandomState(0)),
        "network": NeuralClassifier(max_steps=3, hidden_layer_sizes=(3,), random_state=0),
        "balanced forest": BalancedRandomForestClassifier(2, random_state=0),
    }
    return {name: model.fit(*rows) for name, model in models.items()}


def far_trees(boosting):
    """A boosting whose trees send every row far past their ends."""
    for tree in (tree for trees in boosting._predictors for tree in trees):
        inner = tree.nodes["is_leaf"] == 0
        tree.nodes["left"][inner] = tree.nodes["right"][inner] = FAR
    return boosting


def alone(value):
    held = np.empty(1, dtype=object)
    held[0] = value
    return held


class Bystander:  # a type that no file may hold, but that `check_native` may meet
    pass


def within(value):
    held = Bystander()
    held.kept = value
    return held


HOLDERS = {
    "an array of objects": alone,
    "a deep array of objects": lambda value: np.array([[alone(value)], [None]], dtype=object),
    "a list": lambda value: [[value]],
    "a tuple": lambda value: (0, (value,)),
    "a set": lambda value: {value},
    "the value of a dict": lambda value: {"a": {"b": value}},
    "the key of a dict": lambda value: {value: "b"},
    "a partial call": lambda value: partial(dict, a=value),
    "an argument of a partial call": lambda value: partial(dict, value),
    "the attributes of a partial call": lambda value: vars(call := partial(dict)).update(kept=value) or call,
    "an object": within,
    "an estimator": lambda value: make_pipeline(value),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS.keys())
def test_whatever_holds_an_estimator_it_is_looked_at(hold, fitted):
    with pytest.raises(ValueError, match="child index is out of range"):
        check_native(hold(far_trees(copy.deepcopy(fitted["boosting"]))))
    check_native(hold(fitted["boosting"]))


class OwnBoosting(HistGradientBoostingClassifier):
    pass


def test_subclasses_are_looked_at(rows):
    with pytest.raises(ValueError, match="child index is out of range"):
        check_native(far_trees(OwnBoosting(max_iter=2).fit(*rows)))


def edit(path, **values):
    """Set attributes of the object that a path of attributes and items leads to."""

    def change(model):
        part = model
        for step in path:
            part = getattr(part, step) if isinstance(step, str) and hasattr(part, step) else part[step]
        vars(part).update(values)

    return change


def node(model, field, value):
    nodes = model._predictors[0][0].nodes
    nodes[field][np.flatnonzero(nodes["is_leaf"] == 0)[0]] = value


def tree_of(model, field, value):
    """Put a value into a decision tree, by the state that its own constructor takes."""
    tree = model.tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)


def narrow(forest):
    forest.estimators_[0].fit(np.zeros((4, 9)) + np.arange(4)[:, None], [0, 1, 0, 1])


def free_tree(model):
    model.spare_ = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]).tree_


def position(model):
    state = model.random_state.get_state(legacy=False)
    state["state"]["pos"] = FAR
    model.random_state.set_state(state)


def object_trees(voting):
    voting.estimators_ = alone(far_trees(voting.estimators_[0]))
    voting.named_estimators_ = {}


ENCODER = (0, "transformers_", 0, 1)
CRAFTED = {
    "trees in an array of objects": ("voting", object_trees, "child index"),
    "a child past the end": ("boosting", lambda m: node(m, "left", FAR), "child index"),
    "a child that is its parent": ("boosting", lambda m: node(m, "left", 0), "child index"),
    "a feature past the end": ("boosting", lambda m: node(m, "feature_idx", 4), "feature index"),
    "a feature before the first": ("boosting", lambda m: node(m, "feature_idx", -1), "feature index"),
    "a split by categories": ("boosting", lambda m: node(m, "is_categorical", 1), "native categorical splits"),
    "categories of a bin mapper": (
        "boosting",
        lambda m: vars(m._bin_mapper).update(is_categorical_=np.ones(4, dtype=np.uint8)),
        "native categorical splits",
    ),
    "features that equal everything": (
        "boosting",
        lambda m: vars(m).update(_n_features=np.array([])),
        "must be an int",
    ),
    "trees of no boosting": (
        "linear",
        lambda m: vars(m).update(
            spare_=HistGradientBoostingClassifier(max_iter=1).fit([[0.0]] * 20 + [[1.0]] * 20, [0, 1] * 20)._predictors
        ),
        "belongs to neither a forest",
    ),
    "a tree's child past the end": ("tree", lambda m: tree_of(m, "left_child", FAR), "child index"),
    "a tree's child before it": ("tree", lambda m: tree_of(m, "right_child", 0), "child index"),
    "a tree's feature past the end": ("tree", lambda m: tree_of(m, "feature", 4), "feature index"),
    "a tree of other features": ("tree", lambda m: vars(m).update(n_features_in_=3), "does not read 3 features"),
    "a forest's tree of other features": ("forest", narrow, "other features than the forest"),
    "a forest of other features": ("forest", lambda m: vars(m).update(n_features_in_=3), "other features than"),
    "a balanced forest's tree": ("balanced forest", narrow, "other features than the forest"),
    "a forest of other things": ("forest", lambda m: vars(m).update(estimators_=[GaussianNB()]), "other features than"),
    "a tree of no forest": ("linear", free_tree, "belongs to neither a forest"),
    "codes of fewer columns": ("codes", edit(ENCODER, _n_features_outs=[1]), "categories and its columns"),
    "codes of columns without end": ("codes", edit(ENCODER, _n_features_outs=[FAR, -FAR]), "zip|categories and"),
    "levels out of order": (
        "codes",
        edit(ENCODER, categories_=[np.array([2.0, 1.0, 0.0])]),
        "categories and its columns",
    ),
    "levels pooled past the end": (
        "pooled codes",
        edit(ENCODER, _default_to_infrequent_mappings=[np.array([0, 1, FAR])]),
        "categories and its columns",
    ),
    "levels pooled without a pool": (
        "pooled codes",
        edit(ENCODER, _default_to_infrequent_mappings=[None]),
        "categories and its columns",
    ),
    "a level dropped before the first": (
        "codes",
        edit(ENCODER, _drop_idx_after_grouping=np.array([-5], dtype=object)),
        "categories and its columns",
    ),
    "a function that writes elsewhere": (
        "function",
        lambda m: vars(m[0]).update(kw_args={"out": np.zeros((1, 4))}),
        "FunctionTransformer",
    ),
    "a function in part": ("function", lambda m: vars(m[0]).update(func=partial(np.add, 1)), "FunctionTransformer"),
    "a generator past its end": ("linear", position, "generator in this file is corrupt"),
    "another generator": (
        "linear",
        lambda m: vars(m).update(random_state=np.random.Generator(np.random.Philox(0))),
        "only RandomState",
    ),
    "a method replaced": ("forest", lambda m: vars(m).update(_validate_X_predict=np.asarray([0])), "is a method"),
    "a method of a step replaced": (
        "codes",
        lambda m: vars(m[0].transformers_[0][1]).update(_transform=partial(float)),
        "is a method",
    ),
    "sparse numbers": ("linear", lambda m: vars(m).update(coef_=csr_array(m.coef_)), "types that no model has"),
    "numbers behind a mask": (
        "linear",
        lambda m: vars(m).update(coef_=np.ma.array(m.coef_)),
        "types that no model has",
    ),
    "a bound method": ("linear", lambda m: vars(m).update(spare_=StandardScaler().fit), "types that no model has"),
    "bytes": ("linear", lambda m: vars(m).update(spare_=b"abc"), "types that no model has"),
    "a sampler's neighbours": (
        "linear",
        lambda m: vars(m).update(spare_=KNeighborsClassifier(1).fit([[0.0]], [0])),
        "types that no model has",
    ),
}


@pytest.fixture(scope="module")
def verdicts(fitted, rows, tmp_path_factory, program):
    """What becomes of every crafted model, in a process that a crash would end."""
    folder = tmp_path_factory.mktemp("crafted")
    for name in {name for name, _, _ in CRAFTED.values()}:
        save(fitted[name], folder / name)
    for number, (name, change, _) in enumerate(CRAFTED.values()):
        model = copy.deepcopy(fitted[name])
        shutil.copytree(folder / name, folder / str(number))
        change(model)
        forge(model, folder / str(number))
    np.save(folder / "rows.npy", rows[0])
    code = (
        "import sys, warnings, numpy, equipoise\n"
        "warnings.simplefilter('ignore')\n"
        "rows = numpy.load(sys.argv[1] + '/rows.npy')\n"
        "for number in range(int(sys.argv[2])):\n"
        "    try: print(equipoise.load(f'{sys.argv[1]}/{number}').predict_proba(rows).shape, flush=True)\n"
        "    except ValueError as error: print('refused:', error, flush=True)\n"
    )
    done = program(code, folder, len(CRAFTED))
    assert done.wait() == 0, done.errors[-3000:]
    return dict(zip(CRAFTED, done.said.splitlines(), strict=True))


def forge(model, place):
    """Write a model over a saved one as a file of someone who means harm would be: signed, and without a probe."""
    content = skops.io.dumps(model)
    (place / "estimator.skops").write_bytes(content)
    card = json.loads((place / "model.json").read_text())
    card |= {"probe": None, "sha256": card["sha256"] | {"estimator.skops": sha256(content).hexdigest()}}
    (place / "model.json").write_text(json.dumps(card))


@pytest.mark.parametrize("what", CRAFTED)
def test_a_crafted_model_is_refused_in_one_sentence(what, verdicts):
    assert verdicts[what].startswith("refused: The model at "), verdicts[what]
    assert any(reason in verdicts[what] for reason in CRAFTED[what][2].split("|")), verdicts[what]


@pytest.mark.parametrize("what", [name for name, (_, _, reason) in CRAFTED.items() if "no model has" not in reason])
def test_a_model_that_would_be_refused_is_not_saved(what, fitted, tmp_path):
    name, change, reason = CRAFTED[what]
    model = copy.deepcopy(fitted[name])
    change(model)
    with pytest.raises(ValueError) as caught:
        save(model, tmp_path / "model")
    assert any(text in str(caught.value) for text in reason.split("|")), caught.value
    assert not list(tmp_path.iterdir())


def test_a_machine_for_support_vectors_is_not_read(fitted, rows, tmp_path):
    """libsvm trusts its counts of support vectors, and no file may hold one."""
    save(fitted["linear"], tmp_path / "model")
    forge(SVC().fit(*rows), tmp_path / "model")
    with pytest.raises(ValueError, match=r"types that no model has: sklearn\.svm\._classes\.SVC"):
        load(tmp_path / "model")


@pytest.fixture(scope="module")
def saved_models(fitted, rows, table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    models = {**fitted, "scaled network": make_pipeline(StandardScaler(), fitted["network"])}
    models["scaled network"][0].fit(rows[0])
    for name, model in models.items():
        save(model, folder / name)
        np.save(folder / name / "rows.npy", rows[0][:5])
    X = table[0]["kind"].to_numpy(dtype=str)[:, None].repeat(2, axis=1)
    for name, small in {"gbdt": {"max_iter": 2}, "under+remix": {"max_steps": 3}}.items():
        save(recipes.make(name, random_state=0, **small).fit(X, table[1]), folder / name)
        np.save(folder / name / "rows.npy", X[:5])
    return folder


def mutated(program, folder, seed, number):
    done = program(Path(__file__).with_name("mutate.py").read_text("utf-8"), folder, seed, number)
    assert done.wait(max(number, 200)) == 0, done.errors[-3000:]
    return json.loads(done.said)


def test_objects_changed_at_random_are_refused_or_sound(program, saved_models):
    outcomes = mutated(program, saved_models, 0, 150)
    assert outcomes["refused"] > 45 and outcomes["sound"] > 45


@pytest.mark.long
@pytest.mark.timeout(0)
def test_objects_changed_20000_times(program, saved_models):
    outcomes = mutated(program, saved_models, 1000, 20_000)
    assert outcomes["refused"] > 5000 and outcomes["sound"] > 5000
