"""MUBO against chance: what the arms do, what is stored, and what the tables say of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from equipoise import metrics
from equipoise.datasets import split_target
from equipoise.experiments.store import Store
from equipoise.samplers import MUBO
from equipoise_reproductions.chance import ledger, study, tables
from equipoise_reproductions.chance.arms import PARTS, RECIPES, AlwaysAccepted, SameSizeAtRandom, arms
from equipoise_reproductions.study import Effort, Limits, Study
from equipoise_reproductions.tables import by_family

QUICK = {"max_iter": 4, "max_steps": 40, "hidden_layer_sizes": (8,), "random_state": 0}


@pytest.fixture(scope="module")
def dataset():
    X, y = make_classification(240, 5, weights=[0.85], class_sep=1.5, random_state=0)
    frame = pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y == 1, "rare", "common"))
    return split_target(frame, "kind")


def test_as_many_rows_at_random(dataset):
    X, y = dataset.X.to_numpy(), dataset.y.to_numpy()
    searched, drawn = MUBO(**QUICK), SameSizeAtRandom(**QUICK)
    counts = [np.unique(sampler.fit_resample(X, y)[1], return_counts=True)[1].tolist() for sampler in (searched, drawn)]
    assert counts[0] == counts[1]
    common = [set(s.sample_indices_[y[s.sample_indices_] == "common"].tolist()) for s in (searched, drawn)]
    rare = [set(s.sample_indices_[y[s.sample_indices_] == "rare"].tolist()) for s in (searched, drawn)]
    assert common[0] != common[1] and rare[0] == rare[1] == set(np.flatnonzero(y == "rare"))


def test_all_accepted(dataset):
    sampler = MUBO(**QUICK, acceptance=AlwaysAccepted())
    sampler.fit_resample(dataset.X.to_numpy(), dataset.y.to_numpy())
    assert sampler.history_["accepted"].all() and len(sampler.history_) == 4


def run(dataset, folder, most_rows, names=None, **effort):
    chosen = [arm for arm in arms() if names is None or arm.name in names]
    effort = Effort(n_folds=2, most_steps=60, **effort)
    Study({"toy": lambda: dataset}, chosen, effort, limits=dict.fromkeys(PARTS, Limits(rows=most_rows))).run(folder)
    with Store(folder / "toy.sqlite") as store:
        return {cell.key: cell for cell in store.cells()}, {fold.fold: fold for fold in store.folds()}


def test_a_set_is_run_once_and_scored_from_what_is_stored(dataset, tmp_path, nothing_is_left_to_fit):
    options = {"most_rows": 1000, "names": (*RECIPES, "cost-stopped", "mubo-printed"), "n_members": 2}
    first, folds = run(dataset, tmp_path, **options)
    assert len(first) == 2 * (len(RECIPES) + 2) and all(cell.error is None for cell in first.values())
    nothing_is_left_to_fit()
    run(dataset, tmp_path, **options)
    found = study.scores(tmp_path).set_index("method")
    assert set(found["set"]) == {"toy"}
    decided = [first["mubo-printed", 0, number].probabilities.argmax(axis=1) for number in (0, 1)]
    expected = np.mean([metrics.g_mean(folds[number].test_codes, decided[number]) for number in (0, 1)])
    assert found.loc["mubo-printed", "g_mean"] == pytest.approx(expected)


def test_large_sets_are_left_to_the_recipes(dataset, tmp_path):
    cells, _ = run(dataset, tmp_path, most_rows=100, n_members=1)
    assert {arm for arm, _, _ in cells} == set(RECIPES)


def scores(gain, n=12):
    """Scores of n sources, the first of two sets; ``mubo`` gains on all."""
    rng = np.random.default_rng(0)
    rows = []
    for family, name in [("a", "a1"), ("a", "a2"), *((f"f{i}", f"s{i}") for i in range(n - 1))]:
        base = rng.uniform(0.5, 0.8)
        for method in RECIPES:
            better = gain if method == "mubo" else 0.001 * RECIPES.index(method)
            rows.append(
                {
                    "set": name,
                    "family": family,
                    "method": method,
                    "seconds": 1.0,
                    "g_mean": base + better,
                    "macro_f1": base + better,
                    "balanced_brier": base - better,
                    "average_precision": base,
                }
            )
    return pd.DataFrame(rows)


def test_a_source_counts_once():
    table = by_family(scores(0.1), "g_mean", RECIPES)
    both = scores(0.1).query("family == 'a' and method == 'mubo'")["g_mean"].mean()
    assert len(table) == 12 and table.loc["a", "mubo"] == pytest.approx(both)


def test_goals_are_judged_by_ranks_and_tests():
    *goals, last = tables.goals(scores(0.1))
    assert all(": met (p = 0.001" in goal for goal in goals) and len(goals) == 4  # 2 / 2^12 times 3
    assert last.startswith("4 of these 4")
    *goals, last = tables.goals(scores(-0.1))
    assert all("not met" in goal for goal in goals) and last.startswith("0 of these 4")


def test_tests_count_sources_won():
    lines = tables.tests(scores(0.1), RECIPES).reset_index().set_index(["metric", "mubo against"])
    assert lines.loc[("balanced Brier", "under"), "better on"] == "12 of 12"
    assert lines.loc[("balanced Brier", "under"), "median gain"] == "0.098"
    assert lines.loc[("average precision", "under"), "better on"] == "0 of 12"


def test_the_ledger_adds_up(dataset, monkeypatch):
    monkeypatch.setattr(ledger.datasets, "load", lambda name: dataset)
    entries = ledger.entries_of("toy", n_steps=4, inner_steps=30)
    assert len(entries) == 4 * 3  # four chains, the first step has nothing to compare with
    np.testing.assert_allclose(entries["training"] + entries["rows"] + entries["sample"], entries["change"], atol=1e-12)
    said = tables.ledger(entries)
    assert said.loc["toy", "accepted"] == f"{int((entries['change'] <= 0).sum())} of 12"
