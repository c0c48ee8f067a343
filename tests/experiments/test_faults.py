"""Cells whose workers die or run out of memory: they fail with a reason, the others go on."""

import os
import signal
from functools import partial

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from torch import nn

from equipoise.experiments import Arm, Store
from equipoise.experiments.arms import make_recipe
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol


@pytest.fixture
def faulty_arms(dataset):
    """Recipe gbdt kills its worker on the first fold; under runs out of memory in a worker on all."""
    protocol = Protocol(("none", "under", "gbdt"), 2, 1, 1, 50, 0, ())
    codes = np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
    folds, driver = list(protocol.splits.folds(dataset, codes, 0)), os.getpid()

    class Deadly(DummyClassifier):  # made here, as workers cannot import this file
        def fit(self, X, y):
            os.kill(os.getpid(), signal.SIGKILL)

    def greedy_network(shape, n_classes):
        if os.getpid() != driver:
            np.empty(1 << 55, np.uint8)
        return nn.Linear(*shape, n_classes)

    def make(recipe, fold, protocol):
        made = make_recipe(recipe, protocol, fold.fold.seed)
        if recipe == "gbdt" and fold.fold.seed == folds[0].seed:
            return Deadly()
        return made.set_params(network=greedy_network) if recipe == "under" else made

    arms = [Arm(name, name, partial(make, name), figures=lambda model: []) for name in protocol.recipes]
    return protocol, codes, [(arm, fold) for fold in folds for arm in arms]


def test_a_killed_worker_and_a_lack_of_memory_cost_their_cells_alone(dataset, faulty_arms, tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    protocol, codes, wanted = faulty_arms
    told = []
    with Store(tmp_path / "results.sqlite") as store:
        run_cells(wanted, partial(PreparedFold.of, dataset, codes), protocol, store, lambda *news: told.append(news))
        cells = {(cell.arm, cell.fold): cell for cell in store.cells()}
    assert len(cells) == 6
    assert cells["gbdt", 0].error.startswith("ChildProcessError: The process that computed this was ended from outside")
    assert all(cells["under", fold].error.startswith("MemoryError: Unable to allocate 32.0 PiB") for fold in (0, 1))
    for key in (("gbdt", 1), ("none", 0), ("none", 1)):
        assert cells[key].error is None and cells[key].confusion.sum() == 75
    assert [news for news in told if news[0] == "alone"] == [("alone", done, 2) for done in (0, 1, 2)]
    done, total = [news[1:] for news in told if news[0] == "training"][-1]
    assert done == total
