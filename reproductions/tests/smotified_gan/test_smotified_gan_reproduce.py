"""`equipoise reproduce smotified-gan` as it is typed: whole runs on small stand-ins, stopped and taken up again."""

import pandas as pd
import pytest

from equipoise.cli import main
from equipoise.experiments import Store
from equipoise_reproductions import reproduce as run_named
from equipoise_reproductions.smotified_gan import study


@pytest.fixture
def reproduce(tmp_path, read):
    def run(*options, out="out"):
        main(["reproduce", "smotified-gan", "--out", str(tmp_path / out), *options])
        return read(tmp_path / out / "smotified-gan.html")

    return run


def test_the_page(stand_ins, reproduce, tmp_path, monkeypatch, nothing_is_left_to_fit):
    stand_ins()
    page = reproduce("--quick")
    assert "A quick run" in page.text
    assert "Missing: Spambase is not in the data home" in page.text
    assert "Classes of both sides are those of the authors on 1 of 2 sets, but not on Ionosphere." in page.text
    assert "Ionosphere: the notebook has an older file." in page.text
    assert "ecoli4: the GANs run 300 of the 700 epochs listed, for time." in page.text
    assert "2 stratified folds on all rows and features" in page.text
    assert "Shuttle, class 3 0.484 ± 0.420 0.808 ± 0.029 0.822 ± 0.072" in page.text
    assert len(page.plots) == 1
    scores = pd.read_csv(tmp_path / "out" / "scores.csv")
    counts = scores.groupby(["set", "split", "loss"])["method"].value_counts().unstack()
    assert counts.loc[("ecoli4", "authors", "mae")].tolist() == [2] * 6
    assert counts.loc[("Ionosphere", "authors", "logistic")].tolist() == [1] * 6  # that set has one repeat
    assert counts.loc[("ecoli4", "stratified folds", "logistic")].dropna().tolist() == [2] * 5
    tested = scores[["tn", "fp", "fn", "tp"]].sum(axis=1)
    assert set(tested[(scores["set"] == "ecoli4") & (scores["fold"] == 0)]) == {32}
    f1 = 2 * scores["tp"] / (2 * scores["tp"] + scores["fp"] + scores["fn"])
    assert scores["f1"].to_numpy() == pytest.approx(f1.fillna(0).to_numpy(), abs=1e-6)
    made = pd.read_csv(tmp_path / "out" / "made-rows.csv")
    assert len(made) == 2 * (5 + 2 * 4) and (made["n_made"] > 0).all()

    nothing_is_left_to_fit()
    monkeypatch.setattr(study, "make_rows", None)
    assert reproduce("--quick").html == page.html
    with pytest.raises(SystemExit, match=r"^equipoise: .* holds results of another effort"):
        reproduce()


def test_a_run_that_is_stopped_goes_on(stand_ins, tmp_path):
    stand_ins(stand_ins.sources[1:2])

    def stop(kind, done, total):
        if done == {"resampling": 7}.get(kind):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_named("smotified-gan", tmp_path / "stopped", quick=True, on_progress=stop)
    with Store(tmp_path / "stopped" / "cells" / "ecoli4.sqlite") as store:
        kept = store.get("made/0/gan")
        assert kept is not None and store.get("made/2/gan") is None and not store.done()
    for name in ("stopped", "whole"):
        run_named("smotified-gan", tmp_path / name, quick=True)
    with Store(tmp_path / "stopped" / "cells" / "ecoli4.sqlite") as store:
        assert store.get("made/0/gan") == kept
    stopped, whole = (pd.read_csv(tmp_path / name / "scores.csv") for name in ("stopped", "whole"))
    pd.testing.assert_frame_equal(stopped, whole)


def test_a_page_is_written_after_every_set(stand_ins, tmp_path, read):
    stand_ins()

    def stop(kind, done, total):
        if kind == "training" and done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_named("smotified-gan", tmp_path, quick=True, on_progress=stop)
    page = read(tmp_path / "smotified-gan.html")
    assert "ecoli4 is not finished yet." in page.text and "Ionosphere: ours, logistic loss" in page.text
    assert set(pd.read_csv(tmp_path / "scores.csv")["set"]) == {"Ionosphere"}
    assert "(one set gives no interval)" in page.text


def test_sets_that_are_too_large_for_an_effort_are_left_out(stand_ins, reproduce):
    sources, effort = stand_ins()
    stand_ins(sources, type(effort)(**(vars(effort) | {"most_rows": 170})))
    page = reproduce("--quick")
    assert "ecoli4: ours, logistic loss" in page.text and "Ionosphere: ours" not in page.text


def test_without_any_set_there_is_one_sentence(stand_ins, reproduce):
    stand_ins(stand_ins.sources[2:])
    with pytest.raises(SystemExit, match=r"^equipoise: None of the data sets is available: .*DATA_HOME\.$"):
        reproduce("--quick")
