"""Tables come into the data home whole or not at all; only the network itself is replaced here."""

import io
import re
import tarfile
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from equipoise import datasets
from equipoise.datasets import fetching
from equipoise.datasets.entries import entries

YEAST = {"CYT": 463, "NUC": 429, "MIT": 244, "ME3": 163, "ME2": 51, "ME1": 44, "EXC": 35, "VAC": 55}


def openml_answer(counts, n_features, **columns):
    """What fetch_openml returns: features as they come, labels as categories of text."""
    labels = np.random.default_rng(0).permutation(np.repeat(list(counts), list(counts.values())))
    values = np.random.default_rng(1).normal(size=(len(labels), n_features))
    data = pd.DataFrame(values, columns=[f"V{i}" for i in range(n_features)])
    data = data.assign(**{name: make(len(labels)) for name, make in columns.items()})
    return Bunch(data=data, target=pd.Series(pd.Categorical(labels), name="class"))


@pytest.fixture
def openml(monkeypatch):
    """Have OpenML answer with one table; the calls are recorded."""

    def answer(bunch):
        calls = []

        def fetch_openml(**options):
            calls.append(options)
            if isinstance(bunch, Exception):
                raise bunch
            return bunch

        monkeypatch.setattr(fetching, "fetch_openml", fetch_openml)
        return calls

    return answer


def test_a_table_is_fetched_once_and_kept(tmp_path, openml):
    calls = openml(openml_answer(YEAST, 8))
    task = datasets.load("yeast_2_vs_4", data_home=tmp_path)
    assert task.X.shape == (514, 8)
    assert task.y.value_counts().to_dict() == {"negative": 463, "positive": 51}
    assert [call["data_id"] for call in calls] == [181]
    kept = pd.read_parquet(tmp_path / "tables" / "yeast_2_vs_4.parquet")
    assert kept.columns[-1] == "target"
    again = datasets.load("yeast_2_vs_4", data_home=tmp_path)
    pd.testing.assert_frame_equal(again.X, task.X)
    assert len(calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]  # no temporary folder is left


def test_labels_and_rows_stay_together(tmp_path, openml):
    bunch = openml_answer(YEAST, 8)
    openml(bunch)
    task = datasets.load("yeast_2_vs_4", data_home=tmp_path)
    chosen = bunch.data[bunch.target.isin(["CYT", "ME2"])]
    np.testing.assert_array_equal(task.X.to_numpy(), chosen.to_numpy())
    np.testing.assert_array_equal(task.y == "positive", bunch.target[chosen.index] == "ME2")


def test_columns_that_are_no_features_are_dropped(tmp_path, openml):
    openml(openml_answer({"0": 5581, "1": 1017}, 166, molecule_name=lambda n: ["benzene"] * n))
    task = datasets.load("musk2", data_home=tmp_path)
    assert task.X.shape == (6598, 166)
    assert "molecule_name" not in task.X
    assert task.rare == 1  # an integer, as in the original


