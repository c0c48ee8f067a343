"""Targets, ranks and losing sets, on scores made up by rule."""

import numpy as np
import pandas as pd
import pytest

from equipoise_reproductions.auto_suite import study, tables, targets
from equipoise_reproductions.auto_suite.arms import AT_EQUAL_SHARES, AUTO, DECIDED, FITTED, PRIOR, TABM, TITLES, arms
from equipoise_reproductions.auto_suite.scores import EQUAL, FITS
from equipoise_reproductions.study import Effort

OF_AUTO = (AUTO, AUTO + PRIOR, DECIDED)
N = 14


def made_up(gain, few=()):
    """Scores in which auto gains so much over all others, source by source, with a little chance; some run on few."""
    rng, rows = np.random.default_rng(0), []
    for number in range(N):
        for method in dict.fromkeys((*FITTED, *AT_EQUAL_SHARES, DECIDED)):
            if method.split("-")[0] in few and number > 3:
                continue
            level = 0.7 + (gain if method in OF_AUTO else 0) + rng.normal(0, 0.001)
            row = {"set": f"s{number}", "family": f"s{number}", "method": method, "repeat": 0, "fold": 0}
            row |= {"seconds": 50.0 if method in OF_AUTO else 2.0}
            for metric in (*EQUAL, *FITS):
                row[metric.name] = level if metric.greater_is_better else 1 - level
            rows.append(row)
    return pd.DataFrame(rows)


SIZES = pd.DataFrame(
    {"rows": np.arange(N) * 100 + 100, "columns": 5, "rare": np.arange(N) + 10},
    index=pd.Index([f"s{number}" for number in range(N)], name="set"),
)


@pytest.mark.parametrize(("gain", "met"), [(0.05, True), (-0.05, False)])
def test_targets_follow_the_scores(gain, met):
    judged = targets.targets(made_up(gain))
    assert len(judged) == 8 and all(target.met is met for target in judged)
    firsts = [target.figure for target in judged if target.text.startswith("first")]
    assert all(figure.startswith("mean rank 1.00 of ") is met for figure in firsts)
    assert [f"of {n};" in figure for figure, n in zip(firsts, (len(AT_EQUAL_SHARES),) * 2 + (len(FITTED),) * 2)] == [
        True
    ] * 4


def test_without_a_difference_auto_is_no_worse_and_no_better():
    judged = {target.text: target.met for target in targets.targets(made_up(0.0))}
    assert [met for text, met in judged.items() if "no worse" in text] == [True, True]
    assert [met for text, met in judged.items() if text.startswith("better")] == [False, False]


def test_what_was_run_on_few_sets_is_ranked_apart():
    few = made_up(0.05, few=(TABM,))
    everywhere = targets.methods(few, EQUAL[0])
    assert TABM not in everywhere and set(AT_EQUAL_SHARES) - set(everywhere) == {TABM, TABM + PRIOR}
    apart = tables.on_few_sets(few)["all classes alike"]
    assert TITLES[TABM] in apart.index and TITLES[TABM] not in tables.ranks(few, EQUAL).index
    assert tables.on_few_sets(made_up(0.05)) == {}


def test_losing_sets_are_those_behind_the_best_boosting():
    found = made_up(0.05)
    lost = found["set"].isin(["s2", "s3"]) & found["method"].isin(OF_AUTO)
    found.loc[lost, "g_mean"] -= 0.3
    table = tables.losing_sets(found, SIZES)
    assert table.index.tolist() == ["s2", "s3"] and table["rare rows"].tolist() == ["12", "13"]
    [g_mean] = [column for column in table if column.startswith("G-mean")]
    assert all(-0.26 < float(cell.replace("−", "-")) < -0.24 for cell in table[g_mean])
    others = table.drop(columns=["rows", "columns", "rare rows", g_mean])
    assert (others == "").all(axis=None)


def test_what_losing_sets_have_in_common():
    found = made_up(0.05)
    small = found["set"].isin(["s0", "s1", "s2"]) & found["method"].isin(OF_AUTO)
    for metric in (*EQUAL, *FITS):
        found.loc[small, metric.name] -= 0.3 if metric.greater_is_better else -0.3
    table = tables.in_common(found, SIZES)
    assert table.loc["rows"].tolist()[:2] == ["200", "900"] and "median of 3 sets" in table.columns[0]
    assert table.loc["rows"].iloc[2].startswith("−0.")
    assert table.loc["columns"].tolist() == ["5", "5", "–"]


def test_times_are_in_fits_of_boosting():
    found = made_up(0.0)
    assert (tables.times(found, SIZES)["in fits of LightGBM"] == "25.0").all()
    assert tables.median_ratio(found, "lightgbm") == 25.0


def test_the_page_says_what_was_cut_and_what_is_missing(monkeypatch):
    cuts = " ".join(study.cuts(arms(quick=False), Effort(n_repeats=5)))
    assert "TabM: sets of at most 100,000 rows times columns" in cuts and "logistic" not in cuts
    found, every = made_up(0.0), arms(quick=False)
    assert study.absent(found, every) == ""
    monkeypatch.setattr("equipoise_reproductions.auto_suite.arms.installed", lambda package: package != "catboost")
    said = study.absent(found[~found["method"].str.startswith("catboost")], every)
    assert said == "Not run: CatBoost; CatBoost, balanced; CatBoost, searched: pip install 'equipoise[boosting]'."
