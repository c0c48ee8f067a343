"""Networks on all rows of a table on disk: the same as from memory, nothing left behind, damage told."""

import os
import tempfile
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from equipoise import NeuralClassifier, recipes
from equipoise.classifiers.neural_job import NeuralJob
from equipoise.datasets import open_table
from equipoise.datasets.checked import checked
from equipoise.datasets.encoded import WholeTable
from equipoise.experiments import fit_recipe
from equipoise.experiments.whole import fit_all_rows
from equipoise.training import Table, Task, fit

N = 9000
write = WholeTable.write
QUICK = {"n_members": 2, "max_steps": 80, "random_state": 3}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Numbers, gaps, categories and truth values; two classes in text, and rows without a label."""
    rng = np.random.default_rng(0)
    y = rng.random(N) < 0.03
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=N) + 2 * y,
            "age": np.where(rng.random(N) < 0.1, np.nan, rng.integers(18, 80, N)),
            "town": rng.choice(["Oslo", "Rome", "Lima"], N),
            "member": rng.random(N) < 0.4,
            "label": np.where(y, "rare", "common"),
        }
    )
    frame.loc[[5, 4000], "label"] = None
    return frame


def in_files(table: pd.DataFrame, folder: Path, ending: str) -> Path:
    folder.mkdir()
    for part, (start, end) in enumerate(pairwise([0, 2500, 2700, len(table)])):
        rows = table.iloc[start:end]
        if ending == "parquet":
            rows.to_parquet(folder / f"{part}.parquet", row_group_size=1000, index=False)
        else:
            rows.to_csv(folder / f"{part}.csv", index=False)
    return folder


def sample_of(source):
    return checked(open_table(source).sample("label", most_rows=1200, random_state=0))


def weights_of(classifier) -> bytes:
    return b"".join(array.tobytes() for array in classifier.ensemble_.weights_.values())


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def in_memory(recipe, table, data) -> NeuralClassifier:
    """Train on the rows of the table, drawn by the classes of the sample, without any file."""
    preprocessor = data.whole_preprocessor
    known = table[table["label"].notna()]
    job = recipes.classifier(recipe, **QUICK).prepare(preprocessor.transform(data.X), data.y)
    rows, codes = preprocessor.transform(known[data.X.columns]), (known["label"] == "rare").to_numpy(dtype=np.int8)
    everything = Table(job.inputs(rows), codes, n_classes=2)
    classes = [task.labels() for task in job.tasks]
    return job.finish(
        fit([Task(everything, t.seed, t.settings, weights=t.weights, classes=c) for t, c in zip(job.tasks, classes)])
    )


@pytest.mark.parametrize("recipe", ["remix-dataset", "none", "batch-smote", "cost", "ldam", "over", "under"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_are_those_of_the_same_rows_in_memory(table, tmp_path, scratch, recipe):
    data = sample_of(in_files(table, tmp_path / "big", "parquet"))
    model = recipes.make(recipe, preprocessor=data.table_preprocessor(), **QUICK)
    fit_all_rows(model, data)
    assert weights_of(model[-1]) == weights_of(in_memory(recipe, table, data))
    assert model.classes_.tolist() == ["common", "rare"]
    assert not list(scratch.iterdir())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_is_that_of_the_same_rows_in_memory(table, tmp_path, scratch):
    data = sample_of(in_files(table, tmp_path / "big", "parquet"))
    model = recipes.make("mubo", preprocessor=data.table_preprocessor(), **QUICK)
    fit_all_rows(model, data)
    known = table[table["label"].notna()]
    whole = recipes.classifier("mubo", **QUICK).fit(model[0].transform(known[data.X.columns]), known["label"])
    assert weights_of(model[-1]) == weights_of(whole)
    assert not list(scratch.iterdir())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_kind_of_storage_does_not_matter(table, tmp_path):
    sources = [table, in_files(table, tmp_path / "parquet", "parquet"), in_files(table, tmp_path / "csv", "csv")]
    models = [fit_recipe("remix-dataset", sample_of(source), **QUICK) for source in sources]
    assert len({weights_of(model[-1]) for model in models}) == 1
    assert np.unique(models[0].predict(table.drop(columns="label"))).tolist() == ["common", "rare"]


def test_all_rows_are_written_once_and_the_size_is_said_before(table, tmp_path, scratch, monkeypatch):
    data, found, draw_from = sample_of(table), {}, NeuralJob.draw_from

    def spied(job, X, codes):
        found.update(X=np.array(X), codes=np.array(codes), where=os.path.realpath(X.filename), warned=len(caught))
        draw_from(job, X, codes)

    monkeypatch.setattr(NeuralJob, "draw_from", spied)
    model = recipes.make("none", preprocessor=data.table_preprocessor(), **QUICK)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_all_rows(model, data)
    known = table[table["label"].notna()]
    np.testing.assert_array_equal(found["X"], model[0].transform(known[data.X.columns]))
    np.testing.assert_array_equal(found["codes"], known["label"] == "rare")
    assert Path(found["where"]).is_relative_to(scratch) and not list(scratch.iterdir())
    size = found["X"].nbytes / 1e6
    assert f"all {N - 2:,} rows, for which {size:.0f} MB are written to {scratch}" in str(caught[0].message)
    assert found["warned"]


def test_as_many_steps_as_on_the_sample(table):
    data = sample_of(table)
    with pytest.warns(UserWarning, match="train on all"):
        model = fit_recipe("augment", data, n_members=1, random_state=0)
    assert model[-1].n_steps_ == [NeuralClassifier().planned_steps(len(data.y))]
    assert model[-1].max_steps is None


OF_ALL = {
    "augment": True,
    "none": True,
    "over": True,
    "mubo": True,
    "smote": False,
    "autobalance": False,
    "gbdt": False,
}


@pytest.mark.parametrize("recipe, of_all", OF_ALL.items())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_train_on_all_rows_unless_a_part_needs_the_same_ones(table, scratch, monkeypatch, recipe, of_all):
    data, written = sample_of(table), []
    monkeypatch.setattr(WholeTable, "write", lambda *given: written.append(1) or write(*given))
    steps = {} if recipe == "gbdt" else {"n_members": 1, "max_steps": 30}
    fit_recipe(recipe, data, random_state=0, **steps)
    assert bool(written) is of_all


@pytest.mark.parametrize("given", [{"early_stopping": True}, {"gradient_tolerance": 1.0}])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rows_that_are_looked_at_again_are_those_of_the_sample(table, scratch, given):
    model = fit_recipe("none", sample_of(table), n_members=1, max_steps=30, random_state=0, **given)
    assert len(model.classes_) == 2


def test_a_lack_of_room_is_told_before_any_work(table, monkeypatch):
    data = sample_of(table)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match="which has 0 MB left: name a folder of another disk"):
        fit_recipe("augment", data, **QUICK)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_cells_and_row_groups_that_cannot_be_read_are_named(table, tmp_path, scratch):
    folder = in_files(table, tmp_path / "big", "parquet")
    data, path = sample_of(folder), folder / "2.parquet"
    place = pq.ParquetFile(path).metadata.row_group(3).column(0)
    raw = bytearray(path.read_bytes())
    start = place.data_page_offset if place.dictionary_page_offset is None else place.dictionary_page_offset
    raw[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"Row group 3 of .*2\.parquet .* is damaged"):
        fit_recipe("augment", data, **QUICK)
    path.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=r"2\.parquet"):
        fit_recipe("augment", data, **QUICK)
    assert not list(scratch.iterdir())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_time_limit_cuts_steps_and_leaves_no_file(table, scratch):
    data = sample_of(table)
    with pytest.raises(TimeoutError):
        fit_recipe("augment", data, n_members=1, max_steps=2_000_000, random_state=0, seconds=4.0)
    assert not list(scratch.rglob("X"))  # beside the folder of the worker's results
