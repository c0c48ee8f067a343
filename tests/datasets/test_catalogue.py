"""What the catalogue promises, and that the sets in the data home keep it."""

import os
from collections import Counter
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from imblearn.datasets import fetch_datasets
from sklearn.datasets import load_breast_cancer, load_digits

from equipoise import datasets
from equipoise.datasets.entries import entries

HOME = os.environ.get("EQUIPOISE_DATA_HOME")
LISTED = datasets.catalogue()
PRESENT = dict(zip(LISTED["name"], LISTED["present"]))

# Rows of the class that the comparison suite and the papers' tasks are about, from their published tables.
RARE_ROWS = {
    "ecoli": 35,
    "optical_digits": 554,
    "satimage": 626,
    "pen_digits": 1055,
    "abalone": 391,
    "sick_euthyroid": 293,
    "spectrometer": 45,
    "car_eval_34": 134,
    "yeast_ml8": 178,
    "scene": 177,
    "libras_move": 24,
    "coil_2000": 586,
    "arrhythmia": 25,
    "oil": 41,
    "letter_img": 734,
    "ozone_level": 73,
    "connect4": 6449,
    "musk2": 1017,
    "segment": 330,
    "seizure": 2300,
    "shuttle": 171,
    "sick": 231,
    "credit_default": 6636,
    "poker_8_vs_6": 17,
    "winequality_red_8_vs_6": 18,
    "yeast_2_vs_4": 51,
    "page_blocks_13_vs_4": 28,
    "creditcard_5k": 492,
}
PAPERS = {
    "MUBO": {"ionosphere", "gisette", "abalone_rings_7", "spambase", "connect4", "connect4_games"},
    "ReMix": {
        "musk2",
        "segment",
        "segment_multiclass",
        "satimage_multiclass",
        "seizure",
        "seizure_multiclass",
        "coil2000",
        "ozone",
        "aps_failure",
        "cifar10",
        "optdigits",
        "letter",
    },
    "SMOTified-GAN": {
        "page_blocks_13_vs_4",
        "ecoli4",
        "poker_8_vs_6",
        "winequality_red_8_vs_6",
        "yeast_2_vs_4",
        "abalone_rings_7",
        "ionosphere",
        "spambase",
        "shuttle",
    },
}


def test_every_set_of_the_benchmark_is_listed():
    # imbalanced-learn names its 27 sets in its own documentation: column 2 of the table there.
    lines = fetch_datasets.__doc__.splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
    published = {row[1]: (int(row[4].replace(",", "")), int(row[5])) for row in cells if row[0].isdigit()}
    assert len(published) == 27
    numbers = {row[1]: int(row[0]) for row in cells if row[0].isdigit()}
    ours = {name: entry for name, entry in entries().items() if entry.kind == "zenodo"}
    assert {name: (entry.rows, entry.features) for name, entry in ours.items()} == published
    assert {name: entry.number for name, entry in ours.items()} == numbers


@pytest.mark.parametrize("paper", PAPERS)
def test_every_set_of_the_papers_is_listed(paper):
    used_by = zip(LISTED["name"], LISTED["used_by"].str.split(", "))
    assert {name for name, papers in used_by if paper in papers} == PAPERS[paper]


def test_the_suite():
    suite = datasets.suite()
    assert set(suite) == set(RARE_ROWS)
    assert LISTED.loc[LISTED["suite"], "name"].tolist() == list(suite)
    shared = {family for family, count in Counter(suite.values()).items() if count > 1}
    assert shared == {"thyroid"}


def test_sets_from_the_same_rows_are_one_family():
    family = dict(zip(LISTED["name"], LISTED["family"]))
    for same in (
        ("ecoli", "ecoli4"),
        ("optical_digits", "optdigits", "digits"),
        ("satimage", "satimage_multiclass"),
        ("abalone", "abalone_19", "abalone_rings_7"),
        ("car_eval_34", "car_eval_4"),
        ("coil_2000", "coil2000"),
        ("letter_img", "letter"),
        ("ozone_level", "ozone"),
        ("yeast_me2", "yeast_2_vs_4"),
        ("sick", "thyroid_sick", "sick_euthyroid"),
        ("segment", "segment_multiclass"),
        ("seizure", "seizure_multiclass"),
        ("creditcard", "creditcard_5k"),
        ("connect4", "connect4_games"),
    ):
        assert len({family[name] for name in same}) == 1, same
    assert family["wine_quality"] != family["winequality_red_8_vs_6"]
    assert family["yeast_ml8"] != family["yeast_me2"]


def test_entries_are_consistent():
    for name, entry in entries().items():
        assert entry.origin and entry.licence and entry.rows > 0 and entry.features > 0, name
        assert not entry.counts or sum(entry.counts.values()) == entry.rows, name
        assert {str(label) for labels in entry.rare.values() for label in labels} <= set(entry.counts), name
        assert (entry.kind == "unavailable") == bool(entry.reason), name
        assert (entry.kind == "openml") == ("data_id" in entry.openml), name
        if entry.openml.get("labels"):
            assert {str(label) for label in entry.openml["labels"].values()} == set(entry.counts), name
        for rows, counts in entry.editions[1:]:
            assert sum(counts.values()) == rows and set(counts) == set(entry.counts), name
    without_counts = {name for name, entry in entries().items() if not entry.counts}
    assert without_counts == {"webpage", "connect4_games"}


