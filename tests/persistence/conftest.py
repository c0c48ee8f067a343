"""A small table, a small fitted model, and what it takes to forge a saved one."""

import copy
import hashlib
import io
import json
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io

from equipoise import recipes, save
from equipoise.classifiers import auto_job
from equipoise.persistence.trusted import read_objects


@pytest.fixture(scope="package")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"number": rng.normal(size=90), "kind": rng.choice(["ä", "b"], 90), "flag": rng.random(90) > 0.5})
    X.loc[::11, "number"] = np.nan
    return X, np.repeat(["common", "rare"], [70, 20])


@pytest.fixture(scope="package")
def model(table):
    small = {"n_members": 2, "max_steps": 30, "hidden_layer_sizes": (6, 6, 6)}
    return recipes.make("under+remix", random_state=0, **small).fit(*table)


@pytest.fixture(scope="package")
def auto(table, fewer_trees):
    """Fitted to labels that the rows tell: the pool is better than the class priors."""
    X, y = table
    noisy = X["number"].fillna(-1) + 0.7 * np.random.default_rng(1).normal(size=len(X))
    with fewer_trees(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto_job, "_LEAST_WEIGHT", 0.0)  # no member is dropped
        return recipes.make("auto", max_steps=100, random_state=0).fit(X, y[noisy.rank(method="first").astype(int) - 1])


class Saved:
    """The files of a saved model, to be changed, signed anew and written to a folder or a zip file."""

    def __init__(self, model, folder):
        save(model, folder)
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}

    def sign(self):
        card = json.loads(self.files["model.json"])
        card["sha256"] = {name: hashlib.sha256(self.files[name]).hexdigest() for name in card["sha256"]}
        self.files["model.json"] = json.dumps(card).encode()

    def edit_card(self, **changes):
        self.files["model.json"] = json.dumps(json.loads(self.files["model.json"]) | changes).encode()

    def edit_skops(self, edit):
        """Rewrite the members of the skops file, a dict of names and bytes."""
        with ZipFile(io.BytesIO(self.files["estimator.skops"])) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        edit(members)
        packed = io.BytesIO()
        with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        self.files["estimator.skops"] = packed.getvalue()
        self.sign()

    def edit_objects(self, edit):
        """Change the model of the skops file, whose stacks hold their numbers in place of weights."""
        model = read_objects(self.files["estimator.skops"])
        edit(model)
        self.files["estimator.skops"] = skops.io.dumps(model)
        self.sign()

    def write(self, path):
        if path.suffix == ".zip":
            with ZipFile(path, "w") as archive:
                for name, content in self.files.items():
                    archive.writestr(name, content)
        else:
            path.mkdir()
            for name, content in self.files.items():
                (path / name).write_bytes(content)
        return path


@pytest.fixture
def saved(model, tmp_path_factory):
    return Saved(model, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="package")
def auto_files(auto, tmp_path_factory):
    return Saved(auto, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def saved_auto(auto_files):
    return copy.deepcopy(auto_files)


@pytest.fixture(params=["model", "model.zip"])
def place(request, tmp_path):
    return tmp_path / request.param
