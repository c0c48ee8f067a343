"""Bad input on the command line: one clear sentence, a non-zero exit, nothing left behind."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from equipoise.cli import main


@pytest.fixture
def refused(capsys, tmp_path):
    """Run a command that must fail and return its sentence."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in arguments])
        assert caught.value.code not in (0, None)
        sentence = str(caught.value.code)
        assert sentence.startswith("equipoise: ") and "\n" not in sentence.strip()
        return sentence

    return run


def write(frame, path):
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def table():
    x = np.random.default_rng(0).normal(size=40).round(2) + np.repeat([0.0, 1.5], [30, 10])
    return pd.DataFrame({"x": x, "class": ["a"] * 30 + ["b"] * 10})


def test_no_table(refused):
    assert "Name one table to compare on" in refused("compare")


def test_missing_file_with_names_near_it(refused, table, tmp_path):
    write(table, tmp_path / "fraud.csv")
    assert "fraud.csv" in refused("compare", tmp_path / "fruad.csv", "--target", "class", "--out", tmp_path / "out")


def test_no_target(refused, table, tmp_path):
    assert "--target" in refused("compare", write(table, tmp_path / "t.csv"))


def test_unknown_target_with_names_near_it(refused, table, tmp_path):
    sentence = refused("compare", write(table, tmp_path / "t.csv"), "--target", "clas", "--out", tmp_path / "out")
    assert "'clas'" in sentence and "'class'" in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class": "a"}, "class"),
        ({"class": ["a"] * 39 + ["b"]}, "'b'"),
        ({"class": [None] * 40}, "'class' of t is empty"),
        ({"class": np.linspace(0, 1, 40)}, "continuous"),
        ({"x": [np.inf] + [0.0] * 39}, "'x'"),
        ({"x": [*map(str, range(39)), "oops"]}, "--missing-values oops"),
        ({"x": None}, "column"),
    ],
    ids=["one class", "one row", "missing target", "continuous", "infinite", "text in numbers", "nothing but missing"],
)
def test_tables_that_cannot_be_compared_on(refused, table, tmp_path, change, said):
    path = write(table.assign(**change), tmp_path / "t.csv")
    assert said in refused("compare", path, "--target", "class", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a,b,a\n1,2,3\n", "'a'"),
        ("x,class\n1,a\n2", "line 3"),
        ('x,class\n1,a\n1,b\n2,"b\n', "quotation"),
    ],
    ids=["empty", "duplicate names", "cut short", "open quote"],
)
def test_files_that_cannot_be_read(refused, tmp_path, text, said):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    assert said in refused("compare", tmp_path / "t.csv", "--target", "class", "--out", tmp_path / "out")


def test_a_parquet_file_cut_short(refused, table, tmp_path):
    table.to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[: len(content) // 2])
    assert "cut short" in refused("compare", tmp_path / "t.parquet", "--target", "class", "--out", tmp_path / "out")


def test_an_output_folder_that_cannot_be_written(refused, table, tmp_path):
    (tmp_path / "file").write_text("in the way")
    sentence = refused(
        "compare", write(table, tmp_path / "t.csv"), "--target", "class", "--out", tmp_path / "file" / "x"
    )
    assert "file" in sentence


def test_unknown_recipe_metric_and_data_set(refused, table, tmp_path):
    path, out = write(table, tmp_path / "t.csv"), tmp_path / "out"
    assert "no recipe 'smot'" in refused("compare", path, "--target", "class", "--recipes", "smot", "--out", out)
    assert "no metric 'auc'" in refused("compare", path, "--target", "class", "--metric", "auc", "--out", out)
    assert "digitz" in refused("compare", "--dataset", "digitz", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recipe", "under", "--decision", "macro_f1"], "--decision applies to the recipe 'auto' only"),
        (["--recipe", "gbdt", "--members", "3"], "--members applies to neural recipes only, and 'gbdt' is not one"),
        (["--members", "3"], "--members applies to neural recipes only"),
        (["--recipe", "auto+remix"], "'auto'"),
    ],
)
def test_options_that_a_recipe_does_not_take(refused, table, tmp_path, options, said):
    path = write(table, tmp_path / "t.csv")
    assert said in refused("fit", path, "--target", "class", *options, "--out", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--drop", "x", "--keep", "x"], "--keep and --drop both name 'x'"),
        (["--number", "x", "--category", "x"], "--number and --category both name 'x'"),
        (["--dates", "monthfirst"], "No column fits --dates monthfirst: correct or remove the option. Column 'day'"),
        (["--decimal", "."], "No column fits --decimal .: correct or remove the option. Column 'x' holds numbers "),
    ],
)
def test_options_that_contradict_each_other_or_the_file(refused, table, tmp_path, options, said):
    day = pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y")
    path = tmp_path / "t.csv"
    table.assign(x=table["x"] + 0.001, day=day).to_csv(path, index=False, sep=";", decimal=",")
    assert said in refused("check", path, "--target", "class", *options)