def test_the_listing():
    assert LISTED["name"].tolist() == datasets.names()
    assert LISTED["name"].is_unique
    row = LISTED.set_index("name").loc["abalone_rings_7"]
    assert (row["rows"], row["features"], row["classes"]) == (4177, 8, 2)
    assert row["rare_share"] == pytest.approx(839 / 4177)
    assert row["source"] == "OpenML 183"
    assert pd.isna(LISTED.set_index("name").loc["webpage", "rare_share"])


def test_what_is_present(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "segment.parquet").touch()
    listed = datasets.catalogue(data_home=tmp_path)
    present = set(listed.loc[listed["present"], "name"])
    assert present == {"segment", "segment_multiclass", "digits", "breast_cancer"}


@pytest.mark.parametrize("name", [name for name, entry in entries().items() if entry.kind != "bundled"])
def test_sets_in_the_data_home_are_as_promised(name):
    if not HOME:
        pytest.skip("EQUIPOISE_DATA_HOME is not set")
    if not PRESENT[name]:
        pytest.skip(f"{name} is not in EQUIPOISE_DATA_HOME")
    entry = entries()[name]
    task = datasets.load(name)  # checks rows, features and the table's class counts
    assert task.X.shape == (entry.rows, entry.features)
    counts = {str(label): count for label, count in task.y.value_counts().items()}
    assert counts == entry.class_counts()
    assert counts[str(task.rare)] == min(counts.values())
    assert counts[str(task.rare)] == RARE_ROWS.get(name, counts[str(task.rare)])
    assert not task.y.isna().any()
    assert (task.name, task.family, task.licence) == (name, entry.family, entry.licence)


@pytest.mark.skipif(not PRESENT["abalone_rings_7"], reason="abalone is not in EQUIPOISE_DATA_HOME")
def test_rows_and_labels_are_those_of_the_file():
    raw = pd.read_parquet(f"{HOME}/tables/abalone.parquet")
    task = datasets.load("abalone_rings_7")
    assert ((task.y == "7 or fewer") == (raw["target"] <= 7)).all()
    assert set(task.y) == {"7 or fewer", "rest"}
    pd.testing.assert_frame_equal(task.X, raw.drop(columns="target"))


@pytest.mark.skipif(not PRESENT["sick"], reason="sick is not in EQUIPOISE_DATA_HOME")
def test_text_and_missing_cells_stay_as_they_are():
    raw = pd.read_parquet(f"{HOME}/tables/sick.parquet").drop(columns="target")
    task = datasets.load("sick")
    pd.testing.assert_frame_equal(task.X, raw)
    assert int(task.X.isna().sum().sum()) == 6064
    assert any("61 of 3,772 rows are exact duplicates" in note for note in task.notes)


@pytest.mark.skipif(not PRESENT["seizure"], reason="seizure is not in EQUIPOISE_DATA_HOME")
def test_recordings_are_groups():
    task = datasets.load("seizure")
    _, sizes = np.unique(task.groups, return_counts=True)
    assert (sizes == 23).all() and len(sizes) == 500
    for group in (0, 17, 499):
        assert task.y[task.groups == group].nunique() == 1
    boundaries = np.flatnonzero(np.diff(task.groups)) + 1
    assert boundaries.tolist() == list(range(23, 11500, 23))


@pytest.mark.skipif(not PRESENT["satimage"], reason="satimage is not in EQUIPOISE_DATA_HOME")
def test_the_benchmark_is_read_as_imbalanced_learn_reads_it():
    bunch = fetch_datasets(data_home=HOME, filter_data=("satimage",), download_if_missing=False)["satimage"]
    task = datasets.load("satimage")
    np.testing.assert_array_equal(task.X.to_numpy(), bunch.data)
    np.testing.assert_array_equal(task.y, bunch.target)
    assert task.X.columns[0] == "1" and task.X.columns[-1] == "36"


# What ships with scikit-learn needs no data home at all.


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path / "nowhere"))
    return tmp_path / "nowhere"


def test_digits_without_a_data_home(no_home):
    task = datasets.load("digits")
    pixels, digits = load_digits(return_X_y=True)
    assert ((task.y == "8") == (digits == 8)).all()
    np.testing.assert_array_equal(task.X.to_numpy(), pixels)
    assert not no_home.exists()


def test_breast_cancer_without_a_data_home(no_home):
    task = datasets.load("breast_cancer")
    assert task.y.value_counts().to_dict() == {"benign": 357, "malignant": 35}
    assert task.rare == "malignant"
    again = datasets.load("breast_cancer")
    pd.testing.assert_frame_equal(task.X, again.X)  # the same rows each time
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    whole = set(map(tuple, X[y == 0].to_numpy()))  # 0 is malignant there
    assert set(map(tuple, task.X[task.y == "malignant"].to_numpy())) <= whole
    assert datasets.fetch("breast_cancer") is None
    assert not no_home.exists()


# The data home


def test_where_the_data_home_is(monkeypatch, tmp_path):
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", "/from/environment")
    assert str(datasets.data_home()) == "/from/environment"
    assert datasets.data_home(tmp_path) == tmp_path
    monkeypatch.delenv("EQUIPOISE_DATA_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert datasets.data_home() == tmp_path / "equipoise"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.data_home() == tmp_path / ".cache" / "equipoise"


def test_the_catalogue_travels_with_the_package():
    assert files("equipoise.datasets").joinpath("catalogue.toml").is_file()
