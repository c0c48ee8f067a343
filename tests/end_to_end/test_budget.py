"""A time limit on the command line: what is told, and when."""

import re
import signal
import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from equipoise import load
from equipoise.classifiers.auto_time import LittleTimeWarning
from equipoise.cli import task
from equipoise.datasets import in_time
from equipoise.deadline import Deadline
from equipoise.experiments import costs, whole
from equipoise.persistence import read_card

compare, fit = map(import_module, ("equipoise.experiments.compare", "equipoise.cli.fit"))
SMALL = ["--recipes", "none", "gbdt", "--folds", "2", "--repeats", "1", "--members", "1"]


def test_a_pipe_shows_each_stage_with_the_time_left_and_first_what_is_cut(here, fraud_csv, tmp_path):
    """Under a load there may be nothing but cuts, on an idle machine none."""
    out = tmp_path / "report"
    told = here("compare", fraud_csv, "--target", "is_fraud", *SMALL, "--budget", "3", "--out", out).splitlines()
    assert (out / "report.html").exists() and (out / "leaderboard.csv").exists()
    stages = [match for line in told if (match := re.fullmatch(r"(\d\d):(\d\d) ([A-Z][a-z ,]+), .*limit in .+", line))]
    titles = list(dict.fromkeys(match[3].split(",")[0] for match in stages))
    assert titles[0] == "Reading" and titles[1] == "Timing recipes"
    assert titles[-2:] == ["Fitting on all rows", "Writing report"] and "Scoring" in titles[2:-2]
    times = [60 * int(match[1]) + int(match[2]) for match in stages]
    assert times == sorted(times)
    assert re.match(r"\d\d:\d\d Reading, checking, limit in", told[0])
    notes = [number for number, line in enumerate(told) if line.startswith("Note: ") and "during" not in line]
    fits = [number for number, line in enumerate(told) if re.match(r"\d\d:\d\d (Fitting alone|Resampling)", line)]
    assert not notes or max(notes) < min(fits)


def test_a_limit_counts_from_the_start_of_the_process():
    """Python, imports and all else before the command are in it; a call of `main` in Python begins then."""
    code = (
        "import time; time.sleep(1.5)\n"
        "from equipoise.cli.began import begin, time_limit\n"
        "print(time_limit(1).spent); begin(with_process=True); print(time_limit(1).spent)"
    )
    called, typed = map(float, subprocess.check_output([sys.executable, "-c", code]).split())
    assert called < 0.5 and 1.5 <= typed < 60


def test_a_repeated_command_times_no_recipe_again(here, fraud_csv, tmp_path, monkeypatch):
    """Stopped after the timing, before any result."""
    out, timed = tmp_path / "report", []
    rows_seconds = costs.rows_seconds
    monkeypatch.setattr(costs, "rows_seconds", lambda name, *rest: (timed.append(name), rows_seconds(name, *rest))[1])
    monkeypatch.setattr(compare, "run_in_time", lambda *_: sys.exit("stopped"))
    for _ in range(2):
        with pytest.raises(SystemExit):
            here("compare", fraud_csv, "--target", "is_fraud", *SMALL, "--budget", "30", "--out", out)
    assert timed == ["gbdt"]


def test_too_short_a_time_is_one_sentence_and_leaves_nothing(here, fraud_csv, tmp_path):
    out = tmp_path / "report"
    said = here("compare", fraud_csv, "--target", "is_fraud", *SMALL, "--budget", "0.001", "--out", out, refused=True)
    assert "No recipe can be compared within the time limit of 0.001 minutes. Reading and checking took" in said
    assert re.search(r"Raise --budget, to [0-9.]+ for instance\.$", said) and not out.exists()


def test_fit_has_a_time_limit_too(here, fraud_csv, tmp_path):
    command = "fit", fraud_csv, "--target", "is_fraud", "--recipe", "none", "--members", "1"
    said = here(*command, "--budget", "3", "--out", tmp_path / "model")
    assert "Fitting, limit in" in said and (tmp_path / "model").exists()
    said = here(*command, "--budget", "0.0001", "--out", tmp_path / "none", refused=True)
    assert "'none' cannot be fitted within 0.0001 minutes." in said
    assert re.search(r"Raise --budget, to [0-9.]+ for instance\.$", said)
    assert not (tmp_path / "none").exists()


