"""Tables as people bring them, from the file to scored rows, by the command line."""

import contextlib
import html
import io
import json
import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest

from equipoise import load
from equipoise.cli import main
from equipoise.tables import read_table
from equipoise.tables.preprocessing import TablePreprocessor


def test_a_check_against_another_table_says_what_sets_it_apart_or_that_nothing_does(command, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=900).round(6), "kind": rng.choice(["a", "b"], 900)})
    table["y"] = np.where(table["x"] + rng.normal(size=900) > 1, "yes", "no")
    own, other, strange = (tmp_path / f"{name}.csv" for name in ("own", "other", "strange"))
    table[:500].to_csv(own, index=False)
    table[500:].drop(columns="y").to_csv(other, index=False)
    pd.concat([table[490:500], table[500:].assign(kind="c")]).to_csv(strange, index=False)
    fine = "no column is lacking, no row is in both tables, and no category is new."
    assert f"{other}: {fine}" in command("check", own, "--target", "y", "--against", other)
    said = command("check", own, "--target", "y", "--against", strange)
    assert fine not in said and "10 of 410 rows of the other table have the features" in said and "'c' (400)" in said
    assert fine not in command("check", own, "--target", "y")


@pytest.fixture
def messy(data_home):
    return data_home / "files" / "messy"


@pytest.fixture
def command(capsys):
    def run(*arguments, refused=False):
        capsys.readouterr()
        if refused:
            with pytest.raises(SystemExit) as caught:
                main([str(argument) for argument in arguments])
            return str(caught.value.code)
        main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def contracts(data_home, tmp_path_factory):
    """A model of the European contracts, and what its fit said."""
    folder, said = tmp_path_factory.mktemp("contracts") / "model", io.StringIO()
    command = ("fit", data_home / "files" / "messy" / "contracts_eu.csv", "--target", "Status", "--recipe", "gbdt")
    with contextlib.redirect_stdout(said):
        main([*map(str, command), "--out", str(folder)])
    return folder, said.getvalue()


def test_european_contracts(contracts, messy, command, tmp_path):
    table, (model, said) = messy / "contracts_eu.csv", contracts
    assert "cp1252" in said and "Numbers are written 1.234,5 in 'Umsatz'" in said
    assert "Dates are written dayfirst in 'Beginn'" in said and "'Vertrag'" in said
    preprocessor = load(model)[0]
    assert preprocessor.formats_ == {"Beginn": "dayfirst", "Beitrag": "1234,5", "Umsatz": "1.234,5", "Rabatt": "1234,5"}
    command("predict", model, table, "--out", tmp_path / "scored.csv")
    scored, rows = read_table(tmp_path / "scored.csv", as_text=True), read_table(table, as_text=True)
    pd.testing.assert_frame_equal(scored[list(rows.columns)], rows)
    assert set(scored["prediction"]) == {"bleibt", "gekündigt"}
    as_there = pd.read_csv(tmp_path / "scored.csv", sep=";", decimal=",", thousands=".")  # as a German Excel reads it
    assert as_there["Umsatz"].dtype == as_there["Beitrag"].dtype == float
    np.testing.assert_allclose(as_there.filter(like="probability_").sum(axis=1), 1)


def test_a_format_of_the_fit_reads_rows_that_do_not_show_it(contracts, messy, command, tmp_path):
    model, _ = contracts
    rows = read_table(messy / "contracts_eu.csv", as_text=True).drop(columns=["Vertrag", "Status"]).head(2)
    rows.assign(Umsatz=["1.810", "1.810,00"], Beginn="01.02.2023", Beitrag="50", Monate="9", Tarif="Basis").to_csv(
        tmp_path / "new.csv", index=False
    )
    out = ("--out", tmp_path / "scored.csv", "--keep-columns", "Umsatz")
    command("predict", model, tmp_path / "new.csv", *out)
    scored = pd.read_csv(tmp_path / "scored.csv")
    preprocessor = load(model)[0]
    same = preprocessor.transform(read_table(tmp_path / "new.csv", as_text=True))
    umsatz = list(preprocessor.get_feature_names_out()).index("Umsatz")
    assert same[0, umsatz] == same[1, umsatz] and scored.columns[0] == "Umsatz"


