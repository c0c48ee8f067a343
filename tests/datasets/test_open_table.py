"""Open tables: the same rows from every kind of storage, samples with known probabilities, damage named."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
import pytest

from equipoise.datasets import map_parquet, open_table
from equipoise.datasets.sampling import sizes_by_class

N, RARE = 5000, 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)).astype(np.float32).astype(np.float64), columns=["1", "2", "3"])
    y = np.zeros(N, dtype=np.int64)
    y[rng.choice(N, RARE, replace=False)] = 1
    return X.assign(y=y)


def in_parts(table: pd.DataFrame, folder: Path, write: str, sizes: tuple[int, ...] = (1200, 2900)) -> Path:
    folder.mkdir()
    edges = [0, *sizes, len(table)]
    for part, (start, end) in enumerate(pairwise(edges)):
        rows = table.iloc[start:end]
        if write == "parquet":
            rows.to_parquet(folder / f"{part}.parquet", row_group_size=700, index=False)
        else:
            rows.to_csv(folder / f"{part}.csv", index=False)
    return folder


def sampled(source: object) -> pd.DataFrame:
    data = open_table(source).sample("y", most_rows=400, random_state=3)
    assert data.class_counts == {0: N - RARE, 1: RARE}
    return data.X.assign(y=data.y, weight=data.weights).astype(np.float64)


class TestSampling:
    def test_the_same_rows_from_every_kind_of_storage(self, table, tmp_path):
        expected = sampled(table)
        assert len(expected) == 400
        kept = table.merge(expected, on=["1", "2", "3"])
        assert len(kept) == 400  # they are rows of the table
        parquet = in_parts(table, tmp_path / "parquet", "parquet")
        np.save(tmp_path / "table.npy", table.assign(y=table["y"]).to_numpy())
        map_parquet(parquet, "y", tmp_path / "arrays")
        others = [
            parquet,
            in_parts(table, tmp_path / "csv", "csv", (50, 60, 4000)),
            tmp_path / "arrays",
            pa.Table.from_pandas(table),
            arrow_dataset.dataset(parquet),
        ]
        for source in others:
            pd.testing.assert_frame_equal(sampled(source), expected, check_exact=True)
        as_array = open_table(tmp_path / "table.npy").sample("4", most_rows=400, random_state=3)
        np.testing.assert_array_equal(as_array.X.to_numpy(), expected[["1", "2", "3"]].to_numpy())

    def test_the_same_rows_from_a_data_set_of_dask(self, table):
        frame = pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=3)
        pd.testing.assert_frame_equal(sampled(frame), sampled(table), check_exact=True)

    def test_the_same_rows_from_a_data_set_of_ray(self, table, monkeypatch):
        ray = pytest.importorskip("ray")
        monkeypatch.setenv("RAY_worker_niceness", "0")
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            from ray import data

            made = data.from_pandas([table.iloc[:2000], table.iloc[2000:]])
            pd.testing.assert_frame_equal(sampled(made), sampled(table), check_exact=True)
        finally:
            ray.shutdown()

    def test_blocks_do_not_matter(self, table, monkeypatch):
        expected = sampled(table)
        monkeypatch.setattr("equipoise.datasets.sources.ROWS_AT_ONCE", 37)
        pd.testing.assert_frame_equal(sampled(table), expected, check_exact=True)

    def test_small_classes_come_whole_and_others_share_the_rest_equally(self):
        assert sizes_by_class({"a": 10_000, "b": 9_000, "c": 30}, 1030) == {"c": 30, "b": 500, "a": 500}
        assert sizes_by_class({"a": 5, "b": 7}, 100) == {"a": 5, "b": 7}

    def test_each_row_of_a_class_is_drawn_equally_often(self, table):
        draws, opened, found = 200, open_table(table.assign(number=range(N))), np.zeros(N)
        for seed in range(draws):
            np.add.at(found, opened.sample("y", most_rows=560, random_state=seed).X["number"].to_numpy(), 1)
        common = found[table["y"] == 0]
        assert (found[table["y"] == 1] == draws).all()
        share = 500 / (N - RARE)
        statistic = ((common - draws * share) ** 2).sum() / (draws * share * (1 - share))
        assert abs(statistic - len(common)) < 5 * np.sqrt(2 * len(common))  # chi-squared

    def test_weights_make_means_of_the_whole_table(self, table):
        shifted = table.assign(**{"1": table["1"] + 10 * table["y"]})
        opened, means = open_table(shifted), []
        for seed in range(100):
            data = opened.sample("y", most_rows=460, random_state=seed)
            means.append(np.average(data.X["1"], weights=data.weights))
        error = np.std(means) / np.sqrt(len(means))
        assert abs(np.mean(means) - shifted["1"].mean()) < 4 * error
        assert abs(data.X["1"].mean() - shifted["1"].mean()) > 20 * error  # without weights

    def test_a_table_that_is_small_enough_comes_whole(self, table):
        data = open_table(table).sample("y")
        assert data.class_counts is None and data.weights is None
        pd.testing.assert_frame_equal(data.X.assign(y=data.y), table)

    def test_rows_without_a_label_are_counted_and_left_out(self, table):
        gaps = table.assign(y=table["y"].map({0: "no", 1: "NA"}))
        gaps.loc[:9, "y"] = None
        data = open_table(gaps).sample("y", most_rows=300)
        assert sum(data.class_counts.values()) == N - 10
        assert data.rare == "NA" and "10 rows without a label" in " ".join(data.notes)

    def test_a_small_table_keeps_its_rows_without_a_label_apart(self, table):
        gaps = table.iloc[:600].assign(y=[None] * 10 + table["y"].iloc[10:600].tolist())
        data = open_table(gaps).sample("y")
        assert data.class_counts is None and len(data.unlabelled) == 10

    def test_words_for_missing_are_classes_in_a_text_file(self, table, tmp_path):
        folder = in_parts(table.assign(y=table["y"].map({0: "None", 1: "NA"})), tmp_path / "csv", "csv")
        assert open_table(folder).sample("y", most_rows=300).class_counts == {"None": N - RARE, "NA": RARE}

    def test_texts_become_numbers_as_in_a_table_read_whole(self, table, tmp_path):
        mixed = table.assign(money=[f"{i % 900:,}.50" for i in range(N)], code=[f"{i % 7:03d}" for i in range(N)])
        mixed.loc[::5, ["money", "1"]] = None
        data = open_table(in_parts(mixed, tmp_path / "csv", "csv")).sample("y", most_rows=500)
        assert data.X["1"].dtype == np.float64 and data.y.dtype == np.int64
        assert not pd.api.types.is_numeric_dtype(data.X["code"])
        rows = mixed.merge(data.X[["2"]], on="2", how="right")
        assert (rows["1"].isna() == data.X["1"].isna()).all() and data.X["1"].isna().any()

    def test_weights_of_a_column_count_beside_those_of_the_sample(self, table):
        """Sums by weight over the table are met in the mean of samples, of which some rows have no weight."""
        own = np.where(table["3"] > 1, 0.0, np.exp(table["2"]) * (1 + 2 * table["y"]))
        opened, means, shares = open_table(table.assign(own=own)), [], []
        for seed in range(100):
            data = opened.sample("y", most_rows=460, random_state=seed, weights="own")
            means.append(np.average(data.X["1"] + data.X["2"], weights=data.weights))
            shares.append(data.weights[data.y == 1].sum() / data.weights.sum())
            assert (data.X["3"] <= 1).all() and "own" not in data.X and len(data.weights) == len(data.y)
        for found, whole in (
            (means, np.average(table["1"] + table["2"], weights=own)),
            (shares, own @ table["y"] / own.sum()),
        ):
            assert abs(np.mean(found) - whole) < 4 * np.std(found) / np.sqrt(len(found))
        expected = data.X["2"].map(np.exp) * (1 + 2 * data.y)
        np.testing.assert_allclose(data.training_weights, expected / expected.mean())


def test_it_shows_its_size_and_no_more(table, tmp_path):
    assert repr(open_table(table)) == f"<OpenTable 'table': {len(table.columns)} columns, 1 part>"


class TestDamage:
    def test_a_damaged_row_group_is_named(self, table, tmp_path):
        folder = in_parts(table, tmp_path / "big", "parquet")
        path = folder / "1.parquet"
        place = pq.ParquetFile(path).metadata.row_group(1).column(3)
        raw = bytearray(path.read_bytes())
        start = place.data_page_offset if place.dictionary_page_offset is None else place.dictionary_page_offset
        raw[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"Row group 1 of .*1\.parquet \(of 3, the first is 0\) is damaged"):
            open_table(folder).sample("y", most_rows=300)

    @pytest.mark.parametrize("write", ["csv", "parquet"])
    def test_files_of_other_columns_are_told_at_once(self, table, tmp_path, write):
        folder = in_parts(table, tmp_path / "big", write)
        in_parts(table.rename(columns={"2": "two"}), tmp_path / "other", write)
        (tmp_path / "other" / f"0.{write}").rename(folder / f"3.{write}")
        with pytest.raises(ValueError, match=rf"3\.{write} lacks '2' and has 'two' in addition"):
            open_table(folder)

    def test_folders_that_are_no_tables_are_refused(self, table, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no table"):
            open_table(tmp_path)
        in_parts(table, tmp_path / "big", "csv")
        table.to_parquet(tmp_path / "big" / "9.parquet")
        with pytest.raises(ValueError, match="all parquet or all text"):
            open_table(tmp_path / "big")
        with pytest.raises(TypeError, match="takes a path"):
            open_table(3)
        with pytest.raises(ValueError, match="options are for files"):
            open_table(table, delimiter=";")


@pytest.mark.parametrize("most_rows", [0, -5])
def test_a_sample_of_no_rows_is_refused(most_rows):
    table = open_table(pd.DataFrame({"x": range(40), "y": [0, 1] * 20}))
    with pytest.raises(ValueError, match=f"most_rows must be 1 or more.*most_rows={most_rows}"):
        table.sample("y", most_rows=most_rows)
