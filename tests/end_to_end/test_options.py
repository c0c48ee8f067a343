"""Every option of every command, used once; an option without a use here fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from equipoise import __version__
from equipoise.cli.app import app

READ = (
    "--delimiter ; --encoding cp1252 --header --missing-values - -99 --decimal , --thousands . --dates dayfirst "
    "--number paid --category code --date seen --text remark --drop useless --id case --keep counter --group customer "
    "--time seen --gap 1d --weights weight"
)
COMPARE = "--recipes gbdt --folds 2 --repeats 1 --members 1 --metric roc_auc"
TERMS = "--cost miss=20,alarm=1 --benefit catch=5 --capacity 20 --min-recall .8 --min-precision .3 --positive ok"
TERMS_REFUSED = "choose one"
ENCODED_ROWS = ("table.csv --target state --text-encoder nowhere", "nowhere")
ENCODED = (f"{ENCODED_ROWS[0]} --image-size 32 --thumbnails", "--image-size is for images, but table.csv is a table")
SHOWN = "--show-rows --show-values --report-by code --score-unlabelled"

USES = {  # lines of each command, and the refusals that they must meet
    "check": [(f"table.csv --target state {READ} --against new.csv --json found.json", ""), ENCODED],
    "compare": [
        (
            f"table.csv --target state {READ} {COMPARE} --budget 2 {SHOWN} --out report",
            "",
        ),
        (f"table.csv --target state {TERMS}", TERMS_REFUSED),
        ENCODED,
        (f"--demo --seed 1 {COMPARE} --backend local --out demo --track mlflow", ""),
        ("--dataset nowhere --address tcp://127.0.0.1:9", "no data set 'nowhere'"),
    ],
    "fit": [
        (
            f"table.csv --target state {READ} --recipe none --members 1 --seed 3 --budget 2 --score-unlabelled "
            "--out model",
            "",
        ),
        (f"table.csv --target state {TERMS}", TERMS_REFUSED),
        ENCODED,
        ("table.csv --target state --recipe gbdt --decision natural", "applies to the recipe 'auto'"),
    ],
    "predict": [
        (
            "model new.csv --out scored.xlsx --id case --keep-columns paid --threshold .4 --top 5 "
            "--allow-missing --trust --decimal ,",
            "",
        ),
        ("model new.csv --out scored.csv --text-encoder nowhere", "text_encoder has no use"),
        ("model new.csv --out scored.csv --backend dask --address tcp://127.0.0.1:9", "a folder to write"),
    ],
    "export": [("model --onnx model.onnx", "text")],
    "reproduce": [("nothing --out paper --quick --backend dask --address tcp://127.0.0.1:9", "No Dask scheduler")],
    "plan": [
        (f"table.csv --target state {READ} --recall .7 --precision .4 --average-precision .5", ""),
        ("--prior .02 --margin .1 --difference .1", ""),
        ENCODED_ROWS,
    ],
    "datasets list": [("", "")],
    "datasets fetch": [("digits", "")],
}
LINES = [(name, *use) for name, uses in USES.items() for use in uses]


def command_of(name):
    found = app
    for word in name.split():
        found = found[word]
    return found


def commands(within=app, words=()):
    for word in within:
        if not word.startswith("-"):
            below = within[word]
            names = [name for name in below if not name.startswith("-")]
            yield from commands(below, (*words, word)) if names else [" ".join((*words, word))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("options"), np.random.default_rng(0), 240
    late = rng.random(n) < 0.3
    paid = [f"{1000 * x:,.2f}".replace(",", "T").replace(".", ",").replace("T", ".") for x in rng.random(n) + 5 + late]
    words = np.array(["paid", "called", "late", "letter", "lawyer", "visit", "note", "sent", "promised"])
    frame = pd.DataFrame(
        {
            "case": [f"Ö{i}" for i in rng.permutation(n)],
            "counter": np.arange(n),
            "customer": rng.integers(0, 60, n),
            "paid": np.where(rng.random(n) < 0.1, "-", paid),
            "code": rng.choice(["007", "012", "110"], n),
            "seen": pd.Series(
                pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, n), unit="D")
            ).dt.strftime("%d/%m/%Y"),
            "remark": [" ".join(rng.choice(words, 6)) for _ in range(n)],
            "useless": 1,
            "weight": rng.integers(1, 4, n),
            "state": np.where(late, "spät", "ok"),
        }
    )
    frame["state"] = frame["state"].where(np.arange(n) % 30 > 0)
    frame.to_csv(folder / "table.csv", sep=";", index=False, encoding="cp1252")
    new = frame.drop(columns=["state", "code"]).tail(40)
    new.to_csv(folder / "new.csv", sep=";", index=False, encoding="cp1252")
    return folder


def test_every_option_has_a_use():
    assert sorted(USES) == sorted(commands())
    for name, uses in USES.items():
        arguments = command_of(name).assemble_argument_collection()
        options = {argument.names[0] for argument in arguments if argument.names[0].startswith("--")}
        used = {word for line, _ in uses for word in line.split() if word.startswith("--")}
        assert used == options, f"of {name}, not used: {options - used}, unknown: {used - options}"


@pytest.fixture
def model(here, folder, monkeypatch):
    monkeypatch.chdir(folder)
    if not (folder / "model").exists():
        here("fit", *USES["fit"][0][0].split())


@pytest.mark.parametrize(("name", "line", "refusal"), LINES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(LINES)])
def test_each_use(here, model, name, line, refusal):
    assert refusal in here(*name.split(), *line.split(), refused=bool(refusal))


@pytest.mark.parametrize("name", USES)
def test_each_command_as_a_process(equipoise, model, name):
    """Its last use, the shortest; `test_compare` has more."""
    line, refusal = USES[name][-1]
    assert refusal in equipoise(*name.split(), *line.split(), code=1 if refusal else 0).errors


def test_the_command_is_a_script_and_a_module():
    for command in ([Path(sys.executable).with_name("equipoise")], [sys.executable, "-m", "equipoise.cli"]):
        assert subprocess.run([*command, "--version"], capture_output=True, text=True).stdout.strip() == __version__
        refused = subprocess.run([*command, "predict", "nowhere"], capture_output=True, text=True)
        assert refused.returncode == 1 and refused.stderr.startswith("equipoise: ")


def test_names_of_recipes_may_have_commas_between_them_and_columns_are_told_to_have_none(here, fraud_csv, tmp_path):
    command = "compare", fraud_csv, "--target", "is_fraud", "--out", tmp_path / "report"
    assert "There is no recipe 'nonesuch'" in here(*command, "--recipes", "logistic,nonesuch", refused=True)
    said = here(*command, "--recipes", "logistic,gbdt", "--drop", "amount,country", refused=True)
    assert "There is no column 'amount,country'" in said and said.endswith("separate names by blanks.")


def test_a_file_in_the_place_of_the_folder_is_named_as_it_was_typed(here, fraud_csv, tmp_path):
    (tmp_path / "afile").write_text("mine")
    said = here("compare", fraud_csv, "--target", "is_fraud", "--out", tmp_path / "afile", refused=True)
    assert said == f"equipoise: {tmp_path / 'afile'} is a file: choose another folder (--out)."