def test_a_plan_without_a_pilot_takes_no_columns(refused):
    assert "no" in refused("plan", "--prior", ".1", "--target", "y") and "pilot" in refused(
        "plan", "--prior", ".1", "--time", "day"
    )


def test_no_model(refused, table, tmp_path):
    path = write(table, tmp_path / "t.csv")
    assert "There is no model" in refused("predict", tmp_path, path, "--out", tmp_path / "scored.csv")


def test_fewer_rare_rows_than_folds_is_no_error_but_is_said(here, table, tmp_path):
    table["class"] = ["a"] * 37 + ["b"] * 3
    path = write(table, tmp_path / "t.csv")
    said = here(
        "compare",
        path,
        "--target",
        "class",
        "--recipes",
        "none",
        "under",
        "--repeats",
        "1",
        "--members",
        "1",
        "--out",
        tmp_path / "out",
    )
    assert "3 folds instead of 5: the rarest class has only 3 rows" in " ".join(said.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget", "nan"], "positive number of minutes"),
        (["--budget", "-1"], "positive number of minutes"),
        (["--members", "0"], "--members"),
        (["--seed", "-1"], "--seed"),
        (["--seed", str(2**32)], "--seed"),
        (["--folds", "1"], "--folds"),
        (["--repeats", "0"], "--repeats"),
        (["--metric", "g_maen"], "g_mean"),
        (["--recipes", "smoet"], "smote"),
    ],
)
def test_options_out_of_range(refused, table, tmp_path, options, said):
    path = write(table, tmp_path / "t.csv")
    assert said in refused("compare", path, "--target", "class", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predict_without_rows_or_with_a_threshold_that_is_no_number(refused, table, tmp_path):
    path, scored = write(table, tmp_path / "t.csv"), tmp_path / "scored.csv"
    main(["fit", str(path), "--target", "class", "--recipe", "gbdt", "--out", str(tmp_path / "model")])
    empty = write(table.head(0), tmp_path / "empty.csv")
    assert "has no rows below its header" in refused("predict", tmp_path / "model", empty, "--out", scored)
    for value in ("nan", "2"):
        sentence = refused("predict", tmp_path / "model", path, "--out", scored, "--threshold", value)
        assert "probability between 0 and 1" in sentence
    written = refused("predict", tmp_path / "model", path, "--out", scored, "--threshold", "0,1")
    assert "--threshold is '0,1': write 0.1" in written
    assert not scored.exists()


def test_a_file_as_the_folder_is_no_lack_of_space(refused, table, tmp_path):
    (tmp_path / "file").touch()
    sentence = refused("reproduce", "remix-table1", "--out", tmp_path / "file")
    assert str(tmp_path / "file") in sentence and "Free space" not in sentence


@pytest.mark.parametrize("options", [("--target", "clas"), ("--target", "class", "--group", "clas")])
def test_columns_of_a_folder_are_looked_up_before_torch_is_loaded(table, tmp_path, options):
    (tmp_path / "parts").mkdir()
    for part in ("a", "b"):
        write(table, tmp_path / "parts" / f"{part}.csv")
    code = "import sys, atexit; from equipoise.cli import main; atexit.register(lambda: print('torch' in sys.modules))"
    code += "; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "fit", tmp_path / "parts", *options, "--out", tmp_path / "out"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 1 and "did you mean 'class'" in done.stderr and done.stdout == "False\n"
