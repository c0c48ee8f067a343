"""Every file of the user's stays: databases, tables, columns and models that a command did not write itself."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from equipoise import load
from equipoise.experiments import Store

BRIEF = ("--target", "class", "--recipes", "logistic", "--folds", "2", "--repeats", "1")


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    label = np.repeat(["a", "b"], [150, 50])
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": rng.normal(size=200) + 2 * (label == "b"), "class": label}).to_csv(path, index=False)
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def database(path, version=0, application=0):
    with closing(sqlite3.connect(path)) as file:
        file.executescript(
            f"PRAGMA user_version = {version}; PRAGMA application_id = {application};"
            "CREATE TABLE experiments (id, score); INSERT INTO experiments VALUES (1, .9);"
        )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [((), "holds no results of equipoise"), (("--metric", "typo"), "There is no metric 'typo'")],
)
def test_a_database_of_another_origin_stays_as_it_is(here, table, out, options, sentence):
    database(out / "results.sqlite")
    before = contents(out)
    assert sentence in here("compare", table, *BRIEF, *options, "--out", out, refused=True)
    assert contents(out) == before


def test_a_text_file_in_the_place_of_the_results_stays(here, table, out):
    (out / "results.sqlite").write_text("ten years of work")
    assert "holds no results of equipoise" in here("compare", table, *BRIEF, "--out", out, refused=True)
    assert (out / "results.sqlite").read_text() == "ten years of work"


def test_results_of_another_version_are_named_so(here, table, out):
    with Store(out / "results.sqlite"):
        pass
    with closing(sqlite3.connect(out / "results.sqlite")) as file:
        file.execute("PRAGMA user_version = 99")
    assert "another version of equipoise (format 99" in here("compare", table, *BRIEF, "--out", out, refused=True)


def test_damaged_results_are_named_so(here, table, out):
    here("compare", table, *BRIEF, "--out", out)
    path = out / "results.sqlite"
    whole = path.read_bytes()
    for key, value in [("request", "{"), ("request", "[]"), ("protocol", "3"), ("protocol", '"{}"'), ("seconds", "x")]:
        path.write_bytes(whole)
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
        before = contents(out)
        sentence = here("compare", table, *BRIEF, "--out", out, refused=True)
        assert "results.sqlite is damaged" in sentence
        assert contents(out) == before


@pytest.mark.parametrize("name", ["report.html", "leaderboard.csv", "model/README.md", "model"])
def test_a_file_in_the_place_of_an_output_is_found_before_the_work(here, table, out, name):
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("ten years of work")
    before = contents(out)
    assert name in here("compare", table, *BRIEF, "--out", out, refused=True)
    assert contents(out) == before


def test_a_stray_file_beside_the_model_costs_nothing(here, table, out):
    (out / "model").mkdir()
    (out / "model" / ".DS_Store").write_text("not ours")
    for _ in range(2):
        here("compare", table, *BRIEF, "--out", out)
        assert (out / "model" / ".DS_Store").read_text() == "not ours"
        assert (out / "report.html").exists() and (out / "leaderboard.csv").exists()
        assert load(out / "model").classes_.tolist() == ["a", "b"]


def test_an_early_error_leaves_the_folders_that_were_there(here, table, out):
    (out / "notes.txt").write_text("mine")
    here("compare", table, *BRIEF, "--metric", "typo", "--out", out / "new" / "report", refused=True)
    assert contents(out.parent) == {
        table.relative_to(out.parent): table.read_bytes(),
        (out / "notes.txt").relative_to(out.parent): b"mine",
    }
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_predict_keeps_columns_of_the_same_names(here, tmp_path):
    rng = np.random.default_rng(0)
    label = np.repeat(["no", "yes"], [30, 30])
    rows = pd.DataFrame(
        {"prediction": rng.normal(size=60) + (label == "yes"), "probability_yes": rng.normal(size=60), "y": label}
    )
    rows.to_csv(tmp_path / "t.csv", index=False)
    here("fit", tmp_path / "t.csv", "--target", "y", "--recipe", "logistic", "--out", tmp_path / "model")
    said = here("predict", tmp_path / "model", tmp_path / "t.csv", "--out", tmp_path / "scored.csv")
    scored = pd.read_csv(tmp_path / "scored.csv")
    pd.testing.assert_frame_equal(scored[rows.columns], pd.read_csv(tmp_path / "t.csv"))
    assert list(scored.columns[3:]) == ["prediction_model", "probability_no_model", "probability_yes_model"]
    assert set(scored["prediction_model"]) <= {"no", "yes"}
    assert "'prediction_model'" in said and "'probability_yes'" in said


def test_predict_replaces_its_own_output_only(here, table, tmp_path):
    model, scored = tmp_path / "model", tmp_path / "scored.csv"
    here("fit", table, "--target", "class", "--recipe", "logistic", "--out", model)
    for _ in range(2):
        here("predict", model, table, "--out", scored)
    before = table.read_bytes()
    assert "the table to read" in here("predict", model, table, "--out", table, refused=True)
    scored.write_text("name,phone\nAda,1815\n")
    assert "was not written with this model" in here("predict", model, table, "--out", scored, refused=True)
    assert (scored.read_text(), table.read_bytes()) == ("name,phone\nAda,1815\n", before)


def test_places_of_outputs_are_checked_before_models_are_loaded(here, table, tmp_path):
    for place in (tmp_path / "nowhere" / "scored.csv", tmp_path):
        assert str(place) in here("predict", tmp_path / "no model", table, "--out", place, refused=True)
    assert "nowhere" in here("export", tmp_path / "no model", "--onnx", tmp_path / "nowhere" / "m.onnx", refused=True)
