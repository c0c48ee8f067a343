"""Costs, a capacity and floors on the command line: taken by `compare` and `fit`, used by `predict`."""

import re

import numpy as np
import pandas as pd
import pytest

from equipoise import load
from equipoise.cli import main
from equipoise.cli.terms import Stated
from equipoise.persistence import read_card

QUICK = ["--recipe", "gbdt"]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    fraud = rng.random(210) < 0.2
    amount = rng.normal(size=210).round(3) + 3.0 * fraud
    return pd.DataFrame({"amount": amount, "age": rng.normal(size=210), "is_fraud": np.where(fraud, "yes", "no")})


@pytest.fixture(scope="module")
def fraud_csv(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "fraud.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def compared(tmp_path_factory, fraud_csv):
    folder = tmp_path_factory.mktemp("terms") / "report"
    command = ["compare", fraud_csv, "--target", "is_fraud", "--recipes", "gbdt", "--folds", "3"]
    return [*command, "--repeats", "1", "--members", "1", "--budget", "5", "--out", folder]


def scored(here, model, table, tmp_path, *options):
    said = here("predict", model, table, "--out", tmp_path / "scored.csv", *options)
    return pd.read_csv(tmp_path / "scored.csv"), said


def test_compare_ships_the_winner_with_the_decision(compared, here, capsys, fraud_csv, tmp_path):
    folder = compared[-1]
    said = here(*compared, "--cost", "miss=20,alarm=1")
    assert (
        "Decision: the lowest total cost (miss 20, alarm 1; positive class 'yes'); 'yes' from a probability of" in said
    )
    model = load(folder / "model")
    table, _ = scored(here, folder / "model", fraud_csv, tmp_path)
    by_threshold = np.where(table["probability_yes"] > model[-1].threshold_, "yes", "no")
    np.testing.assert_array_equal(table["prediction"], by_threshold)
    assert "The decision aims at the lowest total cost" in (folder / "model" / "README.md").read_text(encoding="utf-8")

    here(*compared, "--cost", "miss=1,alarm=2")  # the same comparison: nothing runs again
    assert load(folder / "model")[-1].threshold_ > model[-1].threshold_

    with pytest.raises(SystemExit) as ended:
        main([*map(str, compared), "--cost", "miss=1,alarm=100000"])  # never an alarm costs the least
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "No winner is crowned. No method is usable by your terms" in " ".join(said.split())
    assert f"{folder / 'model'} is of an earlier command, and does not decide by this one." in said


def test_a_capacity_counts_the_rows_of_the_file(compared, here, fraud_csv, frame, tmp_path, monkeypatch):
    folder = compared[-1]
    here(*compared, "--capacity", "25")
    table, _ = scored(here, folder / "model", fraud_csv, tmp_path)
    assert (table["prediction"] == "yes").sum() == 25
    alarms = table["prediction"] == "yes"
    assert table["probability_yes"][alarms].min() >= table["probability_yes"][~alarms].max()

    from equipoise.tables import reading

    whole = reading.table_batches
    monkeypatch.setattr(
        reading,
        "table_batches",
        lambda *a, **k: (part[i : i + 40] for part in whole(*a, **k) for i in range(0, len(part), 40)),
    )
    in_parts, _ = scored(here, folder / "model", fraud_csv, tmp_path)
    pd.testing.assert_frame_equal(in_parts, table)

    frame.head(10).to_csv(tmp_path / "few.csv", index=False)
    few, said = scored(here, folder / "model", tmp_path / "few.csv", tmp_path)
    assert (few["prediction"] == "yes").all()
    assert "Every row gets an alarm: the batch, of 10 rows" in said


def test_costs_ask_for_alarms_and_the_capacity_ends_them(compared, here, fraud_csv, tmp_path):
    folder = compared[-1]
    said = here(*compared, "--cost", "miss=3,alarm=1", "--capacity", "25")
    assert "the lowest total cost (miss 3, alarm 1; positive class 'yes') with alarms for at most 25 rows" in said
    table, _ = scored(here, folder / "model", fraud_csv, tmp_path)
    model = load(folder / "model")
    wanted = table["probability_yes"] > model[-1].threshold_
    first = table["probability_yes"][wanted].nlargest(25).index
    assert sorted(first) == np.flatnonzero(table["prediction"] == "yes").tolist() and len(first) == 25
    few = table[~wanted].drop(columns=["prediction", "probability_yes", "probability_no"]).head(10)
    few.to_csv(tmp_path / "few.csv", index=False)
    none, said = scored(here, folder / "model", tmp_path / "few.csv", tmp_path)
    assert (none["prediction"] == "no").all() and "Every row gets an alarm" not in said
    assert "with alarms for at most 25 rows of a batch" in (folder / "model" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "check"),
    [
        (("--capacity", "10%", "--cost", "miss=9,alarm=1"), lambda alarms, fraud: 0 < alarms.sum() <= 21),
        (("--capacity", "10%"), lambda alarms, fraud: alarms.sum() == 21),
        (("--min-recall", ".9"), lambda alarms, fraud: alarms[fraud].mean() >= 0.9),
        (("--min-precision", ".9"), lambda alarms, fraud: fraud[alarms].mean() >= 0.8),
        (("--cost", "miss=1,alarm=1", "--positive", "no"), lambda alarms, fraud: 0 < alarms.sum() < len(alarms)),
    ],
)
def test_fit_takes_them_too(here, fraud_csv, frame, tmp_path, option, check):
    here("fit", fraud_csv, "--target", "is_fraud", *QUICK, *option, "--out", tmp_path / "model")
    table, _ = scored(here, tmp_path / "model", fraud_csv, tmp_path)
    assert check(table["prediction"].to_numpy() == "yes", frame["is_fraud"].to_numpy() == "yes")
    positive = "no" if "--positive" in option else "yes"
    assert read_card(tmp_path / "model")["about"]["positive"] == positive
    top, _ = scored(here, tmp_path / "model", fraud_csv, tmp_path, "--top", "3")
    assert top[f"probability_{positive}"].min() >= table[f"probability_{positive}"].nlargest(3).min() - 1e-12


