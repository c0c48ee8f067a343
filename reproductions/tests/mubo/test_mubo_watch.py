"""Watching a search changes nothing of it, and what is seen is what is there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from equipoise.bilevel.row_search import new_restart, search_rows
from equipoise.bilevel.rows import RowProblem
from equipoise.samplers.mubo_variants import VARIANTS
from equipoise.training import FittedEnsemble
from equipoise_reproductions.mubo import watch as watching
from equipoise_reproductions.mubo.watch import Watch


def searched(mode, watched=True, seeds=(1, 2)):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)).astype(np.float32), (np.arange(120) % 4 == 0).astype(np.int64)
    X[y == 1] += 1
    train, test = np.arange(80), np.arange(80, 120)
    problem = RowProblem(X, y, 2, train[y[train] == 1], {0: train[y[train] == 0]})
    chains = [new_restart(problem, seed, bootstrap=mode.bootstrap) for seed in seeds]
    watch = Watch(mode.search.objective, chains, [test] * len(chains)) if watched else mode.search.objective
    settings = replace(mode.search.settings, network=mode.network((8, 4), 2), learning_rate=0.01)
    plan = replace(mode.search, settings=settings, objective=watch, max_epochs=3, evaluation_epochs=1, max_iter=12)
    return chains, watch, search_rows(plan, chains), (X, y, test)


@pytest.mark.parametrize("name", ["paper", "authors"])
def test_a_search_goes_as_it_would_unwatched(name):
    chains, _, records, _ = searched(VARIANTS[name])
    alone, _, unseen, _ = searched(VARIANTS[name], watched=False)
    for chain, other in zip(chains, alone, strict=True):
        np.testing.assert_array_equal(chain.accepted, other.accepted)
    assert [r["objective"] for r in records] == [r["objective"] for r in unseen]


@pytest.mark.parametrize("name", ["paper", "authors"])
def test_every_step_is_seen(name):
    _, watch, records, (_, y, test) = searched(VARIANTS[name])
    history = watch.history(records)
    assert len(history) == len(records)
    assert (history[["tn", "fp"]].sum(axis=1) == (y[test] == 0).sum()).all()
    assert (history[["fn", "tp"]].sum(axis=1) == (y[test] == 1).sum()).all()
    assert (history["steps"] > 0).all()


@pytest.mark.parametrize(("name", "network"), [("paper", "best"), ("authors", "network")])
def test_confusion_counts_are_those_of_the_networks(name, network):
    """The last accepted step's in one mode, the last step's in the other."""
    chains, watch, records, (X, y, test) = searched(VARIANTS[name])
    history = watch.history(records)
    for place, chain in enumerate(chains):
        own = history[history["chain"] == place]
        last = (own[own["accepted"]] if network == "best" else own).iloc[-1]
        decided = FittedEnsemble([getattr(chain, network)], np.arange(2)).predict(X[test])
        right = [np.sum((y[test] == code) & (decided == code)) for code in (0, 1)]
        assert [last["tn"], last["tp"]] == right


@pytest.mark.parametrize("name", ["paper", "authors"])
def test_distances_are_to_the_nearest_row_accepted_before(name):
    """The rows that a burn-in begins with count from the first step on."""
    chains, watch, records, (X, _, _) = searched(VARIANTS[name], seeds=(1,))
    proposed = [seen["rows"] for seen in watch._seen]
    history = watch.history(records)
    assert history["accepted"].iloc[0] and history.loc[0, ["distance_proposed", "distance_any"]].isna().all()
    accepted = np.empty(0, dtype=int)
    majority = chains[0].problem.candidates[0]  # fewer than 500: any row is all of them
    for step, rows in enumerate(proposed):
        if step:
            found = history.loc[step, ["distance_proposed", "distance_any"]].astype(float)
            expected = [cdist(X[part], X[accepted]).min(axis=1).mean() for part in (rows, majority)]
            np.testing.assert_allclose(found, expected, atol=1e-3)
        if history["accepted"][step]:
            accepted = np.concatenate([accepted, rows])
    np.testing.assert_array_equal(accepted, chains[0].accepted)


def test_losses_are_those_of_the_network_before_the_step(monkeypatch):
    """Before the first step there is no network; then its loss on what it was trained on is seen as it was."""
    _, watch, records, _ = searched(VARIANTS["paper"], seeds=(1,))
    history = watch.history(records)
    assert np.isnan(history["loss_proposed"].iloc[0]) and history["loss_proposed"].iloc[1:].gt(0).all()
    rejected = history.index[~history["accepted"]].to_numpy()
    again = [step for step in rejected if step + 1 in rejected]  # the network stays, so any row's loss does
    assert again
    for step in again:
        assert history["loss_any"][step] == pytest.approx(history["loss_any"][step + 1])


def test_few_rows_stand_for_any_where_there_are_many(monkeypatch):
    monkeypatch.setattr(watching, "_ANY_ROWS", 7)
    _, watch, records, _ = searched(VARIANTS["paper"])
    assert [len(rows) for rows in watch._any] == [7, 7]
    assert isinstance(watch.history(records), pd.DataFrame)