def test_how_columns_are_read_is_told_once(here, tmp_path):
    """Also by a fit that has a process of its own."""
    days = pd.date_range("2024-01-01", periods=300).strftime("%d/%m/%Y")
    table = pd.DataFrame({"day": days, "size": range(300), "rare": [i % 10 == 0 for i in range(300)]})
    table.to_csv(tmp_path / "days.csv", index=False)
    command = "fit", tmp_path / "days.csv", "--target", "rare", "--recipe", "logistic", "--budget", "3"
    said = here(*command, "--out", tmp_path / "model")
    assert said.count("Dates are written dayfirst in 'day'.") == 1


def test_ctrl_c_is_answered_at_once_and_tells_what_there_is(begun, fraud_csv, tmp_path):
    """With 2,000,000 networks to fit there is time to press it."""
    out = tmp_path / "model"
    command = "fit", fraud_csv, "--target", "is_fraud", "--recipe", "none", "--members", "2000000", "--out", out
    process = begun(*command)
    assert "Reading" in process.first_line()
    process.signal(signal.SIGINT)
    assert process.wait() == 130, process.errors
    assert process.said.partition("\n")[2].strip() == "Stopped: no model was written." and not out.exists()
    assert process.errors.strip() == "Stopping ..."


def test_ctrl_c_before_any_result_says_so(begun, fraud_csv, tmp_path):
    out = tmp_path / "report"
    process = begun("compare", fraud_csv, "--target", "is_fraud", "--out", out)
    assert "Reading" in process.first_line()
    process.signal(signal.SIGINT)
    assert process.wait() == 130, process.errors
    assert process.said.partition("\n")[2].strip() == "Stopped before any result." and not out.exists()


def test_a_limit_that_makes_auto_weaker_is_told_in_minutes_as_it_was_typed():
    now = [0.0]
    deadline = Deadline(90.0, lambda: now[0], in_minutes=True)
    now[0] = 30.0
    with pytest.warns(LittleTimeWarning) as caught, fit._in_minutes(deadline):
        warnings.warn(
            LittleTimeWarning("2 folds", "The time limit of 1.00 s (max_time)", "Raise max_time"), stacklevel=1
        )
    assert [str(warning.message) for warning in caught] == [
        "--budget of 1.5 minutes, of which reading took 30 s, allows 2 folds: the model is weaker. "
        "Raise --budget, to 3 for instance, or give fewer rows or columns."
    ]


def test_predictions_of_a_folder_tell_how_far_they_are(here, fraud_csv, tmp_path):
    parts, model = tmp_path / "parts", tmp_path / "model"
    parts.mkdir()
    for number in range(2):
        (parts / f"{number}.csv").write_bytes(fraud_csv.read_bytes())
    here("fit", fraud_csv, "--target", "is_fraud", "--recipe", "logistic", "--out", model)
    n_rows = len(fraud_csv.read_text().splitlines()) - 1
    one = here("predict", model, parts, "--out", tmp_path / "scored.csv").splitlines()
    assert re.fullmatch(r"\d\d:\d\d Loading the model", one[0]) and re.fullmatch(r"\d\d:\d\d Predicting", one[1])
    assert f"{2 * n_rows:,} rows" in one[-1]
    each = here("predict", model, parts, "--out", tmp_path / "scored").splitlines()
    stages = [line for line in each if "Predicting" in line]
    assert stages[0].endswith("Predicting, 0 of 2") and stages[-1].endswith("Predicting, 2 of 2")


