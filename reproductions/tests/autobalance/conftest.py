"""Small stand-ins for the sets of the suite, for those of many classes, for images and for adult."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, make_classification

from equipoise.datasets import Dataset, split_target
from equipoise.experiments.splits import Fold
from equipoise_reproductions.autobalance import images, splits, study, tails
from equipoise_reproductions.study import Effort

BRIEF = Effort(n_folds=2, n_members=1, most_rows=600, most_steps=5)


def rare_table(name):
    X, y = make_classification(100, 5, weights=[0.8], random_state=len(name) + ord(name[0]))
    frame = pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y == 1, "rare", "common"))
    return split_target(frame, "kind", name=name)


def digits():
    X, y = load_digits(return_X_y=True)
    return split_target(pd.DataFrame(X).rename(columns=str).assign(digit=y.astype(str)), "digit", name="digits")


def clothes():
    """Images of digits, 1,500 to train on and the others to test on."""
    data = load_digits()
    return data.images.astype(np.uint8)[:, np.newaxis], data.target.astype(np.int64), 1500


def people(n=600):
    """Two classes and two groups; one group's positives look like the other's negatives."""
    rng = np.random.default_rng(0)
    group = np.where(rng.random(n) < 0.3, "few", "many")
    y = rng.random(n) < np.where(group == "few", 0.2, 0.4)
    X = rng.normal(size=(n, 3)) + np.where(y, 1.0, 0.0)[:, None] * np.where(group == "few", 0.5, 1.5)[:, None]
    frame = pd.DataFrame(X, columns=list("abc")).assign(rich=np.where(y, "yes", "no"))
    return replace(split_target(frame, "rich", name="adult"), groups=group)


def ungrouped():
    return Dataset("", None, None, None, None, None, "", "", ())


def served(name):
    """Serve a stand-in under the name of a data set; others cannot be had."""
    if name in ("one", "two"):
        return rare_table(name)
    if name == tails.SETS["optdigits"]:
        return digits()
    raise ConnectionError(f"{name} is not in the data home")


@pytest.fixture
def stand_ins(serve, monkeypatch):
    """Put the stand-ins in the place of the data, with little training, in this process."""
    serve(served, {"one": "first", "two": "second", "three": "third"})
    for module in (study, splits):
        monkeypatch.setattr(module, "adult", people)
    monkeypatch.setattr(images, "fashion_mnist", clothes)
    monkeypatch.setattr(images, "QUICK", BRIEF)
    for name in ("QUICK", "_QUICK_TAILS"):
        monkeypatch.setattr(study, name, replace(BRIEF, most_rows=5000, most_sets=2))
    monkeypatch.setattr(splits, "letter_rows", lambda: splits.Rows(digits(), fold(1797)))
    monkeypatch.setattr(splits, "QUICK", splits.Effort(n_seeds=1, n_steps=6, n_looks=1, n_rows=300, n_test=300))


def fold(n):
    rows = np.random.default_rng(0).permutation(n)
    return Fold(0, 0, np.sort(rows[: n // 2]), np.sort(rows[n // 2 :]), seed=0)
