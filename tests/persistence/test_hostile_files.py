"""Files that are not what `save` wrote end in one sentence, run nothing and leave nothing behind."""

import copy
import io
import json
import os
import pickle
import stat
import struct
import zlib
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pytest
import safetensors.numpy
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from equipoise import load, recipes, save
from equipoise.persistence import FORMAT, files

PARTS = ["model.json", "weights.safetensors", "estimator.skops"]


def refused(path, reason=""):
    """Load what must not load: one sentence, and nothing new on the disk."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(ValueError, match=f"(?s)^The model at .* cannot be loaded .*{reason}.*Save it again") as caught:
        load(path)
    assert sorted(path.parent.rglob("*")) == before
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1500


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("name", PARTS)
def test_a_pickle_is_not_run(name, saved, place):
    saved.files[name] = pickle.dumps(Bomb(str(place.parent / "gone off")))
    if name != "model.json":
        saved.sign()
    refused(saved.write(place))


@pytest.mark.parametrize("name", PARTS)
def test_a_file_that_lacks_is_named(name, saved, place):
    del saved.files[name]
    if name == "model.json" and place.suffix != ".zip":
        with pytest.raises(FileNotFoundError, match=r"no model at .*model\.json"):
            load(saved.write(place))
    else:
        refused(saved.write(place), f"{name} is missing")


CARDS = {
    "empty": b"",
    "no json": b"{",
    "not utf-8": b'{"format": "\xff\xfe"}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"model"',
    "a number": b"2",
    "nested deep": b"[" * 200_000,
    "nested deep, whole": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a long number": b'{"format": ' + b"9" * 6000 + b"}",
    "infinite": b'{"format": 1e999}',
    "no number": b'{"format": NaN}',
}


@pytest.mark.parametrize("content", CARDS.values(), ids=CARDS.keys())
def test_crafted_json(content, saved, place):
    saved.files["model.json"] = content
    refused(saved.write(place))


@pytest.mark.parametrize("field", ["format", "versions", "about", "schema", "sha256", "probe"])
@pytest.mark.parametrize("value", [True, 10**30, -1, 0.5, "2", ["2"], {"2": 2}, [[[]]], [1e999], "lacks"], ids=repr)
def test_fields_of_another_type_or_none(field, value, saved, tmp_path):
    card = json.loads(saved.files["model.json"])
    if type(value) is type(card[field]) is dict and field in ("about", "schema", "versions"):
        pytest.skip("what these hold is the user's own, and not relied on")
    if value == "lacks":
        del card[field]
    else:
        card[field] = value
    saved.files["model.json"] = json.dumps(card).encode()
    refused(saved.write(tmp_path / "model"))


@pytest.mark.parametrize("number", [0, FORMAT - 1, FORMAT + 1, 99])
def test_another_format_is_named(number, saved, place):
    saved.edit_card(format=number)
    refused(saved.write(place), f"its format is {number}, but this version reads format {FORMAT}")


def test_versions_are_told_where_a_model_does_not_load(saved, tmp_path):
    saved.edit_card(versions={"torch": "1.0.0", "numpy": None})
    assert load(saved.write(tmp_path / "sound")) is not None
    saved.files["weights.safetensors"] = b""
    refused(saved.write(tmp_path / "not"), r"saved with torch 1\.0\.0 \(here ")


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_files_cut_short(name, share, saved, place):
    saved.files[name] = saved.files[name][: int(share * len(saved.files[name]))]
    refused(saved.write(place))


def tensors(saved):
    return {name: array.copy() for name, array in safetensors.numpy.load(saved.files["weights.safetensors"]).items()}


def swap_layers(weights):
    weights["0.weights.1"], weights["0.weights.2"] = weights["0.weights.2"], weights["0.weights.1"]


TENSORS = {
    "two layers swapped": (swap_layers, "probabilities differ from those when"),
    "a column cut off": (lambda w: w.update({"0.weights.0": w["0.weights.0"][..., :-1]}), "do not fit together"),
    "an input cut off": (lambda w: w.update({"0.weights.0": w["0.weights.0"][:, :-1]}), ""),
    "a class more": (
        lambda w: w.update({f"0.{kind}.3": np.repeat(w[f"0.{kind}.3"], 2, axis=2) for kind in ("weights", "biases")}),
        "do not fit together",
    ),
    "a member less": (lambda w: w.update({"0.biases.0": w["0.biases.0"][:1]}), "do not fit together"),
    "no member": (lambda w: w.update({name: array[:0] for name, array in w.items()}), "do not fit together"),
    "flat": (lambda w: w.update({"0.weights.0": w["0.weights.0"].ravel()}), "no layers"),
    "a layer lacks": (lambda w: w.pop("0.weights.1"), "do not fit together"),
    "a bias lacks": (lambda w: w.pop("0.biases.1"), "do not fit together"),
    "a scale of cosines": (lambda w: w.update({"0.scale": np.ones((2, 1, 1), "float32")}), "do not fit together"),
    "all lack": (lambda w: w.clear(), "no layers"),
    "one more": (lambda w: w.update(extra=np.zeros(3)), "belong to no network"),
    "of a second network": (lambda w: w.update({"1.weights.0": np.zeros((1, 2, 2))}), "belong to no network"),
    "whole numbers": (lambda w: w.update({k: v.astype("int32") for k, v in w.items()}), "float32 or float64"),
    "two kinds of numbers": (lambda w: w.update({"0.biases.1": w["0.biases.1"].astype("f8")}), "float32 or float64"),
    "not finite": (lambda w: w["0.weights.1"].fill(np.inf), "must be finite"),
}


@pytest.mark.parametrize("edit, reason", TENSORS.values(), ids=TENSORS.keys())
def test_tensors_that_do_not_fit(edit, reason, saved, tmp_path):
    weights = tensors(saved)
    edit(weights)
    weights = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    saved.files["weights.safetensors"] = safetensors.numpy.save(weights)
    saved.sign()
    refused(saved.write(tmp_path / "model"), reason)


def of_codes(name, change):
    """Change an array of the encoder of a pool."""

    def edit(auto):
        setattr(auto.encoder_, name, change(getattr(auto.encoder_, name)))

    return edit


def of_pool(**changes):
    return lambda auto: vars(auto.pool_).update({name: change(auto.pool_) for name, change in changes.items()})


def first(value):
    def change(array):
        changed = array.copy()
        changed[0] = value
        return changed

    return change


def with_node(field, value):
    """Change the root of a member's first tree."""

    def edit(auto):
        tree = auto.members_["trees"].estimators_[0].tree_
        state = tree.__getstate__()
        state["nodes"][field][0] = value
        tree.__setstate__(state)

    return edit