def test_american_accounts(messy, command, tmp_path):
    table = messy / "accounts_us.csv"
    options = ("--target", "Default", "--recipe", "gbdt", "--id", "Account No.")
    said = command("fit", table, *options, "--out", tmp_path / "model")
    assert "Numbers are written 1,234.5 in 'Balance', 'Credit limit'" in said
    preprocessor = load(tmp_path / "model")[0]
    kinds = {"Opened": "date", "Balance": "number", "Credit limit": "number", "Utilisation": "number"}
    assert preprocessor.kinds_ == kinds | {"Late payments": "number"}
    raw = read_table(table)
    money = pd.to_numeric(raw["Balance"].str.replace(r"[$,)]", "", regex=True).str.replace("(", "-"))
    features = raw[list(preprocessor.feature_names_in_)]
    values = preprocessor.transform(features)[:, list(preprocessor.get_feature_names_out()).index("Balance")]
    assert (
        np.corrcoef(values[money.notna()], money.dropna().clip(money.quantile(0.001), money.quantile(0.999)))[0, 1]
        > 0.99
    )
    command("predict", tmp_path / "model", table, "--out", tmp_path / "scored.csv", "--threshold", "0.3")
    scored = pd.read_csv(tmp_path / "scored.csv")
    assert ((scored["prediction"] == "Yes") == (scored["probability_Yes"] >= 0.3)).all()
    top = ("--top", 3, "--id", "Account No.", "--out", tmp_path / "scored.parquet")
    command("predict", tmp_path / "model", table, *top)
    scored = pd.read_parquet(tmp_path / "scored.parquet")
    assert len(scored) == 3 and scored["probability_Yes"].is_monotonic_decreasing
    assert list(scored.columns) == ["Account No.", "prediction", "probability_No", "probability_Yes"]


def test_open_cases(messy, command, tmp_path):
    table = messy / "open_cases.csv"
    said = command("fit", table, "--target", "finding", "--recipe", "gbdt", "--id", "case", "--out", tmp_path / "model")
    assert "108 of 1,500 rows have no label" in said and "3 classes" in said
    new = messy / "open_cases_to_score.csv"
    said = command("predict", tmp_path / "model", new, "--out", tmp_path / "scored.csv")
    assert "not used: 'handled_by' and 'received'" in said
    scored = read_table(tmp_path / "scored.csv", target="prediction")
    assert len(scored) == 200 and set(scored["prediction"]) >= {"None", "Mild"} and "case" in scored
    shuffled = read_table(new, as_text=True).drop(columns=["region"])
    shuffled.to_csv(tmp_path / "less.csv", index=False)
    arguments = ("predict", tmp_path / "model", tmp_path / "less.csv", "--out", tmp_path / "less_scored.csv")
    assert "lacks columns that the model uses: 'region'" in command(*arguments, refused=True)
    assert "Column 'region' is missing" in command(*arguments, "--allow-missing")


def test_a_new_file_with_other_names_and_another_decimal_mark(command, tmp_path):
    rng = np.random.default_rng(0)
    yes = rng.random(200) < 0.3
    amount = (2000 * rng.random(200) + 1000 * yes).round(2)
    table = pd.DataFrame({"Alter": rng.integers(18, 90, 200), "Vorschäden": rng.integers(0, 9, 200), "Betrag": amount})
    pointed, german, renamed = (tmp_path / f"{name}.csv" for name in ("pointed", "german", "renamed"))
    table.to_csv(pointed, index=False)
    texts = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in amount]
    table.assign(Betrag=texts, Betrug=np.where(yes, "ja", "nein")).to_csv(german, index=False, sep=";")
    table.rename(columns={"Alter": "ALTER", "Vorschäden": "Vorschaeden"}).to_csv(renamed, index=False)
    model, out = tmp_path / "model", tmp_path / "scored.csv"
    command("fit", german, "--target", "Betrug", "--recipe", "logistic", "--out", model)
    command("predict", model, german, "--out", out)
    first = pd.read_csv(out, sep=";", decimal=",")["probability_ja"].to_numpy()

    refused = command("predict", model, renamed, "--out", out, "--decimal", ".", refused=True)
    assert "'Alter' (is it 'ALTER'?) and 'Vorschäden' (is it 'Vorschaeden'?)" in refused
    assert "its option decimal" in command("predict", model, pointed, "--out", out, refused=True)
    command("predict", model, pointed, "--out", out, "--decimal", ".")
    np.testing.assert_allclose(pd.read_csv(out)["probability_ja"], first, rtol=1e-5)


