"""`equipoise reproduce` for MUBO as it is typed: whole runs on small stand-ins, stopped and taken up again."""

import re

import pandas as pd
import pytest

from equipoise_reproductions.mubo import protocol, runs


def test_table1_and_table3_from_the_same_runs(stand_ins, reproduce, tmp_path, monkeypatch, nothing_is_left_to_fit):
    stand_ins(stand_ins.sources)
    page = reproduce("mubo-table1", "--quick")
    assert "A quick run" in page.text
    assert "Missing: Gisette: MNIST's training files are not in the data home" in page.text
    assert "Spambase: a stand-in." in page.text
    assert "2 runs, each with a stratified split of its own (20% test rows)" in page.text
    assert "epochs of the inner loop, at most: Ionosphere 2, Abalone 2, Spambase 2" in page.text
    for number in range(1, 12):
        assert re.search(rf"M{number}: (holds|holds in part|does not hold|cannot be tested) ", page.text)
        assert f"M{number}" in page.ids
    assert len(page.plots) == 3 + 1  # a search of every mode, and the epochs
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    counts = scores.groupby(["set", "test"])["method"].value_counts().unstack()
    everywhere = counts.dropna(axis=1)
    assert (everywhere == 2).all().all() and len(everywhere.columns) == len(protocol.BASELINES) + 3 * 3
    claims = (tmp_path / "out" / "mubo-table1-claims.md").read_text()
    assert claims.count("\n| M") == 11

    nothing_is_left_to_fit()
    monkeypatch.setattr(runs, "search", None)
    assert reproduce("mubo-table1", "--quick").html == page.html
    third = reproduce("mubo-table3", "--quick")
    assert "GBO: the paper 0.83 0.73 0.92" in third.text and "M6" in third.ids and "M1" not in third.ids
    with pytest.raises(SystemExit, match=r"^equipoise: .* holds results of another effort"):
        reproduce("mubo-table1")


def test_table2(stand_ins, reproduce, tmp_path, capsys):
    stand_ins(stand_ins.sources)
    page = reproduce("mubo-table2")
    assert "Missing: Gisette" in page.text
    assert "Ionosphere 351 178 34 13 35.71% 26.97%" in page.text
    assert pd.read_csv(tmp_path / "out" / "table2.csv")["data set"].tolist()[-1] == "Gisette"
    assert "mubo-table2.html" in capsys.readouterr().out.replace("\n", "")


def test_one_set_alone(stand_ins, reproduce):
    """Claims of sets that are not there cannot be tested, and one set makes nothing sure."""
    stand_ins(stand_ins.sources[2:3])
    page = reproduce("mubo-table1", "--quick")
    assert "M1: cannot be tested" in page.text
    assert "M8: holds in part" in page.text or "M8: does not hold" in page.text
    assert "None of the data sets that show it can be had here." in page.text


def test_without_any_set_there_is_one_sentence(stand_ins, reproduce):
    stand_ins(stand_ins.sources[3:])
    with pytest.raises(SystemExit, match=r"^equipoise: None of the data sets is available: .*DATA_HOME\.$"):
        reproduce("mubo-table1", "--quick")
