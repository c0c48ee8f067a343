"""`NeuralClassifier` on an open table: the networks of the same rows in memory, and what needs memory is refused."""

import tempfile
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from torch import nn

from equipoise import AutoBalance, BalancedBatchSampler, MixUp, MUBOClassifier, NeuralClassifier, VSLoss
from equipoise.datasets import map_parquet, open_table

N = 5000
QUICK = {"n_members": 2, "max_steps": 60, "hidden_layer_sizes": (16,), "random_state": 0}
LOOSE = {"standardize": False} | QUICK
FEATURES = ["1", "2", "3"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = (rng.random(N) < 0.03).astype(int)
    X = rng.normal(size=(N, 3)).astype(np.float32).astype(np.float64) + y[:, None]
    return pd.DataFrame(X, columns=FEATURES).assign(y=y)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """A small sample, and a place for temporary files of which none may stay."""
    monkeypatch.setattr("equipoise.datasets.opened._CELLS", 1000)
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert not list(place.iterdir())


def in_files(table: pd.DataFrame, folder: Path, ending: str) -> Path:
    folder.mkdir()
    for part, (start, end) in enumerate(pairwise([0, 1700, 1900, len(table)])):
        rows = table.iloc[start:end]
        if ending == "parquet":
            rows.to_parquet(folder / f"{part}.parquet", row_group_size=600, index=False)
        else:
            rows.to_csv(folder / f"{part}.csv", index=False)
    return folder


def weights_of(classifier) -> bytes:
    return b"".join(array.tobytes() for array in classifier.ensemble_.weights_.values())


def fitted(source, target="y", **parameters) -> NeuralClassifier:
    with pytest.warns(UserWarning, match="train on all 5,000 rows"):
        return NeuralClassifier(**parameters).fit(open_table(source), target)


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrays", "dask"])
def test_networks_are_those_of_the_same_rows_in_memory_from_every_kind_of_storage(table, tmp_path, ending):
    expected = NeuralClassifier(**LOOSE).fit(table[FEATURES], table["y"])
    if ending == "dask":
        source = pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=3)
    else:
        source = in_files(table, tmp_path / "big", "csv" if ending == "csv" else "parquet")
        if ending == "arrays":
            map_parquet(source, "y", tmp_path / "arrays")
            source = tmp_path / "arrays"
    found = fitted(source, **LOOSE)
    assert weights_of(found) == weights_of(expected)
    assert found.feature_names_in_.tolist() == FEATURES and found.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(found.predict_proba(open_table(source)), expected.predict_proba(table[FEATURES]))
    np.testing.assert_array_equal(found.predict(open_table(source)), expected.predict(table[FEATURES]))


@pytest.mark.parametrize(
    "parts",
    [
        {"batch_sampler": BalancedBatchSampler, "batch_transform": MixUp(alpha=0.3)},
        {"loss": VSLoss},
        {"class_weight": "balanced"},
        {"class_weight": {1: 7.0}, "dtype": "float64"},
    ],
    ids=lambda parts: "+".join(parts),
)
def test_treatments_are_those_of_rows_in_memory(table, parts):
    expected = NeuralClassifier(**LOOSE, **parts).fit(table[FEATURES], table["y"])
    assert weights_of(fitted(table, **LOOSE, **parts)) == weights_of(expected)


