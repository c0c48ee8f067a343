"""MUBO's searches on all runs of a data set, and what is kept of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from equipoise.bilevel.row_search import new_restart, search_rows
from equipoise.bilevel.rows import RowProblem
from equipoise.experiments import Store
from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell
from equipoise.progress import OnSteps
from equipoise.samplers import MUBO
from equipoise.samplers.mubo_variants import VARIANTS, Variant
from equipoise.training import FittedEnsemble
from equipoise.training.task import NetworkFactory
from equipoise_reproductions.mubo.protocol import HIDDEN, N_ITER_NO_CHANGE, SOUND, Effort, Method
from equipoise_reproductions.mubo.rows import Ints, Rows
from equipoise_reproductions.mubo.watch import Watch

Found = tuple[pd.DataFrame, list[Ints], list[FittedEnsemble], list[NDArray[Any]]]
"""The history, and for each run the rows returned, the network, and the table that it reads."""


def search(rows: Rows, method: Method, effort: Effort, store: Store, on_step: OnSteps) -> None:
    """Search for all runs; keep the history, the rows returned, and what the networks say of the test rows."""
    find = _search_sound if method is SOUND else _search_in_lockstep
    history, found, stacks, X = find(rows, method, effort, on_step)
    seconds = history.groupby("chain")["seconds"].sum()
    store.put(f"history/{method.name}", history.to_dict("list"))
    store.put(f"rows/{method.name}", [part.tolist() for part in found])
    for fold in rows.folds:
        store.add_fold(fold, rows.y[fold.test], np.bincount(rows.y[fold.train], minlength=2))
    store.add(
        [
            cell(method.name, rows, fold, stack.predict_proba(table[fold.test]), seconds[run])
            for run, (fold, stack, table) in enumerate(zip(rows.folds, stacks, X, strict=True))
        ]
    )


def _search_in_lockstep(rows: Rows, method: Method, effort: Effort, on_step: OnSteps) -> Found:
    assert method.mode is not None
    mode = VARIANTS[method.mode]
    X = rows.scaled if mode.standardize else rows.as_authors()
    chains = [
        new_restart(_problem(table, rows.y, fold), fold.seed, bootstrap=mode.bootstrap)
        for table, fold in zip(X, rows.folds, strict=True)
    ]
    watch = Watch(mode.search.objective, chains, [fold.test for fold in rows.folds])
    epochs = effort.epochs_of(rows.source, method)
    plan = replace(
        mode.search,
        settings=replace(mode.search.settings, network=search_network(mode)),
        objective=watch,
        max_iter=effort.max_iter,
        max_epochs=epochs,
        evaluation_epochs=min(mode.search.evaluation_epochs, epochs),
        n_iter_no_change=N_ITER_NO_CHANGE,
    )
    history = watch.history(search_rows(plan, chains, on_step=on_step))
    networks = [chain.best if mode.returns_best else chain.network for chain in chains]
    stacks = [FittedEnsemble([network], np.arange(2)) for network in networks if network is not None]
    return history, [chain.rows() for chain in chains], stacks, list(X)


def search_network(mode: Variant) -> NetworkFactory:
    """Return what makes the networks of a mode, of the paper's size."""
    made = mode.network(HIDDEN, 2)
    assert callable(made)
    return made


def _problem(X: NDArray[np.float32], y: Ints, fold: Fold) -> RowProblem:
    rare, other = (fold.train[y[fold.train] == code] for code in (1, 0))
    return RowProblem(X, y, 2, rare, {0: other})


def _search_sound(rows: Rows, method: Method, effort: Effort, on_step: OnSteps) -> Found:
    """Search as a user would, one run after the other."""
    histories, found, stacks = [], [], []
    for run, fold in enumerate(rows.folds):
        mubo = MUBO(max_iter=effort.max_iter, hidden_layer_sizes=HIDDEN, random_state=fold.seed)
        mubo.fit_resample(rows.X[fold.train], rows.y[fold.train])
        histories.append(mubo.history_.assign(chain=run))
        found.append(fold.train[mubo.sample_indices_])
        stacks.append(mubo.classifier_)
        on_step(run + 1, len(rows.folds))
    return pd.concat(histories, ignore_index=True), found, stacks, [rows.X] * len(rows.folds)


def history(store: Store, method: Method) -> pd.DataFrame | None:
    """Read the history of a search; None if it is not stored."""
    stored = store.get(f"history/{method.name}")
    return None if stored is None else pd.DataFrame(stored)


def stored(store: Store, name: str, effort: Effort) -> bool:
    """Tell whether a column is finished for all runs."""
    return {(name, run, 0) for run in range(effort.runs)} <= store.done()


def cell(name: str, rows: Rows, fold: Fold, proba: NDArray[Any], seconds: float) -> Cell:
    """Make a result of probabilities for the test rows of a run."""
    confusion = confusion_matrix(rows.y[fold.test], proba.argmax(axis=1), labels=[0, 1])
    return Cell(name, fold.repeat, fold.number, float(seconds), proba.astype(np.float32), confusion)