def with_nodes_of_boosting(auto):
    auto.members_["boosting"]._predictors[0][0].nodes["feature_idx"][0] = 9999


POOLED = {
    "importances of a feature less": (
        lambda a: vars(a).update(feature_importances_=a.feature_importances_[:-1]),
        "feature_importances_",
    ),
    "importances below 0": (
        lambda a: vars(a).update(feature_importances_=-1 - a.feature_importances_),
        "feature_importances_ .*finite, 0 or more",
    ),
    "a code past the columns": (of_codes("columns_", first(99)), "columns out of range: .99"),
    "a code before the columns": (of_codes("columns_", first(-1)), "columns out of range: .-1"),
    "a code between columns": (of_codes("columns_", lambda a: a + 0.5), "columns out of range"),
    "a code less": (of_codes("columns_", lambda a: a[1:]), "starts_ of codes must be floats of shape"),
    "starts of another shape": (of_codes("starts_", lambda a: a[:, None]), "starts_ of codes must be floats of shape"),
    "a width less": (of_codes("widths_", lambda a: a[1:]), "widths_ of codes must be floats of shape"),
    "a bin without width": (of_codes("widths_", first(0)), "widths_ of codes must be finite, above 0"),
    "an endless bin": (of_codes("widths_", first(np.inf)), "widths_ of codes must be finite, above 0"),
    "texts for starts": (of_codes("starts_", lambda a: a.astype(str)), "starts_ of codes must be floats"),
    "codes of other features": (lambda a: vars(a.encoder_).update(n_features_in_=99), "read 99 features"),
    "no codes": (lambda a: vars(a).update(encoder_=None), r"the member 'line' reads \d+ inputs"),
    "trees without networks": (lambda a: a.members_.pop("networks"), "belong to no network"),
    "a member less": (lambda a: a.members_.pop("trees"), "weights of the pool must be floats"),
    "no member": (lambda a: a.members_.clear(), "belong to no network"),
    "a member twice": (lambda a: a.members_.update(more=a.members_["trees"]), "weights of the pool must be floats"),
    "a member of another kind": (
        lambda a: a.members_.update(trees=StandardScaler().fit([[0.0], [1.0]])),
        "no members such as StandardScaler",
    ),
    "trees of other features": (lambda a: vars(a.members_["trees"]).update(n_features_in_=3), "reads other features"),
    "trees of other classes": (lambda a: vars(a.members_["trees"]).update(classes_=np.arange(3)), "other classes"),
    "a split on no feature": (with_node("feature", 9999), "a feature index is out of range"),
    "a child out of range": (with_node("left_child", 9999), "a child index is out of range"),
    "boosting on no feature": (with_nodes_of_boosting, "a feature index is out of range"),
    "boosting of other classes": (
        lambda a: vars(a.members_["boosting"]).update(classes_=np.arange(3)),
        "other classes",
    ),
    "a pool of one": (of_pool(weights=lambda p: p.weights[:1]), "weights of the pool must be floats"),
    "pool weights below 0": (of_pool(weights=lambda p: -p.weights - 1), "finite, 0 or more"),
    "pool weights that are none": (of_pool(weights=lambda p: p.weights * np.nan), "finite"),
    "intercepts of three classes": (of_pool(intercepts=lambda p: np.zeros(3)), r"intercepts of the pool .*\(2,\)"),
    "endless intercepts": (of_pool(intercepts=lambda p: np.full(2, np.inf)), "intercepts of the pool must be finite"),
    "no pool": (lambda a: vars(a).pop("pool_"), "not fitted|AutoClassifier"),
    "an offset less": (
        lambda a: vars(a.held_out_).update(macro_f1_offsets=np.zeros(1)),
        r"offsets_ of macro_f1 .*shape \(2,\)",
    ),
    "endless offsets": (
        lambda a: vars(a.held_out_).update(macro_f1_offsets=np.full(2, np.inf)),
        "offsets_ of macro_f1 must be finite",
    ),
    "no offsets": (lambda a: vars(a.held_out_).update(macro_f1_offsets=None), "offsets_ of macro_f1 must be floats"),
    "shares of none": (lambda a: vars(a).update(priors_=np.zeros(2)), "priors_ .*above 0"),
    "a share more": (lambda a: vars(a).update(priors_=np.ones(3) / 3), r"priors_ .*shape \(2,\)"),
    "no decision": (lambda a: vars(a).update(decision="none"), "decision must be one of"),
    "costs of three classes": (lambda a: vars(a).update(decision=np.ones((3, 3))), "Costs must be finite numbers"),
    "endless costs": (lambda a: vars(a).update(decision=[[0, np.inf], [1, 0]]), "Costs must be finite"),
    "classes of another number": (lambda a: vars(a).update(classes_=np.arange(3)), r"shape \(3,\)"),
    "a scaler of one feature": (
        lambda a: vars(a).update(scaler_=StandardScaler().fit([[0.0], [1.0]])),
        "mean_ of the scaler must be floats of",
    ),
    "a network with a scaler": (
        lambda a: vars(a.members_["networks"]).update(scaler_=StandardScaler().fit([[0.0], [1.0]])),
        "has a scaler of its own",
    ),
}