def test_networks_without_time_for_all_rows_train_on_a_sample(here, long_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_MANY_ROWS", 1000)
    monkeypatch.setattr(in_time, "_MADE", 1e-9)
    monkeypatch.setattr(whole, "_OF_WRITING", 0.0)
    out = tmp_path / "model"
    command = "fit", long_csv, "--target", "is_rare", "--recipe", "none", "--members", "1", "--budget", "5"
    said = here(*command, "--out", out)
    assert "'none' trains on a sample by class, 2,000 of 6,000 rows, to meet the time limit of 5 minutes." in said
    assert read_card(out)["about"]["trained_rows"] == 2000
    assert 0.01 < load(out).predict_proba(pd.read_csv(long_csv)[["x", "z"]])[:, 1].mean() < 0.04


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory):
    """6,000 rows, of which one in fifty is rare."""
    rng, rare = np.random.default_rng(0), np.arange(6000) % 50 == 0
    frame = pd.DataFrame({"x": rng.normal(size=6000) + 1.5 * rare, "z": rng.normal(size=6000), "is_rare": rare * 1})
    frame.to_csv(path := tmp_path_factory.mktemp("long") / "long.csv", index=False)
    return path


def test_a_file_that_is_too_long_for_its_limit_trains_on_a_sample_with_probabilities_of_all_rows(
    here, long_csv, tmp_path, monkeypatch
):
    monkeypatch.setattr(task, "_MANY_ROWS", 1000)
    monkeypatch.setattr(in_time, "_MADE", 1e-9)
    out = tmp_path / "model"
    said = here("fit", long_csv, "--target", "is_rare", "--recipe", "logistic", "--budget", "5", "--out", out)
    assert "A sample by class: 2,000 of 6,000 rows, small classes whole." in said
    about = read_card(out)["about"]
    assert (about["rows"], about["trained_rows"]) == (6000, 2000)
    frame = pd.read_csv(long_csv)
    proba = load(out).predict_proba(frame.drop(columns="is_rare"))[:, 1]
    assert 0.01 < proba.mean() < 0.04 and average_precision_score(frame["is_rare"], proba) > 0.1
    priors = load(out)[-1].target_priors_
    np.testing.assert_allclose(priors, [0.98, 0.02])


def test_a_comparison_on_a_sample_goes_on_with_the_same_rows(here, long_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(task, "_MANY_ROWS", 1000)
    monkeypatch.setattr(in_time, "_MADE", 1e-9)
    out = tmp_path / "report"
    command = "compare", long_csv, "--target", "is_rare", "--recipes", "logistic", "gbdt", "--folds", "2", "--out", out
    first = here(*command, "--repeats", "1", "--budget", "5")
    assert "A sample by class: 2,000 of 6,000 rows" in first and (out / "model").exists()
    rare = pd.read_csv(long_csv)["is_rare"].mean()
    board = pd.read_csv(out / "leaderboard.csv")
    assert (board["average_precision"] < 0.9).all() and (board["average_precision"] > rare).all()  # of the rare class
    monkeypatch.setattr(in_time, "_MADE", 1.0)  # there would now be time for more
    again = here(*command, "--repeats", "1", "--budget", "5")
    assert "A sample by class: 2,000 of 6,000 rows" in again


def test_damaged_files_of_a_folder_are_all_named_before_the_work(here, frame, tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(4):
        frame.to_parquet(parts / f"{number}.parquet")
    for number in (1, 3):
        whole = (parts / f"{number}.parquet").read_bytes()
        (parts / f"{number}.parquet").write_bytes(whole[: len(whole) // 2])
    said = here("fit", parts, "--target", "is_fraud", "--out", tmp_path / "model", refused=True)
    assert f"2 of 4 files of {parts} cannot be read as parquet: 1.parquet and 3.parquet." in said


def test_a_table_of_much_text_is_long_whatever_its_rows(tmp_path, monkeypatch):
    """Its columns of prose take the time that a hundred times as many rows of numbers do."""
    (path := tmp_path / "prose.csv").write_text("a,y\n" + "word word,1\n" * 1000)
    assert not task._is_long(path, 1000.0) and task._is_long(path, 1e6)
    monkeypatch.setattr(task, "_MANY_BYTES", 10_000)
    assert task._is_long(path, 1000.0) and task._is_long(tmp_path, 1000.0)
