"""Tables on disk: the same search as in memory, and memory that does not grow with the table."""

import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from equipoise import MUBO
from equipoise.bilevel.rows import class_codes, rows_of

QUICK = {"max_iter": 4, "max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}

# Measured from a first search on, so that what is imported and compiled on the way does not count.
MEASURE = """
import re, sys, threading
import numpy as np
import pandas as pd
from pathlib import Path
from equipoise import MUBO, MUBOClassifier

def megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def watch():
    while not done.wait(0.005):
        seen.append(megabytes())

way, y = sys.argv[1], np.load("y.npy", mmap_mode="r")
quick = {"hidden_layer_sizes": (8,), "random_state": 0}
if way == "classifier":  # of labels in text, as an open table gives them
    search = MUBOClassifier(MUBO(max_iter=2), max_steps=10, **quick)
    y = pd.Categorical.from_codes(y.astype(np.int8), ["a common row", "a rare row"])
    few = pd.Categorical(np.where(np.arange(3000) < 300, "a rare row", "a common row"))
else:
    of = {"search": {"max_epochs": 1}, "score": {"max_steps": 10}}[way]
    search, few = MUBO(selector=way, max_iter=2, majority_fraction=0.001, **quick, **of), np.arange(3000) < 300
search_rows = getattr(search, "fit_resample", None) or search.fit
search_rows(np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32), few)
X = np.load("X.npy", mmap_mode="r")
before, seen, done = megabytes(), [], threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
search_rows(X, y)
done.set()
watcher.join()
print(max(seen) - before)
"""


def on_disk(folder, n, n_minority, n_features=4, dtype=np.int64):
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n, n_features))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", dtype, (n,))
    y[rng.choice(n, n_minority, replace=False)] = 1
    for part in np.array_split(np.arange(n), -(-n // 100_000)):
        X[part] = rng.standard_normal((len(part), n_features), dtype=np.float32) + y[part, None]
    X.flush(), y.flush()
    return X, y


@pytest.mark.parametrize("variant", ["default", "paper", "authors"])
def test_a_table_on_disk_gives_the_rows_that_it_gives_in_memory(variant, tmp_path):
    X, y = on_disk(tmp_path, 5000, 40)
    mapped, loaded = (MUBO(**QUICK, variant=variant, n_restarts=2) for _ in range(2))
    X_small, y_small = mapped.fit_resample(X, y)
    loaded.fit_resample(np.array(X), np.array(y))
    np.testing.assert_array_equal(mapped.sample_indices_, loaded.sample_indices_)
    np.testing.assert_array_equal(X_small, X[mapped.sample_indices_])
    np.testing.assert_array_equal(y_small, y[mapped.sample_indices_])


def test_a_sparse_table_gives_the_rows_that_it_gives_dense(tmp_path):
    X, y = on_disk(tmp_path, 2000, 40)
    dense, sparse = (MUBO(**QUICK) for _ in range(2))
    dense.fit_resample(X, y)
    sparse.fit_resample(csr_matrix(X), y)
    np.testing.assert_array_equal(sparse.sample_indices_, dense.sample_indices_)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A folder with 4 million rows, 96 MB."""
    folder = tmp_path_factory.mktemp("large")
    on_disk(folder, 4_000_000, 300)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="RssAnon is what Linux tells of a process")
@pytest.mark.parametrize("way", ["search", "score", "classifier"])
def test_memory_does_not_grow_with_the_table(program, large, way):
    """An index of 8 bytes a row, a sorted copy of the labels beside one, or labels in text, are too much."""
    run = program(MEASURE, way, folder=large)
    assert run.wait() == 0, run.errors
    assert float(run.said) < 90


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, -1, 3, 7]),
        np.array(["b", "a", "ccc", "a"]),
        np.array(["b", "a", "b"], dtype=object),
        np.array([True, False]),
        np.array([1.0, 0.0, 1.0]),
        np.arange(300)[::-1],
    ],
    ids=lambda labels: f"{labels.dtype}-{len(labels)}",
)
def test_codes_are_those_of_unique(labels, monkeypatch):
    monkeypatch.setattr("equipoise.bilevel.rows._LABELS_AT_ONCE", 2)
    classes, codes = class_codes(labels)
    expected = np.unique(labels, return_inverse=True)
    np.testing.assert_array_equal(classes, expected[0])
    np.testing.assert_array_equal(codes, expected[1])
    assert codes.dtype == (np.uint8 if len(classes) <= 256 else np.uint16)


def test_rows_of_classes_ascend(monkeypatch):
    monkeypatch.setattr("equipoise.bilevel.rows._LABELS_AT_ONCE", 3)
    codes = np.random.default_rng(0).integers(3, size=50).astype(np.uint8)
    for wanted in ([], [1], [0, 2]):
        np.testing.assert_array_equal(rows_of(codes, wanted), np.flatnonzero(np.isin(codes, wanted)))
    assert rows_of(codes, [1]).dtype == np.int32