def test_rows_without_a_target_are_scored_on_request(messy, command, tmp_path):
    table = messy / "open_cases.csv"
    options = ("--target", "finding", "--recipe", "gbdt", "--id", "case", "--score-unlabelled")
    said = command("fit", table, *options, "--out", tmp_path / "model")
    assert "108 rows without a target: " in said
    rows = read_table(table, target="finding", as_text=True)
    rows = rows[rows["finding"].isna()].reset_index(drop=True)
    scored = read_table(tmp_path / "unlabelled.csv", target="prediction", as_text=True)
    assert scored["case"].tolist() == rows["case"].tolist() and list(scored)[: rows.shape[1]] == list(rows)
    assert len(scored) == 108 and scored["prediction"].notna().all()
    command("fit", table, *options, "--out", tmp_path / "model")  # its own file may be replaced
    (tmp_path / "unlabelled.csv").write_text("mine\n1\n")
    refused = command("fit", table, *options, "--out", tmp_path / "other", refused=True)
    assert "unlabelled.csv exists and was not written with this model" in refused
    assert (tmp_path / "unlabelled.csv").read_text() == "mine\n1\n" and not (tmp_path / "other").exists()


def test_the_messy_marks_of_a_column_of_numbers(messy):
    frame = read_table(messy / "leaks.csv", target="written_off")
    with pytest.warns(UserWarning, match=r"'income': taken for missing: .*'unknown'"):
        preprocessor = TablePreprocessor().fit(frame.drop(columns="written_off"))
    assert preprocessor.kinds_["income"] == "number" and preprocessor.kinds_["opened"] == "date"


def test_leaks_are_said_first_and_identifiers_left_out(messy, command, tmp_path):
    table, found = messy / "leaks.csv", tmp_path / "found.json"
    said = command("check", table, "--target", "written_off", "--json", found)
    assert said.index("Serious: Column 'status_code'") < said.index("Caution: ")
    kinds = {(record["kind"], tuple(record["columns"])) for record in json.loads(found.read_text())}
    assert {("leak", ("recovered_amount",)), ("identifier", ("case_id",)), ("contradictions", ())} <= kinds
    options = ("--drop", "status_code", "recovered_amount", "--missing-values", "-999", "-", "--recipe", "logistic")
    said = command("fit", table, "--target", "written_off", *options, "--out", tmp_path / "model")
    assert "Serious: Column 'recovered_amount'" not in said and "sentinel" not in said
    used = load(tmp_path / "model")[0].feature_names_in_.tolist()
    assert used == ["age", "score", "exposure", "income", "opened", "note"]
    assert "What the check found" in (tmp_path / "model" / "README.md").read_text()
    command("fit", table, "--target", "written_off", "--keep", "case_id", *options, "--out", tmp_path / "other")
    assert "case_id" in load(tmp_path / "other")[0].feature_names_in_


def test_options_that_name_no_column(messy, command):
    refused = command("check", messy / "leaks.csv", "--target", "written_off", "--drop", "statuscode", refused=True)
    assert "no column 'statuscode'" in refused and "'status_code'" in refused


