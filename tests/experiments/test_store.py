import sqlite3

import numpy as np
import pytest

from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell, Store

PROBA = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
CONFUSION = np.array([[0, 1], [1, 0]])


def cell(arm="none", fold=0, **values):
    return Cell(arm, 0, fold, 1.5, PROBA, CONFUSION, **values)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "results.sqlite") as store:
        yield store


def test_cells_come_back_as_they_went(store):
    store.add([cell(notes=["a warning"]), Cell("under", 0, 0, 0.0, None, None, error="ValueError: no")])
    good, bad = store.cells()
    assert good.key == ("none", 0, 0) and good.notes == ["a warning"] and good.error is None
    np.testing.assert_array_equal(good.probabilities, PROBA)
    np.testing.assert_array_equal(good.confusion, CONFUSION)
    assert bad.probabilities is None and bad.confusion is None and bad.error == "ValueError: no"
    assert store.done() == {("none", 0, 0), ("under", 0, 0)}


def test_figures_of_made_rows_come_back_as_they_went(store):
    figures = [{"class": 1, "n_made": 40, "made_by": "GAN", "spread_ratio": 0.9}, {"class": 2, "stopped_by": "ä"}]
    store.add([cell("gbo", made=figures), cell("none")])
    assert [c.made for c in store.cells()] == [figures, []]
    store.add([cell("gbo")])
    assert [c.made for c in store.cells()] == [[], []]


def test_decisions_come_back_as_they_went_and_are_the_most_probable_class_otherwise(store):
    store.add([cell("auto", decided=np.array([0, 1])), cell("none"), Cell("under", 0, 0, 0.0, None, None, error="no")])
    auto, none, failed = store.cells()
    assert auto.decided.tolist() == [0, 1] and none.decided.tolist() == [1, 0] and failed.decided is None
    assert auto.decided.dtype == np.int64


def test_priors_come_back_as_they_went(store):
    store.add([cell("none", priors=[0.9, 0.1]), cell("vs")])
    assert [c.priors for c in store.cells()] == [[0.9, 0.1], None]


def test_folds_keep_rows_codes_and_class_counts(store):
    codes = np.array([0, 0, 1, 2, 0, 1])
    store.add_fold(Fold(1, 2, np.array([0, 1, 2, 3]), np.array([4, 5]), seed=9), codes[4:], np.bincount(codes[:4]))
    (fold,) = store.folds()
    assert (fold.repeat, fold.fold, fold.seed) == (1, 2, 9)
    np.testing.assert_array_equal(fold.test_rows, [4, 5])
    np.testing.assert_array_equal(fold.test_codes, [0, 1])
    assert fold.train_counts == [2, 1, 1] and fold.test_counts == [1, 1, 0]


def test_a_stack_is_stored_whole_or_not_at_all(store):
    def cells():
        yield cell()
        raise RuntimeError("stopped between two cells")

    with pytest.raises(RuntimeError):
        store.add(cells())
    assert store.done() == set()
    store.add([cell()])
    assert store.done() == {("none", 0, 0)}


def test_what_was_stored_is_there_for_the_next_process(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        store.put("problem", {"classes": ["ä", "b"]})
        store.add([cell()])
    with Store(tmp_path / "r.sqlite") as store:
        assert store.get("problem") == {"classes": ["ä", "b"]}
        assert store.get("nothing") is None
        assert len(store.cells()) == 1
    assert sqlite3.connect(tmp_path / "r.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "results.sqlite"
    path.write_text("this is no database, but long enough to be looked at as one" * 20)
    with pytest.raises(ValueError, match=r"results\.sqlite exists and holds no results"):
        Store(path)
