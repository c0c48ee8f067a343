"""GAN over-samplers over the suite: what is trained and stored, how thresholds are tuned, and what the page says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from equipoise import metrics
from equipoise.cli import main
from equipoise.datasets import split_target
from equipoise.experiments.readings import TUNED_FOR
from equipoise.experiments.store import Store
from equipoise_reproductions.gans import study, tables
from equipoise_reproductions.gans.study import GANS, METHODS, RETUNED, UNTREATED
from equipoise_reproductions.study import Study
from equipoise_reproductions.suite import loaders

SETS = {name: name for name in ("a", "b", "c")}


def table(name):
    X, y = make_classification(90, 4, n_informative=3, n_redundant=1, weights=[0.8], random_state=ord(name))
    return split_target(pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y == 1, "rare", "common")), "kind")


@pytest.fixture
def stand_ins(serve):
    def load(name):
        if name == "c":
            raise ConnectionError("not in the data home")
        return table(name)

    serve(load, SETS)


def test_the_page_of_a_quick_run(stand_ins, tmp_path, read, nothing_is_left_to_fit):
    out = tmp_path / "out"
    main(["reproduce", "gan-suite", "--quick", "--out", str(out)])
    page = read(out / "gan-suite.html")
    assert "A quick run" in page.text and "Missing: c." in page.text
    for rival in ("smote", "cost", "none, threshold-tuned"):
        assert f"Against {rival}: significantly better: " in page.text
    assert len(page.plots) == 1
    found, figures = (pd.read_csv(out / f"{name}.csv") for name in ("scores", "health"))
    assert found.groupby("set")["method"].apply(set).map(lambda methods: methods == set(METHODS)).all()
    assert set(figures["method"]) == set(GANS) and (figures["made_by"] == "GAN").all()
    assert len(figures) == 2 * 2 * len(GANS)  # two sets, two folds, one network a fold
    assert figures["two_sample_accuracy"].between(0, 1).all()

    nothing_is_left_to_fit()
    main(["reproduce", "gan-suite", "--quick", "--out", str(out)])
    assert read(out / "gan-suite.html").html == page.html


def test_a_threshold_is_tuned_on_the_other_folds(stand_ins, tmp_path):
    untreated = [arm for arm in study.arms(quick=True) if arm.name == UNTREATED]
    Study(loaders(), untreated, study.QUICK, SETS).run(tmp_path)
    found = study.scores(tmp_path).set_index(["set", "method"])
    for name in ("a", "b"):
        with Store(tmp_path / f"{name}.sqlite") as store:
            cells = [cell for cell in store.cells() if cell.arm == UNTREATED]
            folds, rare = {fold.fold: fold for fold in store.folds()}, store.get("problem")["rare"]
        worth = np.mean([worth_of_best_cuts(*pair, folds, rare) for pair in (cells, cells[::-1])], axis=0)
        assert worth[0] - 1e-9 <= found.loc[(name, UNTREATED), "tuned_g_mean"] <= worth[1] + 1e-9
        assert found.loc[(name, RETUNED), "g_mean"] == found.loc[(name, UNTREATED), "tuned_g_mean"]
        ranking = [found.loc[(name, method), "average_precision"] for method in (UNTREATED, RETUNED)]
        assert ranking[0] == ranking[1]


def worth_of_best_cuts(cell, other, folds, rare):
    """Least and greatest G-mean of a fold by any cut that is best on the other; a best cut may lie between two rows."""
    seen, own = (c.probabilities[:, rare].astype(float) for c in (other, cell))
    edges = np.concatenate([[0.0], np.unique(seen), [1.0]])
    middles = (edges[1:] + edges[:-1]) / 2
    worth = [g_mean_at(cut, seen, folds[other.fold].test_codes, rare) for cut in middles]
    best = np.flatnonzero(np.isclose(worth, max(worth)))
    cuts = [cut for i in best for cut in [*own[(own > edges[i]) & (own <= edges[i + 1])], edges[i], edges[i + 1]]]
    values = [g_mean_at(cut, own, folds[cell.fold].test_codes, rare) for cut in cuts]
    return min(values), max(values)


def g_mean_at(cut, probability, truth, rare):
    return metrics.g_mean(truth, np.where(probability > cut, rare, 1 - rare))


def made_up(gain, n=12):
    """Scores in which GANs gain so much over all others, source by source, with a little chance."""
    rng, rows = np.random.default_rng(0), []
    for number in range(n):
        for method in METHODS:
            level = 0.7 + (gain if method in GANS else 0) + rng.normal(0, 0.001)
            row = {
                "set": f"s{number}",
                "family": f"s{number}",
                "method": method,
                "seconds": 10.0 if method in GANS else 1.0,
            }
            row |= {name: -level if name == "balanced_brier" else level for name in study.SCORED}
            rows.append(row | {f"tuned_{name}": level for name in TUNED_FOR})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("gain", "side"), [(0.1, "better: smotified-gan"), (-0.1, "worse: smotified-gan")])
def test_answers_follow_the_scores(gain, side):
    for sentence in tables.answers(made_up(gain)):
        assert side in sentence and sentence.count(" on ") == len(GANS) * len(study.SCORED)
        assert ": none" in sentence


def test_nothing_is_said_without_a_difference():
    assert all(s.count(": none") == 2 for s in tables.answers(made_up(0.0)))


def test_times_are_in_fits_of_the_untreated_network():
    times = tables.times(made_up(0.0))
    assert times.loc["smotified-gan", "in untreated fits, median"] == "10.0"
    assert times.loc[UNTREATED, "in untreated fits, median"] == "1.0" and RETUNED not in times.index
