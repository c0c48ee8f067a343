"""Parquet files become arrays on disk with the values that they hold."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from equipoise import MUBO
from equipoise.datasets import map_parquet


def table(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "count": rng.integers(100, size=n),
            "label": rng.choice(["no", "maybe", "yes"], n),
            "open": rng.random(n) < 0.5,
            "half": rng.normal(size=n).astype(np.float16),
        }
    )


def written(frame, path, row_group_size=300):
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=row_group_size)
    return path


def test_values_and_labels_come_in_order_through_all_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("equipoise.tables.parquet.ROWS_AT_ONCE", 128)
    frame = table()
    X, y = map_parquet(written(frame, tmp_path / "t.parquet"), "label", tmp_path / "new" / "arrays")
    assert isinstance(X, np.memmap) and isinstance(y, np.memmap) and X.dtype == np.float32
    np.testing.assert_array_equal(X, frame.drop(columns="label").to_numpy(dtype=np.float32))
    np.testing.assert_array_equal(y, frame["label"].to_numpy())
    assert y.dtype == np.dtype("U5")  # "maybe"
    assert {path.name for path in (tmp_path / "new" / "arrays").iterdir()} == {"X.npy", "y.npy"}
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "arrays" / "X.npy", mmap_mode="r"), X)


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    frames = [table(n, seed) for seed, n in enumerate((50, 70, 20))]
    for name, frame in zip(("b", "c", "a"), frames):
        written(frame, tmp_path / f"{name}.parquet")
    (tmp_path / "_SUCCESS").touch()
    X, y = map_parquet(tmp_path, "label", tmp_path / "arrays", columns=["count", "size"])
    together = pd.concat([frames[2], frames[0], frames[1]])
    np.testing.assert_array_equal(X, together[["count", "size"]].to_numpy(dtype=np.float32))
    np.testing.assert_array_equal(y, together["label"].to_numpy())


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 1], dtype=np.int8),
        np.array([True, False, True]),
        np.array([1.0, 0.0, 1.0]),
        pd.Categorical(["a", "bcd", "a"]),
        np.array(["é", "漢字", ""], dtype=object),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_every_type(labels, tmp_path):
    frame = pd.DataFrame({"x": [1, 2, 3], "label": labels})
    _, y = map_parquet(written(frame, tmp_path / "t.parquet"), "label", tmp_path)
    np.testing.assert_array_equal(y, np.asarray(labels))
    assert y.dtype.kind == ("U" if np.asarray(labels).dtype.kind == "O" else np.asarray(labels).dtype.kind)


def test_decimals_are_numbers(tmp_path):
    frame = pd.DataFrame({"x": [Decimal("1.25"), Decimal("-3.50")], "label": [0, 1]})
    X, _ = map_parquet(written(frame, tmp_path / "t.parquet"), "label", tmp_path)
    assert X.ravel().tolist() == [1.25, -3.5]


def test_a_search_finds_the_rows_that_it_finds_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 3)).astype(np.float32), columns=list("abc"))
    frame["label"] = np.where(rng.random(600) < 0.1, "rare", "common")
    X, y = map_parquet(written(frame, tmp_path / "t.parquet"), "label", tmp_path)
    on_disk, in_memory = (MUBO(max_iter=3, max_epochs=2, hidden_layer_sizes=(8,), random_state=0) for _ in range(2))
    on_disk.fit_resample(X, y)
    in_memory.fit_resample(frame[list("abc")].to_numpy(), frame["label"].to_numpy())
    np.testing.assert_array_equal(on_disk.sample_indices_, in_memory.sample_indices_)


BAD = {
    "null": ({"x": [1.0, None], "label": [0, 1]}, "column 'x'.*missing"),
    "null count": ({"x": pd.array([1, None], dtype="Int64"), "label": [0, 1]}, "column 'x'.*missing"),
    "null flag": ({"x": pd.array([True, None], dtype="boolean"), "label": [0, 1]}, "column 'x'.*missing"),
    "infinite": ({"x": [1.0, np.inf], "label": [0, 1]}, "column 'x'.*float32 cannot hold"),
    "too large": ({"x": [1.0, 1e300], "label": [0, 1]}, "column 'x'.*float32 cannot hold"),
    "no label": ({"x": [1.0, 2.0], "label": ["a", None]}, "'label'.*lacks labels"),
    "text": ({"x": ["a", "b"], "label": [0, 1]}, "must be numbers, but column 'x'.*string"),
    "date": ({"x": pd.to_datetime(["2020-01-01"] * 2), "label": [0, 1]}, "must be numbers, but column 'x'.*timestamp"),
    "dates for labels": ({"x": [1, 2], "label": pd.to_datetime(["2020-01-01"] * 2)}, "labels must be text"),
    "no target": ({"x": [1.0, 2.0], "y": [0, 1]}, "one column 'label'"),
    "no rows": ({"x": np.empty(0), "label": np.empty(0)}, "0 rows"),
    "no features": ({"label": [0, 1]}, "0 features"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_serve_is_refused_and_nothing_is_left(case, tmp_path):
    columns, sentence = BAD[case]
    path = written(pd.DataFrame(columns), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=f"(?s){sentence}"):
        map_parquet(path, "label", tmp_path / "arrays")
    assert not list((tmp_path / "arrays").glob("*")) and not list((tmp_path / "arrays").glob(".*"))


def test_a_failed_run_leaves_the_arrays_of_the_last_one(tmp_path):
    X, _ = map_parquet(written(table(), tmp_path / "good.parquet"), "label", tmp_path / "arrays")
    kept = np.array(X)
    bad = written(table().assign(size=np.nan), tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match="missing"):
        map_parquet(bad, "label", tmp_path / "arrays")
    np.testing.assert_array_equal(np.load(tmp_path / "arrays" / "X.npy"), kept)


def test_files_that_are_not_there_or_differ(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        map_parquet(tmp_path / "none.parquet", "label", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"ends in \.parquet"):
        map_parquet(tmp_path, "label", tmp_path)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(ValueError, match="cannot be read as parquet"):
        map_parquet(tmp_path / "cut.parquet", "label", tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    written(table(), files / "a.parquet")
    written(table().assign(label=1), files / "b.parquet")
    with pytest.raises(ValueError, match=r"of one type.*b\.parquet"):
        map_parquet(files, "label", tmp_path)
    written(table().drop(columns="size"), files / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet must have one column 'size'"):
        map_parquet(files, "label", tmp_path)


def test_the_target_is_no_feature(tmp_path):
    with pytest.raises(ValueError, match="columns holds 'label'"):
        map_parquet(written(table(), tmp_path / "t.parquet"), "label", tmp_path, columns=["size", "label"])


def test_the_numbers_of_selected_rows_are_no_feature(tmp_path):
    frame = table().sample(frac=0.5, random_state=0)
    frame.to_parquet(tmp_path / "t.parquet")
    X, _ = map_parquet(tmp_path / "t.parquet", "label", tmp_path)
    np.testing.assert_array_equal(X, frame.drop(columns="label").to_numpy(dtype=np.float32))
