"""Scores derive from confusion counts, and both kinds of test rows from the same networks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from equipoise.experiments import Store
from equipoise_reproductions.mubo import runs
from equipoise_reproductions.mubo.protocol import PAPER, Effort
from equipoise_reproductions.mubo.results import BALANCED, NATURAL, balanced_draw, by_class, histories, implied, scores
from equipoise_reproductions.mubo.watch import CONFUSION

BRIEF = Effort(runs=2, max_iter=4, epochs=2)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(0, 9)] * 4).filter(lambda counts: counts[0] + counts[1] and counts[2] + counts[3]))
def test_metrics_are_scikit_learns(counts):
    y, decided = np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 1], counts)
    found = by_class(pd.DataFrame([counts], columns=list(CONFUSION))).iloc[0]
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert found[name] == pytest.approx(score(y, decided, average="macro", zero_division=0))
        assert found[f"{name}_m"] == pytest.approx(score(y, decided, pos_label=1, zero_division=0))
        assert found[f"{name}_M"] == pytest.approx(score(y, decided, pos_label=0, zero_division=0))


def test_a_balanced_draw_repeats_rows_of_both_classes_as_often():
    codes = np.array([0] * 50 + [1] * 20)
    rows = balanced_draw(codes, seed=1)
    assert np.bincount(codes[rows]).tolist() == [20, 20]
    assert len(np.unique(rows)) < len(rows)  # with replacement
    np.testing.assert_array_equal(rows, balanced_draw(codes, seed=1))
    assert not np.array_equal(rows, balanced_draw(codes, seed=2))


def test_scores_of_what_is_stored(stand_ins, tmp_path):
    source = stand_ins()[1]
    runs.run_jobs(tmp_path, [(source, [PAPER])], BRIEF, lambda *told: None)
    frame = scores(tmp_path, [source, *stand_ins.sources[:1]])
    assert set(frame["set"]) == {"Abalone"} and set(frame["test"]) == {NATURAL, BALANCED}
    with Store(tmp_path / "abalone.sqlite") as store:
        cells = {(c.arm, c.repeat): c for c in store.cells()}
    assert len(frame) == 2 * len(cells)
    for row in frame[frame["test"] == NATURAL].itertuples():
        assert [row.tn, row.fp, row.fn, row.tp] == cells[row.method, row.run].confusion.ravel().tolist()
    even = frame[frame["test"] == BALANCED]
    assert (even["tn"] + even["fp"] == even["fn"] + even["tp"]).all()
    told = histories(tmp_path, [source], [PAPER])
    assert set(told["set"]) == {"Abalone"} and set(told["method"]) == {PAPER.name} and told["step"].max() == 4


def test_nothing_stored_gives_empty_frames(stand_ins, tmp_path):
    assert scores(tmp_path, stand_ins()).empty


def test_implied_test_rows(stand_ins):
    assert [implied(source) for source in stand_ins()] == [NATURAL, BALANCED, BALANCED]