class Words(nn.Module):
    """Reads integers only."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.last = nn.Embedding(50, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.embed(x).mean(-2))


def test_integers_stay_integers_for_a_network_that_reads_them(table):
    words = pd.DataFrame(np.random.default_rng(0).integers(0, 50, (N, 3)), columns=FEATURES).assign(y=table["y"])
    parameters = LOOSE | {"network": lambda shape, n_classes: Words(), "n_members": 1}
    one, two = (parameters | {"random_state": np.random.RandomState(0)} for _ in range(2))
    found, expected = fitted(words, **one), NeuralClassifier(**two).fit(words[FEATURES], words["y"])
    assert found.reads_integers_ and weights_of(found) == weights_of(expected)
    np.testing.assert_array_equal(found.predict_proba(open_table(words)), expected.predict_proba(words[FEATURES]))


def test_scales_and_codes_are_those_of_the_sample_weighted_as_the_table(table):
    found = fitted(table.assign(**{"1": table["1"] * 100 + 7}), n_bins=8, **QUICK)
    whole = NeuralClassifier(n_bins=8, **QUICK).fit(table[FEATURES].assign(**{"1": table["1"] * 100 + 7}), table["y"])
    near = 5 / np.sqrt(1000)  # of a mean of about a thousand rows
    assert (abs(found.scaler_.mean_ - whole.scaler_.mean_) < near * whole.scaler_.scale_).all()
    assert (abs(found.scaler_.scale_ / whole.scaler_.scale_ - 1) < near).all()
    proba = [model.predict_proba(table[FEATURES])[:, 1] for model in (found, whole)]
    assert found.encoder_ is not None and np.corrcoef(proba)[0, 1] > 0.95


def test_rows_without_a_label_are_left_out(table, tmp_path):
    gaps = table.assign(y=table["y"].map({0: "no", 1: "yes"}))
    gaps.loc[[3, 2500], "y"] = None
    known = gaps[gaps["y"].notna()]
    expected = NeuralClassifier(**LOOSE).fit(known[FEATURES], known["y"])
    told = pytest.warns(UserWarning, match="2 rows without a label in 'y' left out")
    with told, pytest.warns(UserWarning, match="train on all 4,998 rows"):
        found = NeuralClassifier(**LOOSE).fit(open_table(in_files(gaps, tmp_path / "big", "parquet")), "y")
    assert weights_of(found) == weights_of(expected) and found.classes_.tolist() == ["no", "yes"]


def test_the_score_is_that_of_the_labelled_rows_in_memory(table, tmp_path):
    gaps = table.assign(y=table["y"].map({0: "no ", 1: "yes"}))
    known = gaps.assign(y=gaps["y"].str.strip())
    found = NeuralClassifier(**QUICK).fit(known[FEATURES], known["y"])
    gaps.loc[[3, 2500], "y"] = None
    labelled = known[gaps["y"].notna()]
    for ending in ("parquet", "csv"):
        opened = open_table(in_files(gaps, tmp_path / ending, ending))
        assert found.score(opened, "y") == found.score(labelled[FEATURES], labelled["y"])
    codes = NeuralClassifier(**QUICK).fit(table[FEATURES], table["y"])
    assert codes.score(open_table(table), "y") == codes.score(table[FEATURES], table["y"])
    with pytest.raises(TypeError, match="y must name their column of labels"):
        codes.score(open_table(table), table["y"])
    with pytest.raises(ValueError, match="sample_weight is of rows in memory"):
        codes.score(open_table(table), "y", np.ones(N))


def test_a_table_as_small_as_its_sample_is_fitted_in_memory_whatever_its_parts(table):
    small = table.iloc[:900]
    parameters = QUICK | {"sampler": SMOTE(k_neighbors=2), "early_stopping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = NeuralClassifier(**parameters).fit(open_table(small), "y")
    assert weights_of(found) == weights_of(NeuralClassifier(**parameters).fit(small[FEATURES], small["y"]))


@pytest.mark.parametrize(
    "part",
    [
        {"sampler": SMOTE()},
        {"sampler": RandomOverSampler()},
        {"early_stopping": "g_mean"},
        {"loss": AutoBalance()},
        {"gradient_tolerance": 0.1},
    ],
    ids=str,
)
def test_what_needs_all_rows_in_memory_is_refused_before_the_file_is_written(table, part):
    with pytest.raises(ValueError, match=rf"{next(iter(part))}=.* needs all rows in memory, but table has 5,000"):
        NeuralClassifier(**QUICK, **part).fit(open_table(table), "y")


def test_bad_input_is_told(table, tmp_path):
    opened, clf = open_table(table), NeuralClassifier(**QUICK)
    with pytest.raises(TypeError, match="y must name their column of labels"):
        clf.fit(opened, table["y"])
    with pytest.raises(ValueError, match="of rows in memory: leave them out"):
        clf.fit(opened, "y", sample_weight=np.ones(N))
    with pytest.raises(ValueError, match="'z'"):
        clf.fit(opened, "z")
    with pytest.raises(ValueError, match="other cells, such as 'Oslo', in the column 'town'"):
        clf.fit(open_table(table.assign(town="Oslo")), "y")
    with pytest.raises(ValueError, match="has no column '2' or '3'; its columns are '1' and 'y'"):
        NeuralClassifier(**QUICK).fit(table[FEATURES], table["y"]).predict_proba(open_table(table[["1", "y"]]))
    with pytest.raises(TypeError, match="MUBOClassifier reads rows in memory"):
        MUBOClassifier().fit(opened, "y")
    late = table.copy()
    late.loc[N - 1, "2"] = np.nan  # a row that the sample lacks
    folder = in_files(late, tmp_path / "gaps", "parquet")
    with warnings.catch_warnings(), pytest.raises(ValueError, match=r"NaN[\s\S]*counted from row 4,900 of gaps"):
        warnings.simplefilter("ignore")
        clf.fit(open_table(folder), "y")
    assert not hasattr(clf, "ensemble_")


def test_a_damaged_row_group_is_named(table, tmp_path, monkeypatch):
    folder = in_files(table, tmp_path / "big", "parquet")
    opened, path = open_table(folder), folder / "2.parquet"
    sample = opened.sample("y")
    place = pq.ParquetFile(path).metadata.row_group(3).column(1)
    raw = bytearray(path.read_bytes())
    start = place.data_page_offset if place.dictionary_page_offset is None else place.dictionary_page_offset
    raw[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(raw)
    monkeypatch.setattr(type(opened), "sample", lambda *given: sample)  # as if it broke after the sample was drawn
    with warnings.catch_warnings(), pytest.raises(ValueError, match=r"Row group 3 of .*2\.parquet .* is damaged"):
        warnings.simplefilter("ignore")
        NeuralClassifier(**QUICK).fit(opened, "y")
