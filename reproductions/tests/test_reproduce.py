"""`equipoise reproduce` as it is typed: whole runs on small stand-ins, stopped and taken up again."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import equipoise_reproductions as reproductions
from equipoise.cli import main
from equipoise.experiments import Store
from equipoise_reproductions.remix import runs, study, surfaces
from equipoise_reproductions.remix.protocol import BOOSTING, NETWORKS, PRIOR_CORRECTED, Source

APS = Source("APS", "aps_failure", ("pos",), (0.01,), (171, 60000))


def cells(folder):
    found = {}
    for path in folder.glob("cells/*.sqlite"):
        with Store(path) as store:
            found |= {(path.stem, *cell.key): cell for cell in store.cells()}
    return found


def test_unknown_names_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(SystemExit) as error:
        main(["reproduce", "remix-table9", "--out", str(tmp_path / "out")])
    assert str(error.value) == (
        "equipoise: There is no reproduction 'remix-table9': choose from remix-table1, remix-table2, remix-figures, "
        "remix-text, remix-images, mubo-table1, mubo-table2, mubo-table3, mubo-chance, mubo-large, "
        "smotified-gan, gan-suite, auto-suite, autobalance-tables, autobalance-images, autobalance-groups, "
        "autobalance-grouped-images, "
        "autobalance-causes, autobalance-augmentation, autobalance-longtail, together, together-images."
    )
    assert not (tmp_path / "out").exists()
    assert reproductions.names() == [
        "remix-table1",
        "remix-table2",
        "remix-figures",
        "remix-text",
        "remix-images",
        "mubo-table1",
        "mubo-table2",
        "mubo-table3",
        "mubo-chance",
        "mubo-large",
        "smotified-gan",
        "gan-suite",
        "auto-suite",
        "autobalance-tables",
        "autobalance-images",
        "autobalance-groups",
        "autobalance-grouped-images",
        "autobalance-causes",
        "autobalance-augmentation",
        "autobalance-longtail",
        "together",
        "together-images",
    ]


def test_table1(stand_ins, reproduce, tmp_path, capsys):
    problems = stand_ins()
    stand_ins((*dict.fromkeys(problem.source for problem in problems), APS))
    page = reproduce("remix-table1")
    assert "Missing: APS: aps_failure (OpenML 41138) cannot be had here; `equipoise datasets fetch" in page.text
    assert "Digits binary 1 0.05 64 1,797 64 1,797 1,695 1: 80, rest: 1,615" in page.text
    assert page.text.count("missing") == 4
    assert f"Page: {tmp_path / 'out' / 'remix-table1.html'}" in capsys.readouterr().out.replace("\n", "")
    table = pd.read_csv(tmp_path / "out" / "table1.csv")
    assert len(table) == 9 and table["data set"].iloc[-1] == "APS"


def test_table2(stand_ins, reproduce, tmp_path, nothing_is_left_to_fit, capsys):
    sources = stand_ins.sources[1:]
    problems = stand_ins((*sources, APS))[:-1]
    page = reproduce("remix-table2", "--quick")
    assert page.text.count("cannot be had here") == 1 and "Missing: APS" in page.text
    for claim in ("R1", "R2", "R3", "R4", "R5", "R9"):
        assert re.search(f"{claim}: (holds|holds in part|does not hold|cannot be tested) ", page.text)
        assert claim in page.ids
    assert [page.text.count(f"ours: sum ({n} cells)") for n in (2, 4)] == [2, 2]  # by two metrics each
    assert "Two folds, repeats: 2 (Few digits (multi-class): 1); epochs: 2." in page.text
    assert "A quick run" in page.text
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    folds = {p.name: 2 * min(2, p.source.repeats) for p in problems}
    counts = scores.groupby("problem")["method"].value_counts().unstack()
    assert set(counts) == {*(m.name for m in NETWORKS), BOOSTING, PRIOR_CORRECTED}
    assert all((counts.loc[name] == n).all() for name, n in folds.items())
    assert len(page.plots) == 1

    capsys.readouterr()
    nothing_is_left_to_fit()
    again = reproduce("remix-table2", "--quick")
    assert again.html == page.html
    written = ["cells", "remix-table2-claims.md", "remix-table2.html", "scores.csv"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == written
    with pytest.raises(SystemExit, match=r"^equipoise: .* holds results of another effort"):
        reproduce("remix-table2")
    with pytest.raises(SystemExit, match=r"^equipoise: "):
        main(["reproduce", "remix-table2", "--quick", "--out", str(tmp_path / "out" / "scores.csv")])


def test_table2_with_two_classes_only(stand_ins, reproduce):
    source = stand_ins()[2].source  # the quickest
    stand_ins((source, APS))
    page = reproduce("remix-table2", "--quick")
    assert "R5: cannot be tested" in page.text
    assert "R1: holds in part" in page.text or "R1: does not hold" in page.text  # one source makes nothing sure
    assert "GM, multi-class" not in page.text and "GM, binary" in page.text
    assert "one source, so there is no test" in page.text


@pytest.mark.parametrize("name", ["remix-table2", "remix-figures"])
def test_without_any_set_there_is_one_sentence(stand_ins, reproduce, name):
    stand_ins((APS,))
    with pytest.raises(SystemExit, match=r"^equipoise: None of the data sets is available: .*DATA_HOME\.$"):
        reproduce(name, "--quick")


def test_figures(stand_ins, reproduce, monkeypatch):
    """Musk's stand-in is trained at every alpha; Seizure is missing."""
    musk = stand_ins()[2].source
    stand_ins((musk, Source("Seizure", "seizure_multiclass", ("1",), (0.05,), (179, 11500))))
    train = surfaces.train_surfaces
    monkeypatch.setattr(surfaces, "train_surfaces", lambda: train(n_seeds=1, n_epochs=5))
    page = reproduce("remix-figures", "--quick")
    assert len(page.plots) == 7
    for title in (
        "Figure 1",
        "Figures 2 and 3",
        "Figure 4",
        "Figure 5",
        "Figure 7",
        "Figure 8",
        "The rows that ReMix makes",
    ):
        assert f"{title}" in page.text
    assert re.search("R7: (holds in part|does not hold|holds) ", page.text)
    assert "musk2-binary-0.25: balanced Brier at alpha .01 less that at .4" in page.text
    assert "seizure-binary" not in page.text
    assert "Missing: Seizure: seizure_multiclass (not public) cannot be had here" in page.text
    assert "R10: cannot be tested" in page.text