def test_costs_of_several_classes_come_from_a_csv_file(here, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 200, p=[0.6, 0.3, 0.1])
    table = pd.DataFrame({"x": rng.normal(size=200) + (y == "c"), "y": y})
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "costs.csv").write_text("true,a,b,c\na,0,1,1\nb,1,0,1\nc,90,90,0\n")
    options = ["fit", tmp_path / "t.csv", "--target", "y", *QUICK, "--out", tmp_path / "model"]
    here(*options, "--cost", tmp_path / "costs.csv")
    found, _ = scored(here, tmp_path / "model", tmp_path / "t.csv", tmp_path)
    assert (found["prediction"][table["y"] == "c"] == "c").mean() > 0.9
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    table_of_costs = card.partition("Costs of each true class (rows) and decided class (columns):")[2].splitlines()[2:7]
    assert [line.strip("| ").split(" | ") for line in table_of_costs if "---" not in line] == [
        ["true / decided", "a", "b", "c"],
        ["a", "0", "1", "1"],
        ["b", "1", "0", "1"],
        ["c", "90", "90", "0"],
    ]
    (tmp_path / "costs.csv").write_text("true,a,b\na,0,1\nb,1,0\n")
    sentence = here(*options, "--cost", tmp_path / "costs.csv", refused=True)
    assert "a row is missing for 'c'" in sentence


@pytest.mark.parametrize("text", ["true;a;b\na;0;2,5\nb;1.000,25;0\n", ",a,b\na,0,2.5\nb,1000.25,0\n"])
def test_costs_are_read_as_excel_writes_them(tmp_path, text):
    (tmp_path / "costs.csv").write_text(text, encoding="utf-8-sig")
    terms = Stated(cost=str(tmp_path / "costs.csv")).terms()
    assert terms.cost == {"a": {"a": 0, "b": 2.5}, "b": {"a": 1000.25, "b": 0}}


def test_costs_of_labels_that_are_numbers_or_words_for_nothing(tmp_path):
    (tmp_path / "costs.csv").write_text(",0,None\n0,0,1\nNone,20,0\n")
    terms = Stated(cost=str(tmp_path / "costs.csv")).terms()
    assert terms.cost == {"0": {"0": 0, "None": 1}, "None": {"0": 20, "None": 0}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("true;a;b\na;0;2,5\nb;viel;0\n", "a semicolon between cells and a decimal comma: 'viel' is no number"),
        ("true,a,b\na,0,2.5\nb,,0\n", "a comma between cells and a decimal point: a cell is empty"),
        ("true,a,b\na,0,2.5\nb,1,0\nb,3,0\n", "and has several rows for 'b'"),
        ("true,a,b,a\na,0,2.5,0\nb,1,0,1\n", "and has several columns for 'a'"),
        ("\n", "costs.csv is empty"),
        ("true;a;b\na;0;20.000\nb;1;0\n", "'20.000' reads as a number in two ways"),
        ("true\ta\tb\na\t0\n", "a tab between cells, and is no table of costs"),
    ],
)
def test_messages_on_costs_say_how_the_file_was_read(tmp_path, text, sentence):
    (tmp_path / "costs.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Stated(cost=str(tmp_path / "costs.csv")).terms()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--cost", "miss=20,alarm"), "'' is no number"),
        (("--cost", "mis=20"), 'write "miss=20,alarm=1"'),
        (("--cost", "20"), 'write "miss=20,alarm=1"'),
        (("--cost", "nowhere.csv"), "nowhere.csv"),
        (("--cost", "miss=0,alarm=1"), "'no' is the best decision for every row"),
        (("--capacity", "2.5"), "write a number of rows"),
        (("--capacity", "120%"), "write a number of rows"),
        (
            ("--capacity", "20", "--min-recall", ".5"),
            "--capacity goes with --cost and --benefit, not with --min-recall",
        ),
        (("--min-recall", "80"), "Must be above 0 and at most 1"),
        (("--positive", "maybe"), "There is no class 'maybe'"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "compare"])
def test_wrong_values_are_told_before_the_work(here, fraud_csv, tmp_path, command, option, sentence):
    said = here(command, fraud_csv, "--target", "is_fraud", *option, "--out", tmp_path / "new", refused=True)
    assert sentence in said
    assert not (tmp_path / "new").exists()


def test_two_decisions_are_one_too_many(here, fraud_csv, tmp_path):
    options = ["--decision", "natural", "--capacity", "5", "--out", tmp_path / "new"]
    assert "two decisions" in here("fit", fraud_csv, "--target", "is_fraud", *options, refused=True)
