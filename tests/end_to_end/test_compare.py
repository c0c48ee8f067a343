"""The main job: compare, look, predict. The comparison is a process; `test_options` has each command as one."""

import numpy as np
import pandas as pd
import pytest

from equipoise import load, metrics
from equipoise.classifiers import auto_folds
from equipoise.cli import main
from equipoise.experiments import Store
from equipoise.persistence import read_card


def test_compare_says_what_it_found_and_writes_everything(report):
    folder, said, _ = report
    assert sorted(p.name for p in folder.iterdir()) == [
        "explore.html",
        "leaderboard.csv",
        "model",
        "report.html",
        "report.json",
        "results.sqlite",
        "summary.md",
    ]
    assert "the rare class is 'yes' with 40 rows (19.05%)" in said
    assert all(recipe in said for recipe in ("none", "under", "remix", "gbdt"))
    board = pd.read_csv(folder / "leaderboard.csv")
    assert set(board["recipe"]) == {"none", "under", "remix", "gbdt"}
    assert board["best_g_mean"].is_monotonic_decreasing
    assert "<title>" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_holds_the_command_that_made_it(report):
    page = (report[0] / "report.html").read_text(encoding="utf-8")
    assert "--target is_fraud --recipes none under remix gbdt" in page


def test_the_same_command_again_runs_nothing_anew(report, here, fraud_csv, quick):
    folder, *_ = report
    with Store(folder / "results.sqlite") as store:
        before = [cell.seconds for cell in store.cells()]
    here("compare", fraud_csv, *quick, "--out", folder)
    with Store(folder / "results.sqlite") as store:
        assert [cell.seconds for cell in store.cells()] == before


def test_another_comparison_does_not_mix_into_the_folder(report, here, fraud_csv, quick):
    sentence = here("compare", fraud_csv, *quick, "--seed", "1", "--out", report[0], refused=True)
    assert "holds another comparison, which differs in seed" in sentence


def test_predict_adds_a_prediction_and_probabilities_to_each_row(report, here, frame, tmp_path):
    new = tmp_path / "new.csv"
    frame.drop(columns="is_fraud").sample(frac=1, axis=1, random_state=0).to_csv(new, index=False)
    here("predict", report[0] / "model", new, "--out", tmp_path / "scored.csv")
    scored = pd.read_csv(tmp_path / "scored.csv")
    model = load(report[0] / "model")
    expected = model.predict_proba(pd.read_csv(new))
    np.testing.assert_allclose(scored[["probability_no", "probability_yes"]], expected, rtol=1e-6)
    assert (scored["prediction"] == model.predict(pd.read_csv(new))).all()
    assert metrics.g_mean(frame["is_fraud"], scored["prediction"]) > 0.6  # of any winner: the quickest of equals
    assert len(scored.columns) == 4 + 3


def test_rows_that_do_not_fit_the_model_are_refused(report, here, frame, tmp_path):
    scored = tmp_path / "scored.csv"
    for change, named in (
        (frame.drop(columns="amount"), "amount"),
        (frame.assign(amount="much"), "amount"),
    ):
        change.to_csv(tmp_path / "new.csv", index=False)
        sentence = here("predict", report[0] / "model", tmp_path / "new.csv", "--out", scored, refused=True)
        assert named in sentence and "\n" not in sentence
    assert not scored.exists()


@pytest.fixture
def brief_auto(monkeypatch):
    """Auto with two folds of its own, to be fitted in this process: the same, in less time."""
    monkeypatch.setattr(auto_folds, "FOLDS", 2)


def test_fit_needs_no_choice_and_predict_writes_what_is_decided(brief_auto, fraud_csv, frame, tmp_path):
    """Auto's probabilities are natural, and it decides for equal classes: the most probable class is another."""
    out, new, scored = (str(tmp_path / name) for name in ("model", "new.csv", "scored.csv"))
    frame.drop(columns="is_fraud").assign(amount=np.linspace(-2, 4, len(frame))).to_csv(new, index=False)
    main(["fit", str(fraud_csv), "--target", "is_fraud", "--drop", "day", "--out", out])  # the day tells all
    main(["predict", out, new, "--out", scored])
    rows, model = pd.read_csv(scored), load(out)
    assert (rows["prediction"] == model.predict(pd.read_csv(new).drop(columns="day"))).all()
    assert (rows["prediction"] != np.where(rows["probability_yes"] > 0.5, "yes", "no")).any()
    about = read_card(out)["about"]
    assert (about["recipe"], about["decision"]) == ("auto", "balanced")


def test_fit_decides_as_it_is_told(brief_auto, fraud_csv, frame, tmp_path):
    out = tmp_path / "model"
    main(["fit", str(fraud_csv), "--target", "is_fraud", "--decision", "natural", "--out", str(out)])
    model, rows = load(out), frame.drop(columns="is_fraud").assign(amount=np.linspace(-2, 4, len(frame)))
    assert read_card(out)["about"]["decision"] == model[-1].decision == "natural"
    assert (model.predict(rows) == model.classes_[model.predict_proba(rows).argmax(axis=1)]).all()


def test_fit_saves_a_model_of_one_recipe(here, fraud_csv, frame, tmp_path):
    here(
        "fit",
        fraud_csv,
        "--target",
        "is_fraud",
        "--recipe",
        "under+mixup",
        "--members",
        "2",
        "--out",
        tmp_path / "model",
    )
    model = load(tmp_path / "model")
    assert model[-1].n_members == 2
    assert model.predict_proba(frame.drop(columns="is_fraud")).shape == (210, 2)


@pytest.mark.parametrize("command", ["leaderboard", "datasets"])
def test_tables_are_whole_on_a_terminal_of_80_columns(here, fraud_csv, tmp_path, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    if command == "datasets":
        said = here("datasets", "list")
        assert "breast_cancer" in said and "loads offline" in said
    else:
        options = ("--target", "is_fraud", "--recipes", "gbdt", "gbdt-balanced", "--folds", "2", "--repeats", "1")
        said = here("compare", fraud_csv, *options, "--out", tmp_path / "out")
        assert "gbdt-balanced" in said and "its best" in said and "precision" in said
    assert "…" not in said