DRIVER = """
import os, sys, time
from pathlib import Path
import equipoise_reproductions as reproductions
from equipoise_reproductions.remix import protocol, runs, study
import importlib.util
spec = importlib.util.spec_from_file_location("stand_ins", sys.argv[1])
stand_ins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stand_ins)
protocol.SOURCES = stand_ins.STAND_INS[1:3]
study.QUICK = stand_ins.BRIEF
runs.datasets.load = stand_ins.stand_in
os.environ["LOKY_MAX_CPU_COUNT"] = "1"

def midway(kind, done, total):
    if done > 0.4 * total:
        print("midway", flush=True)
        time.sleep(600)

reproductions.reproduce("remix-table2", Path(sys.argv[2]), quick=True, on_progress=midway)
"""


def test_a_run_that_is_killed_goes_on(program, stand_ins, tmp_path):
    """Killed while it trains, with some cells stored; then finished, with the results of a run that was not."""
    problems = stand_ins(stand_ins.sources[1:3])
    process = program(DRIVER, Path(__file__).with_name("conftest.py"), tmp_path / "killed")
    assert process.first_line() == "midway"
    process.kill()
    kept = cells(tmp_path / "killed")
    assert not (tmp_path / "killed" / "remix-table2.html").exists()
    reproductions.reproduce("remix-table2", tmp_path / "killed", quick=True)
    runs.run_jobs(tmp_path / "whole" / "cells", [(p, NETWORKS) for p in problems], study.QUICK, lambda *news: None)
    killed, whole = cells(tmp_path / "killed"), cells(tmp_path / "whole")
    assert 0 < len(kept) < len(whole) and set(killed) > set(whole)  # boosting too
    assert all(killed[key].seconds == cell.seconds for key, cell in kept.items())
    for key, cell in whole.items():
        np.testing.assert_allclose(killed[key].probabilities, cell.probabilities, atol=1e-4)
