"""The main job, as processes: compare, look, predict, stop and go on."""

import signal
import sqlite3
import time

import numpy as np
import pandas as pd
import pytest

from equipoise import load
from equipoise.experiments import Comparison, Store

QUICK = ("--target", "is_fraud", "--recipes", "none", "under", "remix", "gbdt", "--members", "1", "--repeats", "2",
         "--folds", "3")  # fmt: skip


@pytest.fixture(scope="module")
def report(equipoise, fraud_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare") / "report"
    done = equipoise("compare", fraud_csv, *QUICK, "--out", folder)
    return folder, done.stdout


def test_compare_says_what_it_found_and_writes_everything(report):
    folder, said = report
    assert sorted(p.name for p in folder.iterdir()) == ["leaderboard.csv", "model", "report.html", "results.sqlite"]
    assert "the rare class is 'yes' with 40 rows (19.05%)" in said
    assert all(recipe in said for recipe in ("none", "under", "remix", "gbdt"))
    board = pd.read_csv(folder / "leaderboard.csv")
    assert set(board["recipe"]) == {"none", "under", "remix", "gbdt"}
    assert board["g_mean"].is_monotonic_decreasing
    assert "<title>" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_holds_the_command_that_made_it(report):
    page = (report[0] / "report.html").read_text(encoding="utf-8")
    assert "--target is_fraud --recipes none under remix gbdt" in page


def test_the_same_command_again_runs_nothing_anew(report, equipoise, fraud_csv):
    folder, _ = report
    with Store(folder / "results.sqlite") as store:
        before = [cell.seconds for cell in store.cells()]
    equipoise("compare", fraud_csv, *QUICK, "--out", folder)
    with Store(folder / "results.sqlite") as store:
        assert [cell.seconds for cell in store.cells()] == before


def test_another_comparison_does_not_mix_into_the_folder(report, equipoise, fraud_csv):
    done = equipoise("compare", fraud_csv, *QUICK, "--seed", "1", "--out", report[0], code=1)
    assert "holds another comparison, which differs in random_state" in done.stderr


def test_predict_adds_a_prediction_and_probabilities_to_each_row(report, equipoise, frame, tmp_path):
    new = tmp_path / "new.csv"
    frame.drop(columns="is_fraud").sample(frac=1, axis=1, random_state=0).to_csv(new, index=False)
    equipoise("predict", report[0] / "model", new, "--out", tmp_path / "scored.csv")
    scored = pd.read_csv(tmp_path / "scored.csv")
    model = load(report[0] / "model")
    expected = model.predict_proba(pd.read_csv(new))
    np.testing.assert_allclose(scored[["probability_no", "probability_yes"]], expected, rtol=1e-6)
    assert (scored["prediction"] == model.classes_[expected.argmax(axis=1)]).all()
    assert (scored["prediction"] == frame["is_fraud"]).mean() > 0.75
    assert len(scored.columns) == 4 + 3


def test_rows_that_do_not_fit_the_model_are_refused(report, equipoise, frame, tmp_path):
    scored = tmp_path / "scored.csv"
    for change, named in (
        (frame.drop(columns="amount"), "amount"),
        (frame.assign(shoe_size=42), "shoe_size"),
        (frame.assign(amount="much"), "amount"),
    ):
        change.to_csv(tmp_path / "new.csv", index=False)
        done = equipoise("predict", report[0] / "model", tmp_path / "new.csv", "--out", scored, code=1)
        assert named in done.stderr and done.stderr.count("\n") == 1
    assert not scored.exists()


def test_fit_saves_a_model_of_one_recipe(equipoise, fraud_csv, frame, tmp_path):
    equipoise("fit", fraud_csv, "--target", "is_fraud", "--recipe", "under+mixup", "--members", "2", "--out",
              tmp_path / "model")  # fmt: skip
    model = load(tmp_path / "model")
    assert model[-1].n_members == 2
    assert model.predict_proba(frame.drop(columns="is_fraud")).shape == (210, 2)


def test_killed_at_any_moment_the_same_command_ends_with_the_same_results(report, equipoise, fraud_csv, tmp_path):
    """SIGKILL at growing delays until a run gets through; the store then equals the undisturbed one."""
    folder = tmp_path / "report"
    for delay in np.random.default_rng(0).uniform(2, 8, size=4):
        process = equipoise("compare", fraud_csv, *QUICK, "--out", folder, start=True)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (folder / "results.sqlite").exists():
            database = sqlite3.connect(folder / "results.sqlite")
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            database.close()
    equipoise("compare", fraud_csv, *QUICK, "--out", folder)
    with Store(folder / "results.sqlite") as mine, Store(report[0] / "results.sqlite") as undisturbed:
        pairs = list(zip(mine.cells(), undisturbed.cells(), strict=True))
        assert Comparison(mine).protocol == Comparison(undisturbed).protocol
    for a, b in pairs:
        assert a.key == b.key
        np.testing.assert_array_equal(a.confusion, b.confusion)
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=2e-4)


def test_two_comparisons_never_write_to_one_folder(equipoise, fraud_csv, tmp_path):
    """The second says who holds it; stopped by Ctrl-C, the first says what is kept, and lets it go."""
    folder = tmp_path / "report"
    first = equipoise("compare", fraud_csv, *QUICK, "--out", folder, start=True)
    while not (folder / "results.sqlite").exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = equipoise("compare", fraud_csv, *QUICK, "--out", folder, code=1)
    assert f"{folder} is being written by process {first.pid}, since" in second.stderr.replace("\n", "")
    first.send_signal(signal.SIGINT)
    assert first.wait() == 130
    equipoise("compare", fraud_csv, *QUICK, "--out", folder)


def test_a_disk_that_is_full_is_said_and_leaves_nothing_half_written(equipoise, report, frame, tmp_path):
    """A limit on file sizes stands for the disk."""
    big = pd.concat([frame] * 40).drop(columns="is_fraud")
    big.to_csv(tmp_path / "big.csv", index=False)
    done = equipoise("predict", report[0] / "model", tmp_path / "big.csv", "--out", tmp_path / "scored.csv", code=1,
                     shell_prefix="ulimit -f 100;")  # fmt: skip
    assert "File too large" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["big.csv"]


def test_a_store_that_cannot_grow_is_said(equipoise, fraud_csv, tmp_path):
    done = equipoise("compare", fraud_csv, *QUICK, "--out", tmp_path / "report", code=1, shell_prefix="ulimit -f 8;")
    assert done.stderr.startswith("equipoise: ") and "disk" in done.stderr
