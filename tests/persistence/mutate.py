"""Load models whose objects were changed at random; run as a process of its own, since a crash would end it.

Arguments: a folder of saved models, each with the numpy file ``rows.npy`` of rows to predict beside its files; a seed;
and the number of changed models. Each must be refused in one sentence, or predict finite probabilities.
"""

import copy
import faulthandler
import hashlib
import io
import json
import random
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from equipoise import load

NUMBERS = [0, 1, -1, 2, 255, -128, 1 << 16, 1 << 31, (1 << 31) - 1, -(1 << 31), 1 << 40, (1 << 63) - 1, -(1 << 63)]
LITERALS = [*NUMBERS, 0.5, -0.0, 1e308, float("nan"), float("inf"), None, True, False, "", "a", [], [0], {}, "drop"]
HEAD = {"protocol", "_skops_version"}


def nodes(value, found):
    """Nodes of the tree of a skops file, each a dict with a loader."""
    if isinstance(value, dict):
        if isinstance(value.get("__loader__"), str):
            found.append(value)
        for item in value.values():
            nodes(item, found)
    elif isinstance(value, list):
        for item in value:
            nodes(item, found)
    return found


def put(node, other):
    """Put another node in a node's place."""
    kept = {name: node[name] for name in HEAD & node.keys()}
    node.clear()
    node.update(other | kept)


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def held(rng, node):
    """A node within an array of objects, a set, a partial call, a dict or a list."""
    head = {"__module__": "builtins", "__id__": rng.randrange(1 << 60)}
    alone = {"__class__": "list", "__loader__": "ListNode", "content": [node], **head}
    return rng.choice(
        [
            alone,
            {"__class__": "set", "__loader__": "SetNode", "content": [node], **head},
            {"__class__": "tuple", "__loader__": "TupleNode", "content": [node], **head},
            {
                "__class__": "ndarray",
                "__module__": "numpy",
                "__loader__": "NdArrayNode",
                "type": "json",
                "content": [node],
                "shape": {"__class__": "tuple", "__loader__": "TupleNode", "content": [text(1)], **head},
                "__id__": rng.randrange(1 << 60),
            },
            {
                "__class__": "partial",
                "__module__": "functools",
                "__loader__": "PartialNode",
                "content": {
                    "func": {"__class__": "dict", "__module__": "builtins", "__loader__": "TypeNode"},
                    "args": {"__class__": "tuple", "__loader__": "TupleNode", "content": [node], **head},
                    "kwds": {
                        "__class__": "dict",
                        "__loader__": "DictNode",
                        "content": {},
                        "key_types": text([]),
                        **head,
                    },
                    "namespace": text(None),
                },
            },
        ]
    )


def change_node(rng, tree):
    """Change one node: what it is, what it holds, or what holds it."""
    found = nodes(tree, [])
    node, other = rng.choice(found), copy.deepcopy(rng.choice(found))
    kind = rng.randrange(8)
    if kind == 0:
        put(node, other)
    elif kind == 1:
        put(node, text(rng.choice(LITERALS)))
    elif kind == 2:
        put(node, held(rng, copy.deepcopy(node)))
    elif kind == 3:
        node.update({name: other[name] for name in ("__class__", "__module__") if name in other})
    elif kind == 4 and "__id__" in node and "__id__" in other:  # one object in two places
        node["__id__"] = other["__id__"]
    elif isinstance(node.get("content"), dict) and node["content"]:
        name = rng.choice(list(node["content"]))
        if rng.random() < 0.5:
            del node["content"][name]
        else:
            node["content"][name] = rng.choice([other, text(rng.choice(LITERALS))])
    elif isinstance(node.get("content"), list) and node["content"]:
        rng.choice([list.reverse, list.pop, lambda items: items.extend(items), lambda items: items.append(other)])(
            node["content"]
        )
    elif node["__loader__"] == "JsonNode":
        node["content"] = json.dumps(rng.choice(LITERALS))


def change_array(rng, content):
    """Change an array's cells, length or type."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    kind = rng.randrange(4)
    if kind == 0 and array.ndim:
        array = array[rng.choice([slice(1, None), slice(-1), slice(0), slice(None, None, -1)])]
    elif kind == 1 and array.dtype.kind in "biuf":
        array = array.astype(rng.choice(["i1", "i8", "f4", "f8", "U3", "?"]))
    elif kind == 2:
        array = rng.choice([array.ravel(), array[None], np.concatenate([array.ravel()] * 2)])
    elif array.size:
        array = np.array(array)
        cell, name = rng.randrange(array.size), rng.choice(array.dtype.names or [None])
        column = array.reshape(-1) if name is None else array.reshape(-1)[name]
        with np.errstate(all="ignore"):
            column[cell] = np.array(rng.choice(NUMBERS)).astype(column.dtype)
    written = io.BytesIO()
    np.save(written, array, allow_pickle=False)
    return written.getvalue()


def changed(rng, skops_file):
    with ZipFile(io.BytesIO(skops_file)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(members["schema.json"])
    arrays = sorted(name for name in members if name.endswith(".npy"))
    for _ in range(rng.choice([1, 1, 2, 4])):
        if arrays and rng.random() < 0.5:
            name = rng.choice(arrays)
            members[name] = change_array(rng, members[name])
        else:
            change_node(rng, tree)
    members["schema.json"] = json.dumps(tree).encode()
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def outcome(rng, model, place):
    """Change a saved model, load it and predict: "refused" or "sound"."""
    files = {path.name: path.read_bytes() for path in model.iterdir() if path.suffix != ".npy"}
    files["estimator.skops"] = changed(rng, files["estimator.skops"])
    card = json.loads(files["model.json"])
    card["sha256"]["estimator.skops"] = hashlib.sha256(files["estimator.skops"]).hexdigest()
    card["probe"] = rng.choice([card["probe"], None])  # the answer must not be what keeps a model out
    files["model.json"] = json.dumps(card).encode()
    for name, content in files.items():
        (place / name).write_bytes(content)
    try:
        again = load(place)
    except ValueError as error:
        assert "cannot be loaded" in str(error) and "\n" not in str(error), error
        return "refused"
    rows = np.load(model / "rows.npy", allow_pickle=False)
    try:
        proba = again.predict_proba(rows)
    except Exception:  # settings that no row gets by: wrong, but whole
        return "wrong"
    return "sound" if np.shape(proba)[0] == len(rows) else "wrong"


def main(folder, seed, number):
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    outcomes = Counter()
    models = sorted(Path(folder).iterdir())
    with tempfile.TemporaryDirectory() as place:
        for i in range(int(seed), int(seed) + int(number)):
            rng = random.Random(i)
            model = rng.choice(models)
            print(i, model.name, file=sys.stderr, flush=True)  # the last line names what crashed
            outcomes[outcome(rng, model, Path(place))] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
