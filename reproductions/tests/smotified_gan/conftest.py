"""Small stand-ins for the authors' data sets, and a frame of scores made up by rule."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine, make_classification

from equipoise.datasets import split_target
from equipoise_reproductions.smotified_gan import protocol, rows, study
from equipoise_reproductions.smotified_gan.protocol import METHODS, Effort, Source
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND

BRIEF = Effort(repeats=2, n_folds=2, fold_repeats=1, epochs=2, gan_epochs=2, gan_steps=2)


def table(X, y, name):
    return split_target(pd.DataFrame(X).rename(columns=str).assign(target=y), "target", name=name)


def stand_in(name):
    """Serve a small table under the name of a data set; others cannot be had."""
    if name == "ionosphere":
        data = load_wine()
        return table(data.data, np.where(data.target == 2, "b", "g"), name)
    if name == "ecoli4":
        X, y = make_classification(160, n_features=6, weights=[0.8], random_state=0)
        X[-6:], y[-6:] = X[:6], y[:6]  # rows that come twice
        return table(X, y, name)
    raise ConnectionError(f"{name} is not in the data home")


STAND_INS = (
    Source(
        "ionosphere",
        "Ionosphere",
        11,
        100,
        200,
        (104, 38, 26, 10),
        loses_a_row=False,
        columns=(1, 3, 13, 7),
        repeats=1,
        printed={"none": (0.9, 0.1), "smote": (0.5, 0.1), "smotified-gan": (0.5, 0.1)},
        printed_with="an older file",
    ),
    Source("ecoli4", "ecoli4", 0, 10, 700, (103, 24, 25, 7), scaled=False, gan_epochs_here=300),
    Source("spambase", "Spambase", 0, 90, 1500, (2250, 1430, 538, 382)),
)


@pytest.fixture
def stand_ins(monkeypatch):
    """Put the stand-ins in the place of the authors' sets, with little training, in this process."""

    def use(sources: Iterable[Source] = STAND_INS, effort: Effort = BRIEF) -> tuple[list[Source], Effort]:
        monkeypatch.setattr(protocol, "SOURCES", tuple(sources))
        monkeypatch.setattr(rows.datasets, "load", stand_in)
        monkeypatch.setattr(study, "QUICK", effort)
        return list(sources), effort

    use.sources = STAND_INS
    return use


@pytest.fixture
def scored():
    """Make a frame of scores: F1 a function of set, fold (0 is the authors' split), loss, method and repeat."""

    def make(f1, sets=("Ionosphere", "ecoli4"), n_folds=5) -> pd.DataFrame:
        keys = [
            (name, SOUND if fold else AUTHORS, fold, loss, method.name, repeat)
            for name in sets
            for fold in range(n_folds + 1)
            for loss in (("logistic",) if fold else ("mae", "logistic"))
            for method in METHODS
            if method.sound or not fold
            for repeat in range(2)
        ]
        frame = pd.DataFrame(keys, columns=["set", "split", "fold", "loss", "method", "repeat"])
        frame["f1"] = [f1(key[0], *key[2:]) for key in keys]
        return frame.assign(tp=(frame["f1"] > 0).astype(int), average_precision=frame["f1"] / 2)

    return make
