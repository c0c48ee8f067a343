"""Small stand-ins for the paper's data sets, and frames of scores made up by rule."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine, make_classification

from equipoise.datasets import split_target
from equipoise_reproductions.mubo import protocol, searches, study
from equipoise_reproductions.mubo.protocol import Effort, Source
from equipoise_reproductions.mubo.results import by_class
from equipoise_reproductions.mubo.watch import CONFUSION

BRIEF = Effort(runs=2, max_iter=4, epochs=2)


def table(X, y, name):
    return split_target(pd.DataFrame(X).rename(columns=str).assign(target=y), "target", name=name)


def wine():
    data = load_wine()
    return table(data.data, np.where(data.target == 2, "b", "g"), "wine")


def cancer():
    data = load_breast_cancer()
    return table(data.data, data.target, "cancer")


def made():
    X, y = make_classification(300, n_features=6, weights=[0.85], random_state=0)
    return split_target(
        pd.DataFrame(X, columns=list("abcdef")).assign(kind=np.where(X[:, 0] > 0, "x", "y"), target=y), "target"
    )


def absent():
    raise ConnectionError("no network")


STAND_INS = (
    Source("ionosphere", "Ionosphere", wine, (351, 34, 35.71), epochs=200),
    Source("abalone", "Abalone", made, (4177, 8, 20.1), balanced=True),
    Source("spambase", "Spambase", cancer, (4601, 57, 39.39), "a stand-in", balanced=True, scaled=True),
    Source("gisette_like", "Gisette", absent, (2750, 5000, 10.0), needs="MNIST's training files", balanced=True),
)


@pytest.fixture
def stand_ins(monkeypatch):
    """Put the stand-ins in the place of the paper's sources, with little training, in this process."""

    def use(sources: Iterable[Source] = STAND_INS[:3], effort: Effort = BRIEF) -> list[Source]:
        monkeypatch.setattr(protocol, "SOURCES", tuple(sources))
        monkeypatch.setattr(searches, "HIDDEN", (16, 8))
        monkeypatch.setattr(study, "QUICK", effort)
        return list(sources)

    use.sources = STAND_INS
    return use


@pytest.fixture
def scored():
    """Make a frame of scores from confusion counts: a function of set, method, run and kind of test rows."""

    def make(counts, sets, methods, n_runs=5, tests=("natural", "balanced")) -> pd.DataFrame:
        keys = [(s, m, r, t) for s in sets for m in methods for r in range(n_runs) for t in tests]
        frame = pd.DataFrame(keys, columns=["set", "method", "run", "test"])
        frame[list(CONFUSION)] = [counts(*key) for key in keys]
        return frame.join(by_class(frame[list(CONFUSION)]))

    return make