def test_the_code_of_the_model_card_runs_as_printed(contracts, messy, command, tmp_path):
    table, (model, _) = messy / "contracts_eu.csv", contracts
    code = (model / "README.md").read_text().split("```python")[1].split("```")[0]
    code = code.replace("this folder or zip file", str(model)).replace("rows.csv", str(table))
    scope: dict = {}
    exec(code, scope)
    command("predict", model, table, "--out", tmp_path / "scored.csv")
    scored = pd.read_csv(tmp_path / "scored.csv", sep=";", decimal=",").filter(like="probability_").to_numpy()
    np.testing.assert_allclose(scope["probabilities"], scored, atol=1e-12)


JOURNEYS = {
    "contracts_eu": ("--target", "Status", "--id", "Vertrag"),
    "accounts_us": ("--target", "Default"),
    "leaks": ("--target", "written_off", "--drop", "status_code", "recovered_amount", "--missing-values", "-999"),
    "visits": ("--target", "fraud", "--group", "customer"),
    "open_cases": ("--target", "finding"),
}
ROWS = 1500  # of a journey, at most
ONNX = {"visits": "text", "leaks": "text"}  # what hinders


@pytest.mark.parametrize("name", JOURNEYS)
def test_from_the_file_to_scored_rows_and_a_graph(messy, command, tmp_path, monkeypatch, name):
    """Compare and predict; then the code of the report, run as printed beside it."""
    table, folder = tmp_path / f"{name}.csv", tmp_path / "report"
    header, *lines = (messy / f"{name}.csv").read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join([header, *lines[:: 1 + len(lines) // ROWS]]))
    brief = ("--recipes", "under", "under+remix", "--members", "1", "--folds", "2", "--repeats", "1", "--budget", "3")
    said = command("compare", table, *JOURNEYS[name], *brief, "--out", folder)
    page = (folder / "report.html").read_text()
    shown = html.unescape(re.sub("</?code[^>]*>", "", page))
    for finding in [line.strip() for line in said.splitlines() if line.startswith(("  Serious: ", "  Caution: "))]:
        assert finding.split(": ", 1)[1][:100] in shown
    new = messy / f"{name}_to_score.csv" if name == "open_cases" else table
    shutil.copy(new, folder / "new.csv")
    command("predict", folder / "model", folder / "new.csv", "--out", folder / "scored.csv")
    scored = read_table(folder / "scored.csv", as_text=True)
    rows = read_table(new, as_text=True)
    pd.testing.assert_frame_equal(scored[list(rows.columns)], rows)
    code, scope = html.unescape(re.search(r'<pre tabindex="0" id="code">(.*?)</pre>', page, re.S)[1]), {}
    monkeypatch.chdir(folder)
    exec(code, scope)
    written = scored.filter(like="probability_").map(lambda cell: cell.replace(",", "."))
    probabilities = written.astype(float).to_numpy()
    np.testing.assert_allclose(scope["probabilities"], probabilities, atol=1e-12)
    exported = command("export", folder / "model", "--onnx", "model.onnx", refused=name in ONNX)
    assert ONNX.get(name, "") in exported


def test_marks_of_several_columns_are_one_option_that_works_as_printed(command, tmp_path):
    """What is advised after one mark was given holds that mark, too."""
    n, rng = 400, np.random.default_rng(0)
    marks = pd.DataFrame(
        {
            "age": np.where(np.arange(n) % 10 == 0, -999, rng.integers(18, 80, n)),
            "work": np.where(np.arange(n) % 7 == 0, "?", rng.choice(["a", "b", "c"], n)),
            "y": rng.choice(["yes", "no"], n, p=[0.3, 0.7]),
        }
    )
    marks.to_csv(path := tmp_path / "marks.csv", index=False)
    said = command("check", path, "--target", "y")
    [advice] = [line for line in said.splitlines() if "2 columns hold texts" in line]
    option = shlex.split(advice.partition("use ")[2].removesuffix("."))
    assert option == ["--missing-values", "-999", "?"]
    assert "--missing-values" not in command("check", path, "--target", "y", *option)
    said = command("check", path, "--target", "y", "--missing-values", "?")
    assert "use --missing-values '?' -999." in said and "columns hold texts" not in said
