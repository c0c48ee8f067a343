"""A time limit on the command line: what is told, and when."""

import re

import pytest

SMALL = ["--recipes", "none", "gbdt", "--folds", "2", "--repeats", "1", "--members", "1"]


@pytest.fixture(scope="module")
def told(equipoise, fraud_csv, tmp_path_factory):
    """Lines of a run whose output is a pipe."""
    out = tmp_path_factory.mktemp("budget") / "report"
    done = equipoise("compare", fraud_csv, "--target", "is_fraud", *SMALL, "--budget", "3", "--out", out)
    assert (out / "report.html").exists() and (out / "leaderboard.csv").exists()
    return done.stdout.splitlines()


def test_a_pipe_shows_each_stage_with_the_time_left(told):
    stages = [match for line in told if (match := re.fullmatch(r"(\d\d):(\d\d) ([A-Z][a-z ,]+), .*limit in .+", line))]
    titles = list(dict.fromkeys(match[3].split(",")[0] for match in stages))
    assert titles[0] == "Reading" and titles[1] == "Timing recipes"
    assert titles[-3:] == ["Scoring", "Writing report", "Fitting on all rows"]
    times = [60 * int(match[1]) + int(match[2]) for match in stages]
    assert times == sorted(times)
    assert re.match(r"\d\d:\d\d Reading, checking, limit in", told[0])


def test_what_is_cut_is_told_before_the_first_fit(told):
    """Under a load there may be nothing but cuts, on an idle machine none."""
    notes = [number for number, line in enumerate(told) if line.startswith("Note: ") and "during" not in line]
    fits = [number for number, line in enumerate(told) if re.match(r"\d\d:\d\d (Fitting alone|Resampling)", line)]
    assert not notes or max(notes) < min(fits)


def test_too_short_a_time_is_one_sentence_and_leaves_nothing(equipoise, fraud_csv, tmp_path):
    out = tmp_path / "report"
    done = equipoise("compare", fraud_csv, "--target", "is_fraud", *SMALL, "--budget", "0.02", "--out", out, code=1)
    assert "No recipe can be compared within the time limit of 0.02 minutes: the quickest, '" in done.stderr
    assert done.stderr.strip().endswith("Raise --budget.") and not out.exists()


def test_fit_has_a_time_limit_too(equipoise, fraud_csv, tmp_path):
    command = "fit", fraud_csv, "--target", "is_fraud", "--recipe", "none", "--members", "1"
    done = equipoise(*command, "--budget", "3", "--out", tmp_path / "model")
    assert "Fitting, limit in" in done.stdout and (tmp_path / "model").exists()
    done = equipoise(*command, "--budget", "0.0001", "--out", tmp_path / "none", code=1)
    assert "none cannot be fitted within 0.0001 minutes." in done.stderr and "Raise --budget." in done.stderr
    assert not (tmp_path / "none").exists()
