"""A folder of files as a table on the command line: fitted by a sample, scored file by file."""

import sys

import numpy as np
import pandas as pd
import pytest

from equipoise.cli import main, results, task
from equipoise.datasets import in_time
from equipoise.files import is_table_folder
from equipoise.persistence import read_card

N = 6000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    label = np.where(rng.random(N) < 0.03, "fraud", "fine")
    amount = rng.normal(size=N) + 2.0 * (label == "fraud")
    return pd.DataFrame({"amount": amount, "shop": rng.choice(["a", "b", "c"], N), "label": label})


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    made = tmp_path_factory.mktemp("big") / "payments"
    made.mkdir()
    for part in range(3):
        table.iloc[2000 * part : 2000 * part + 2000].to_parquet(made / f"{part}.parquet", index=False)
    return made


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("fitted") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("equipoise.datasets.opened._CELLS", 3 * 1000)  # a sample of 1000 rows
        run(patch, "fit", folder, "--target", "label", "--recipe", "logistic", "--out", path)
    return path


def run(patch, *words):
    patch.setattr(sys, "argv", ["equipoise", *map(str, words)])
    main()


def scored(folder):
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.iterdir())], ignore_index=True)


def test_a_folder_is_scored_file_by_file_as_one_file_would_be(table, folder, model, tmp_path, monkeypatch, capsys):
    about = read_card(model)["about"]
    assert about["rows"] == N and about["class_counts"]["fraud"] == (table["label"] == "fraud").sum()
    run(monkeypatch, "predict", model, folder, "--out", tmp_path / "scored")
    assert "6,000 rows in 3 files" in capsys.readouterr().out
    found = scored(tmp_path / "scored")
    assert sorted(path.name for path in (tmp_path / "scored").iterdir()) == ["0.parquet", "1.parquet", "2.parquet"]
    table.to_parquet(tmp_path / "all.parquet", index=False)
    run(monkeypatch, "predict", model, tmp_path / "all.parquet", "--out", tmp_path / "one.parquet")
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "one.parquet"), check_dtype=False)
    run(monkeypatch, "predict", model, folder, "--out", tmp_path / "of_all.parquet")
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "of_all.parquet"), check_dtype=False)
    rate = (table["label"] == "fraud").mean()
    assert abs(found["probability_fraud"].mean() - rate) < 0.3 * rate  # half of the sample would be fraud


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_two_workers_score_the_same_files(folder, model, tmp_path, monkeypatch, name):
    pytest.importorskip(name)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    run(monkeypatch, "predict", model, folder, "--out", tmp_path / "here")
    run(monkeypatch, "predict", model, folder, "--out", tmp_path / "there", "--backend", name)
    pd.testing.assert_frame_equal(scored(tmp_path / "there"), scored(tmp_path / "here"), check_exact=True)


def test_a_folder_is_compared_on_by_sampled_folds_and_says_so(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("equipoise.datasets.opened._CELLS", 3 * 1000)
    options = ["--recipes", "logistic", "under+calibrated", "--folds", "2", "--repeats", "1", "--members", "1"]
    options += ["--budget", "120"]  # plenty, also on a busy machine
    run(monkeypatch, "compare", folder, "--target", "label", "--out", tmp_path / "report", *options)
    said = " ".join(capsys.readouterr().out.split())
    assert "payments: 6,000 rows" in said
    assert "A sample by class: 1,000 of 6,000 rows" in said
    assert "weighed as a sample by class of 6,000 rows" in said
    assert (tmp_path / "report" / "model").exists()


def test_a_folder_that_there_is_no_time_to_read_is_compared_on_some_parts(folder, tmp_path, monkeypatch, capsys):
    """At half a second a row: the comparison goes on with the parts that it drew, whatever the time then."""
    first_rows = in_time._first_rows
    monkeypatch.setattr(task, "_MANY_ROWS", 0)
    monkeypatch.setattr(in_time, "_first_rows", lambda *given: (first_rows(*given)[0], 0.54))
    options = [
        "--recipes",
        "logistic",
        "--folds",
        "2",
        "--repeats",
        "1",
        "--members",
        "1",
        "--out",
        tmp_path / "report",
    ]
    for budget in (120, 240):
        run(monkeypatch, "compare", folder, "--target", "label", *options, "--budget", str(budget))
        said = " ".join(capsys.readouterr().out.split())
        assert "Only 2 of 3 parts of payments (files, or row groups of them), drawn at random, are read" in said
        assert "2 of 3 parts of payments: 4,000 rows" in said
    assert results.rows_read(tmp_path / "report") == (4000, 2)
    assert "2 of 3 parts of payments" in str(read_card(tmp_path / "report" / "model"))


def test_terms_decide_for_the_whole_table(folder, table, tmp_path, monkeypatch):
    monkeypatch.setattr("equipoise.datasets.opened._CELLS", 3 * 1000)
    options = ["--recipe", "logistic", "--capacity", "5%", "--out", tmp_path / "model"]
    run(monkeypatch, "fit", folder, "--target", "label", *options)
    about = read_card(tmp_path / "model")["about"]
    assert about["rows"] == N and about["trained_rows"] == 1000
    run(monkeypatch, "predict", tmp_path / "model", folder, "--out", tmp_path / "one.parquet")
    assert abs((pd.read_parquet(tmp_path / "one.parquet")["prediction"] == "fraud").mean() - 0.05) < 0.02


def test_csv_files_are_read_alike(table, tmp_path, monkeypatch):
    made = tmp_path / "csv"
    made.mkdir()
    for part in range(2):
        table.iloc[3000 * part : 3000 * part + 3000].to_csv(made / f"{part}.csv", index=False)
    table.iloc[:5].assign(label="").to_csv(made / "open.csv", index=False)
    options = ["--recipe", "logistic", "--out", tmp_path / "model", "--score-unlabelled"]
    run(monkeypatch, "fit", made, "--target", "label", *options)
    assert len(pd.read_csv(tmp_path / "unlabelled.csv")) == 5
    (made / "open.csv").unlink()
    run(monkeypatch, "predict", tmp_path / "model", made, "--out", tmp_path / "scored")
    found = pd.concat([pd.read_csv(path) for path in sorted((tmp_path / "scored").iterdir())])
    assert len(found) == N and (found["amount"].to_numpy() == pytest.approx(table["amount"].to_numpy()))


def test_files_that_would_be_scored_to_one_file_are_refused_before_any_is_written(table, tmp_path, monkeypatch, model):
    made = tmp_path / "twice"
    made.mkdir()
    for name in ("a.csv", "a.csv.gz"):
        table.iloc[:50].to_csv(made / name, index=False)
    with pytest.raises(SystemExit, match=r"written to a\.csv: rename"):
        run(monkeypatch, "predict", model, made, "--out", tmp_path / "scored")
    assert not (tmp_path / "scored").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "FOLDER", "--target", "label", "--score-unlabelled"], "use `equipoise predict`"),
        (["predict", "MODEL", "FOLDER", "--out", "scored", "--top", "3"], "name one file to write"),
        (["predict", "MODEL", "FOLDER", "--out", "one.csv", "--backend", "dask"], "a folder to write"),
    ],
)
def test_what_cannot_be_done_on_a_sample_is_refused(folder, model, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equipoise.datasets.opened._CELLS", 3 * 1000)
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *({"FOLDER": folder, "MODEL": model}.get(word, word) for word in words))
    assert message in " ".join(str(stopped.value).split())


def test_a_folder_of_images_with_a_csv_file_beside_is_no_table(folder, tmp_path):
    assert is_table_folder(folder)
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    assert is_table_folder(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    assert not is_table_folder(tmp_path)