@pytest.mark.parametrize("edit, reason", POOLED.values(), ids=POOLED.keys())
def test_pooled_networks_whose_parts_do_not_fit(edit, reason, saved_auto, tmp_path):
    saved_auto.edit_objects(lambda model: edit(model[-1]))
    refused(saved_auto.write(tmp_path / "model"), reason)


@pytest.mark.parametrize("column", [-1, 99])
def test_codes_of_one_network_s_numbers(column, table, tmp_path):
    model = recipes.make("none", max_steps=2, n_bins=3, random_state=0).fit(*table)
    model[-1].encoder_.columns_[0] = column
    with pytest.raises(ValueError, match="codes refer to columns out of range"):
        save(model, tmp_path / "model")


HEADERS = {
    "longer than the file": struct.pack("<Q", 1 << 60) + b"{}",
    "of no json": struct.pack("<Q", 4) + b"{{{{",
    "of huge tensors": b'{"0.weights.0":{"dtype":"F32","shape":[4000000000,4000000000],"data_offsets":[0,0]}}',
    "of offsets past the end": b'{"0.weights.0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    "of an unknown type": b'{"0.weights.0":{"dtype":"PYOBJ","shape":[1],"data_offsets":[0,4]}}',
    "nested deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_crafted_headers_of_tensors(header, saved, tmp_path):
    if header.startswith(b"{"):
        header = struct.pack("<Q", len(header)) + header
    saved.files["weights.safetensors"] = header
    saved.sign()
    refused(saved.write(tmp_path / "model"))


def test_types_that_no_model_has(saved, place):
    saved.files["estimator.skops"] = skops.io.dumps({"step": nn.Identity})
    saved.sign()
    refused(saved.write(place), r"types that no model has: torch.*Identity")


def node(module, name, loader="TypeNode", **rest):
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 7, **rest}