def test_numbers_declared_as_categories_become_numbers(tmp_path, openml):
    columns = {
        "whole": lambda n: pd.Categorical(np.arange(n).astype(str)),
        "broken": lambda n: pd.Categorical([None] + ["0.5"] * (n - 1)),
        "sparse": lambda n: pd.arrays.SparseArray(np.arange(n) % 2),
        "text": lambda n: pd.Categorical(["f", "t"] * (n // 2)),
    }
    openml(openml_answer(YEAST, 4, **columns))
    X = datasets.load("yeast_2_vs_4", data_home=tmp_path).X
    assert X["whole"].dtype.kind == "i"
    assert X["broken"].dtype.kind == "f" and X["broken"].isna().sum() <= 1
    assert X["sparse"].dtype.kind == "i"
    assert set(X["text"]) == {"f", "t"}


def test_a_copy_that_is_known_to_differ_is_accepted(tmp_path, openml):
    counts = {"1.": 1531, "2.": 703, "3.": 1356, "4.": 625, "5.": 707, "7.": 1508}
    openml(openml_answer(counts, 36))
    task = datasets.load("satimage_multiclass", data_home=tmp_path)
    assert len(task.y) == 6430
    assert set(task.y) == {1, 2, 3, 4, 5, 7}


@pytest.mark.parametrize(
    ("counts", "n_features"),
    [(YEAST | {"ME2": 50}, 8), (YEAST, 9), (YEAST | {"ME2": 50, "CYT": 464}, 8)],
    ids=["rows", "features", "classes"],
)
def test_another_table_than_expected_is_refused_and_not_kept(tmp_path, openml, counts, n_features):
    openml(openml_answer(counts, n_features))
    expected = "yeast_2_vs_4 must have 514 rows, 8 features, classes {negative: 463, positive: 51}, but "
    classes = f"{{negative: {counts['CYT']}, positive: {counts['ME2']}}}"
    found = f"OpenML 181 has {counts['CYT'] + counts['ME2']} rows, {n_features} features, classes {classes}"
    with pytest.raises(ValueError, match=re.escape(expected + found)):
        datasets.load("yeast_2_vs_4", data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_figures_that_were_never_verified_are_called_so(tmp_path, openml):
    openml(openml_answer({"6": 10, "8": 10}, 10))
    with pytest.raises(ValueError, match="from documentation, never verified"):
        datasets.load("poker_8_vs_6", data_home=tmp_path)


@pytest.mark.parametrize("fault", [URLError("no route"), TimeoutError("slow"), ValueError("unknown id")])
def test_a_download_that_fails_is_one_sentence(tmp_path, openml, fault):
    openml(fault)
    message = f"spambase is not in the data home {tmp_path} and could not be fetched from OpenML 44 ("
    with pytest.raises(ConnectionError, match=re.escape(message)):
        datasets.fetch("spambase", data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_set_without_a_public_source_says_why(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"seizure cannot be fetched: UCI .*seizure\.parquet"):
        datasets.load("seizure", data_home=tmp_path)


def test_a_data_home_that_cannot_be_written(tmp_path, openml):
    openml(openml_answer(YEAST, 8))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"data home .*file.inside cannot be written .*EQUIPOISE_DATA_HOME"):
        datasets.fetch("yeast_2_vs_4", data_home=tmp_path / "file" / "inside")


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"no data set 'segmnt' in the catalogue: did you mean 'segment'"):
        datasets.load("segmnt")
    with pytest.raises(ValueError, match=r"equipoise datasets list shows them all"):
        datasets.fetch("zzzzzz")


# Files in the data home that are not what they should be


def test_a_table_that_changed_is_refused(tmp_path):
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "spambase.parquet"
    pd.DataFrame({"x": [1.0, 2.0], "target": [0, 1]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"4601 rows, 57 features.* has 2 rows, 1 features, classes {0: 1, 1: 1}"):
        datasets.load("spambase", data_home=tmp_path)
    pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}).to_parquet(path)
    with pytest.raises(ValueError, match="must be in a column 'target'"):
        datasets.load("spambase", data_home=tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cut short"):
        datasets.load("spambase", data_home=tmp_path)


# imbalanced-learn's archive: its own fetcher runs, only the transfer is replaced.


@pytest.fixture
def zenodo(monkeypatch):
    def npz(entry, seed):
        rng = np.random.default_rng(seed)
        labels = np.repeat([int(label) for label in entry.counts], list(entry.counts.values()))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, data=rng.normal(size=(entry.rows, entry.features)), label=labels)
        return buffer.getvalue()

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("ecoli", "libras_move"):
            content = npz(entries()[name], seed=0)
            member = tarfile.TarInfo(f"x{entries()[name].number}data.npz")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr("imblearn.datasets._zenodo.urlopen", lambda url: io.BytesIO(archive.getvalue()))
    return archive


def test_the_benchmark_is_fetched_in_one_go(tmp_path, zenodo):
    task = datasets.load("ecoli", data_home=tmp_path)
    assert task.X.shape == (336, 7) and task.rare == 1
    assert sorted(path.name for path in (tmp_path / "zenodo").iterdir()) == ["x13data.npz", "x1data.npz"]
    assert [path.name for path in tmp_path.iterdir()] == ["zenodo"]
    assert datasets.catalogue(data_home=tmp_path).set_index("name").loc["libras_move", "present"]


def test_files_that_are_at_home_stay(tmp_path, zenodo):
    (tmp_path / "zenodo").mkdir()
    (tmp_path / "zenodo" / "x13data.npz").write_text("mine")
    datasets.fetch("ecoli", data_home=tmp_path)
    assert (tmp_path / "zenodo" / "x13data.npz").read_text() == "mine"
    with pytest.raises(ValueError, match=r"x13data\.npz is damaged"):
        datasets.load("libras_move", data_home=tmp_path)


def test_an_archive_cut_short(tmp_path, zenodo):
    zenodo.truncate(1000)
    with pytest.raises(ConnectionError, match="could not be fetched from imbalanced-learn"):
        datasets.load("ecoli", data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_benchmark_file_cut_short(tmp_path, zenodo):
    path = datasets.fetch("ecoli", data_home=tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged or cut short"):
        datasets.load("ecoli", data_home=tmp_path)
