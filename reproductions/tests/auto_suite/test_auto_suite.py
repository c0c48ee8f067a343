"""The comparison of auto with its references: what is fitted and stored, how it is read, what the page says.

LightGBM, XGBoost and CatBoost bring an OpenMP of their own each: a process of its own fits with them.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from equipoise import datasets, metrics
from equipoise.datasets import split_target
from equipoise.decisions import correct_prior, decide
from equipoise.experiments import Arm
from equipoise.experiments.store import Store
from equipoise_reproductions.auto_suite import halves, references, scores, study
from equipoise_reproductions.auto_suite.arms import (
    AUTO,
    DECIDED,
    FITTED,
    MEANS,
    NATURAL,
    PRIOR,
    TITLES,
    arms,
    missing_packages,
)
from equipoise_reproductions.study import Effort, Limits, Study
from equipoise_reproductions.suite import loaders

SETS = {name: name for name in ("a", "b", "c")}
QUICK_RUN = """
import sys
from equipoise.cli import main
sys.path.insert(0, sys.argv[1])
import test_auto_suite as stand_ins
from equipoise import datasets
from equipoise.experiments import engine
datasets.load, datasets.suite = stand_ins.table, lambda: stand_ins.SETS
command = ["reproduce", "auto-suite", "--quick", "--out", sys.argv[2]]
main(command)
page = open(sys.argv[2] + "/auto-suite.html").read()
engine.fit_cells = None  # nothing is trained again
main(command)
assert open(sys.argv[2] + "/auto-suite.html").read() == page
"""
RUN = [name for name in FITTED if not missing_packages(name)]


def table(name):
    if name == "c":
        raise ConnectionError("not in the data home")
    n_rows = {"a": 90, "b": 130}[name]
    X, y = make_classification(n_rows, 4, n_informative=3, n_redundant=1, weights=[0.8], random_state=ord(name))
    return split_target(pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y == 1, "rare", "common")), "kind")


@pytest.fixture(scope="module")
def out(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    done = program(QUICK_RUN, Path(__file__).parent, folder, LOKY_MAX_CPU_COUNT="1")
    assert done.wait() == 0, done.errors
    return folder


@pytest.fixture
def stand_ins(serve):
    serve(table, SETS)


def test_the_page_of_a_quick_run(out, read):
    page = read(out / "auto-suite.html")
    assert "A quick run" in page.text and "Missing: c." in page.text and "of 8 met." in page.text
    for target in (
        "first on G-mean",
        "first on log loss",
        "ROC AUC no worse in the mean",
        "on balanced Brier, p < 0.05",
    ):
        assert f"{target}" in page.text
    for name in RUN:
        assert TITLES[name] in page.text
    assert len(page.plots) == 1
    found = pd.read_csv(out / "scores.csv")
    means = [mean for mean, partner in MEANS.items() if partner in RUN]
    wanted = {*RUN, *means, DECIDED, *(name + PRIOR for name in (*NATURAL, *means) if name in (*RUN, *means))}
    assert found.groupby("set")["method"].apply(set).to_dict() == {"a": wanted, "b": wanted}
    assert (found["seconds"] > 0).all()


def stored(out, name="a"):
    with Store(out / "cells" / f"{name}.sqlite") as store:
        folds = {fold.fold: fold for fold in store.folds()}
        return {(cell.arm, cell.fold): cell for cell in store.cells()}, folds, store.get("problem")["rare"]


def test_one_fit_of_auto_gives_probabilities_and_its_own_decision(out):
    cells, folds, _ = stored(out)
    found = pd.read_csv(out / "scores.csv").set_index(["set", "method"])
    own = []
    for number, fold in folds.items():
        natural, decided = cells[AUTO, number], cells[DECIDED, number]
        assert decided.seconds == natural.seconds
        np.testing.assert_array_equal(decided.probabilities, natural.probabilities)
        chosen = decided.decided
        np.testing.assert_array_equal(
            decided.confusion, pd.crosstab(fold.test_codes, chosen).reindex(columns=[0, 1], fill_value=0)
        )
        own.append(metrics.macro_f1_score(fold.test_codes, chosen))
    assert found.loc[("a", DECIDED), "tuned_macro_f1"] == pytest.approx(np.mean(own), abs=1e-6)
    assert np.isnan(found.loc[("a", DECIDED), "g_mean"])


def test_corrected_readings_are_for_equal_shares(out):
    cells, folds, _ = stored(out)
    found = pd.read_csv(out / "scores.csv").set_index(["set", "method"])
    for name in (AUTO, "hist", "hist-searched", "logistic"):
        briers, g_means = [], []
        for number, fold in folds.items():
            counts = np.array(fold.train_counts)
            corrected = correct_prior(cells[name, number].probabilities, counts / counts.sum(), [0.5, 0.5])
            briers.append(metrics.balanced_brier_score(fold.test_codes, corrected))
            g_means.append(metrics.g_mean(fold.test_codes, decide(corrected, [0, 0])))
        assert found.loc[("a", name + PRIOR), "balanced_brier"] == pytest.approx(np.mean(briers), abs=1e-6)
        assert found.loc[("a", name + PRIOR), "g_mean"] == pytest.approx(np.mean(g_means), abs=1e-6)


def test_a_mean_is_of_both_probabilities(out):
    cells, folds, _ = stored(out)
    found = pd.read_csv(out / "scores.csv").set_index(["set", "method"])
    losses = []
    for number, fold in folds.items():
        both = cells[AUTO, number].probabilities + cells["hist", number].probabilities
        losses.append(metrics.log_loss(fold.test_codes, both / 2))
    assert found.loc[("a", f"{AUTO}+hist"), "log_loss"] == pytest.approx(np.mean(losses), abs=1e-6)


def test_repeats_and_limits_of_arms(stand_ins, tmp_path, monkeypatch):
    effort = Effort(n_folds=2, n_members=1, n_repeats=3, most_rows_repeated=100)

    def make(fold, protocol):
        return references.logistic(random_state=fold.fold.seed)

    limits = {"logistic-balanced": Limits(cells=100 * 4, repeats=2)}
    compared = [Arm(name, "", make) for name in ("logistic", "logistic-balanced")]
    Study(loaders(), compared, effort, SETS, limits=limits).run(tmp_path)
    found = scores.scores_by_fold(tmp_path).query("method in ['logistic', 'logistic-balanced']")
    counts = found.groupby(["set", "method"])["repeat"].agg(lambda r: sorted(set(r)))
    assert counts.to_dict() == {
        ("a", "logistic"): [0, 1, 2],
        ("a", "logistic-balanced"): [0, 1],
        ("b", "logistic"): [0],
    }
    with Store(tmp_path / "a.sqlite") as store:
        halves_of_rows = {fold.repeat: set(fold.test_rows) for fold in store.folds() if fold.fold == 0}
    assert len(set(map(frozenset, halves_of_rows.values()))) == 3  # each drawn anew
    shared = scores.over_folds(scores.scores_by_fold(tmp_path), ["logistic", "logistic-balanced"])
    on_two = found[(found["set"] == "a") & (found["method"] == "logistic") & (found["repeat"] < 2)]["log_loss"].mean()
    assert shared["set"].unique().tolist() == ["a"]
    assert shared.set_index("method").loc["logistic", "log_loss"] == pytest.approx(on_two)


def test_arms_may_be_run_one_after_the_other_into_the_same_stores(stand_ins, tmp_path):
    for name in ("logistic", "hist"):
        list(study.auto(tmp_path, True, lambda *_: None, only=[name]))
    assert set(scores.scores_by_fold(tmp_path / "cells")["method"]) == {
        "logistic",
        "logistic-prior",
        "hist",
        "hist-prior",
    }


def test_the_tuned_decision_rests_on_the_other_half_of_the_same_repeat(stand_ins, tmp_path):
    (logistic,) = (arm for arm in arms(quick=True) if arm.name == "logistic")
    Study(loaders(), [logistic], study.QUICK, SETS).run(tmp_path)
    found = scores.scores_by_fold(tmp_path).query("method == 'logistic' and set == 'b'").set_index("fold")
    with Store(tmp_path / "b.sqlite") as store:
        cells, folds = {cell.fold: cell for cell in store.cells()}, {fold.fold: fold for fold in store.folds()}
    for own, other in ((0, 1), (1, 0)):
        rare = [cells[fold].probabilities[:, 1].astype(float) for fold in (own, other)]
        edges = np.concatenate([[0.0], np.unique(rare[1]), [1.0]])
        middles = (edges[1:] + edges[:-1]) / 2
        seen = np.array(
            [metrics.macro_f1_score(folds[other].test_codes, (rare[1] > cut).astype(int)) for cut in middles]
        )
        best = [i for i in range(len(middles)) if seen[i] >= seen.max() - 1e-9]
        cuts = [cut for i in best for cut in (edges[i], *rare[0][(rare[0] >= edges[i]) & (rare[0] < edges[i + 1])])]
        worth = [metrics.macro_f1_score(folds[own].test_codes, (rare[0] > cut).astype(int)) for cut in cuts]
        assert min(worth) - 1e-9 <= found.loc[own, "tuned_macro_f1"] <= max(worth) + 1e-9


def test_halves_divide_the_suite_by_family():
    families, (seen, unseen) = datasets.suite(), halves()
    assert sorted([*seen, *unseen]) == sorted(families)
    assert not {families[name] for name in seen} & {families[name] for name in unseen}
    assert abs(len({families[name] for name in seen}) - len({families[name] for name in unseen})) <= 1