TEXT = node("builtins", "str", "JsonNode", content='"touch gone-off"', is_json=True)
ARGUMENTS = node("builtins", "tuple", "TupleNode", content=[TEXT])
NODES = {
    "a call of the system": node("os", "system", "ConstructorFromReduceNode", content=ARGUMENTS),
    "a function of the system": node("os", "system", "FunctionNode", content="system"),
    "a type": node("subprocess", "Popen"),
    "a method": node("pathlib", "Path", "MethodNode", content={"func": "touch", "obj": node("pathlib", "Path")}),
    "a caller of methods": node("operator", "methodcaller", "OperatorFuncNode", attrs=ARGUMENTS),
    "evaluated text": node("builtins", "eval", "ConstructorFromReduceNode", content=ARGUMENTS),
    "an unknown loader": node("builtins", "str", "NoSuchNode"),
    "a file that is not there": node("builtins", "bytes", "BytesNode", file="../../etc/passwd"),
    "an object of no content": node("sklearn.pipeline", "Pipeline", "ObjectNode", content=TEXT),
    "an unknown object again": node("builtins", "str", "CachedNode"),
    "nothing": {},
    "a text": TEXT,
    "no object": [],
}


@pytest.mark.parametrize("schema", NODES.values(), ids=NODES.keys())
def test_crafted_objects(schema, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if isinstance(schema, dict):
        schema = {**schema, "protocol": skops.io._protocol.PROTOCOL, "_skops_version": skops.__version__}
    saved.edit_skops(lambda members: members.update({"schema.json": json.dumps(schema).encode()}))
    refused(saved.write(tmp_path / "model"))


def test_objects_nested_deep(saved, tmp_path):
    nested = b'{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":['
    for depth in (400, 30_000):
        content = nested * depth + b"]}" * depth
        head = b'{"protocol":0,"content":[' + content + b'],"__class__":"list","__module__":"builtins",'
        whole = head + b'"__loader__":"ListNode"}'
        saved.edit_skops(lambda members, whole=whole: members.update({"schema.json": whole}))
        refused(saved.write(tmp_path / f"model{depth}"))


def test_objects_that_are_no_classifier(saved, table, tmp_path):
    for i, thing in enumerate([{"a": 1}, LinearRegression().fit([[0], [1]], [0, 1]), np.zeros(3), None]):
        saved.files["estimator.skops"] = skops.io.dumps(thing)
        saved.files["weights.safetensors"] = safetensors.numpy.save({})
        saved.sign()
        refused(saved.write(tmp_path / str(i)), "not a classifier")


def test_an_array_that_claims_to_be_huge_or_of_objects(saved, tmp_path):
    def huge(members):
        name = next(name for name in members if name.endswith(".npy"))
        head = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }"
        members[name] = head.ljust(127) + b"\n"

    def objects(members):
        name = next(name for name in members if name.endswith(".npy"))
        buffer = io.BytesIO()
        np.save(buffer, np.array([Bomb(str(tmp_path / "gone off"))], dtype=object), allow_pickle=True)
        members[name] = buffer.getvalue()

    for i, edit in enumerate([huge, objects]):
        forged = copy.deepcopy(saved)
        forged.edit_skops(edit)
        refused(forged.write(tmp_path / str(i)))


def rezip(saved, path, *members):
    """Write the saved files to a zip file, with members beside or in place of them."""
    named = {info.filename for info, _ in members}
    with ZipFile(path, "w") as archive:
        for name, content in saved.files.items():
            if name not in named:
                archive.writestr(name, content)
        for info, content in members:
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil", "..\\evil", "folder/", "pickle.pkl"]
)
def test_names_that_lead_elsewhere(name, saved, tmp_path):
    refused(rezip(saved, tmp_path / "model.zip", (ZipInfo(name), b"x")), "holds a file that no model has")
    assert not (tmp_path.parent / "evil").exists()


def test_a_file_twice(saved, tmp_path):
    path = tmp_path / "model.zip"
    rezip(saved, path)
    with pytest.warns(UserWarning, match="Duplicate"), ZipFile(path, "a") as archive:
        archive.writestr("model.json", b"{}")
    refused(path, "one file twice")


@pytest.mark.parametrize("name", PARTS)
def test_links_in_a_zip(name, saved, tmp_path):
    link = ZipInfo(name)
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    refused(rezip(saved, tmp_path / "model.zip", (link, b"/etc/passwd")), "not a regular file")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
@pytest.mark.parametrize("name", PARTS)
def test_what_is_no_file_in_a_folder_is_not_waited_for(make, name, saved, tmp_path):
    del saved.files[name]
    make(saved.write(tmp_path / "model") / name)
    refused(tmp_path / "model", f"{name} is missing")


@pytest.mark.parametrize("name", PARTS)
def test_a_zip_bomb(name, saved, tmp_path):
    path = tmp_path / "model.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for other, content in saved.files.items():
            archive.writestr(other, bytes(20 << 20) if other == name else content)
    assert path.stat().st_size < 1 << 20
    refused(path, "would unpack to 20,971,520 bytes")


def test_a_zip_bomb_that_hides_its_size(saved, tmp_path):
    path = tmp_path / "model.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in saved.files.items():
            archive.writestr(name, bytes(20 << 20) if name == "weights.safetensors" else content)
    crc = struct.pack("<I", zlib.crc32(bytes(20 << 20)))
    path.write_bytes(
        path.read_bytes()
        .replace(crc, struct.pack("<I", zlib.crc32(bytes(1000))))
        .replace(struct.pack("<I", 20 << 20), struct.pack("<I", 1000))
    )
    refused(path)


def test_a_bomb_inside_the_skops_file(saved, tmp_path):
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (20 << 20))
    saved.files["estimator.skops"] = packed.getvalue()
    saved.sign()
    refused(saved.write(tmp_path / "model"), "would unpack to 20,971,520 bytes")


def test_many_files_that_are_too_large_together(saved, tmp_path, monkeypatch):
    monkeypatch.setitem(files.LIMITS, "estimator.skops", 1 << 20)
    saved.edit_skops(lambda members: members.update({f"{i}.npy": bytes(1 << 18) for i in range(5)}))
    refused(saved.write(tmp_path / "model"), "would unpack to more than the limit of 1,048,576")


@pytest.mark.parametrize("name", PARTS)
def test_files_that_are_too_large(name, saved, place, monkeypatch):
    monkeypatch.setitem(files.LIMITS, name, 100)
    refused(saved.write(place), name)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"no zip file", bytes(1000)])
def test_what_is_no_zip_file(content, tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    refused(path)


def test_an_encrypted_zip_file(saved, tmp_path):
    path = rezip(saved, tmp_path / "model.zip")
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := raw.find(mark, place + 1)) >= 0:
            raw[place + offset] |= 1
    path.write_bytes(bytes(raw))
    refused(path)


@st.composite
def changes(draw, content):
    """Cut, change or add a few bytes; or put a number of json in another's place."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4) | st.sampled_from(TOKENS))
    return bytes(content)


TOKENS = [
    b"null",
    b"{}",
    b"[]",
    b'"',
    b"1e9",
    b"-1",
    b"99999999999999999999",
    b'"__class__":',
    b"NaN",
    b"true",
    b"\x00",
]


def check_changed(saved, table, place, data):
    """Whatever is changed, and signed anew: it is noticed, or does no harm."""
    forged = copy.deepcopy(saved)
    name = data.draw(st.sampled_from([*PARTS, "inside"]))
    if name == "inside":

        def change(members):
            member = data.draw(st.sampled_from(["schema.json", *sorted(members)]))
            members[member] = data.draw(changes(members[member]))

        forged.edit_skops(change)
    else:
        forged.files[name] = data.draw(changes(forged.files[name]))
        if name != "model.json":
            forged.sign()
    path = forged.write(place / "model")
    try:
        again = load(path)
    except ValueError as error:
        assert "cannot be loaded" in str(error)
        return
    try:
        proba = again.predict_proba(table[0])
    except ValueError:  # settings that no row gets by, such as a name of a column
        return
    assert proba.shape == (len(table[0]), 2) and np.isfinite(proba).all()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_changed_are_noticed_or_harmless(saved, table, tmp_path_factory, data):
    check_changed(saved, table, tmp_path_factory.mktemp("forged"), data)


@pytest.mark.long
@settings(max_examples=5000, derandomize=False, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_changed_5000_times(saved, table, tmp_path_factory, data):
    check_changed(saved, table, tmp_path_factory.mktemp("forged"), data)


def test_nothing_is_imported_for_a_file(saved, program, tmp_path):
    """What a refused file names is not even imported."""
    saved.files["estimator.skops"] = skops.io.dumps({"step": nn.Identity})
    saved.edit_skops(
        lambda members: members.update(
            {"schema.json": members["schema.json"].replace(b"torch.nn.modules.linear", b"this")}
        )
    )
    path = saved.write(tmp_path / "model")
    code = f"import sys, equipoise\ntry: equipoise.load({str(path)!r})\nexcept ValueError: print('this' in sys.modules)"
    done = program(code)
    assert done.wait() == 0 and done.said == "False\n", done.errors
