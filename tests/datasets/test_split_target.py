"""A table becomes a task: which column, which classes, which is rare, and what is wrong with it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.datasets import Dataset, split_target
from equipoise.tables import read_table


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "amount": [3.0, np.nan, 900.0, 4.0, 700.0],
            "country": ["de", "fr", None, "de", "fr"],
            "is_fraud": ["no", "no", "yes", "no", "yes"],
        }
    )


def test_the_target_by_name(frame):
    task = split_target(frame, "is_fraud", name="fraud.csv")
    assert isinstance(task, Dataset)
    assert task.name == "fraud.csv"
    assert task.rare == "yes"
    assert task.family is None and task.groups is None
    pd.testing.assert_frame_equal(task.X, frame[["amount", "country"]])
    assert task.y.tolist() == frame["is_fraud"].tolist()


@pytest.mark.parametrize("target", [3, -1, "3", "-1"])
def test_the_target_by_position(frame, target):
    assert split_target(frame, target).y.name == "is_fraud"
    assert split_target(frame[["is_fraud", "amount"]], 1).y.name == "is_fraud"


def test_a_name_wins_over_a_position():
    frame = pd.DataFrame({"2": [0, 1, 0, 1], "1": [5, 6, 7, 8]})
    assert split_target(frame, "2").y.tolist() == [0, 1, 0, 1]


def test_polars_and_arrays_give_the_same_task(frame):
    expected = split_target(frame, "is_fraud")
    task = split_target(pl.from_pandas(frame), "is_fraud")
    assert task.y.tolist() == expected.y.tolist()
    assert task.rare == expected.rare
    pd.testing.assert_frame_equal(task.X, expected.X, check_dtype=False)
    array = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0], [5.0, 6.0, 0.0], [7.0, 8.0, 1.0], [9.0, 9.0, 0.0]])
    task = split_target(array, -1)
    assert task.X.shape == (5, 2) and list(task.X.columns) == ["1", "2"]
    assert task.rare == 1.0


@pytest.mark.parametrize(
    ("target", "labels"),
    [
        (
            pd.Categorical(["b", "a", "b", "a", "b"], categories=["a", "b", "never"]),
            ["b", "a", "b", "a", "b"],
        ),
        (pd.array([1, 0, 1, 0, 1], dtype="Int64"), [1, 0, 1, 0, 1]),
        (pd.array([True, False, True, False, True], dtype="boolean"), [True, False, True, False, True]),
        (np.array([2, 7, 2, 7, 2], dtype=np.uint8), [2, 7, 2, 7, 2]),
        (["yes ", "no", " yes", "no", "yes"], ["yes", "no", "yes", "no", "yes"]),
        ([1, "a", 1, "a", 1], ["1", "a", "1", "a", "1"]),
        ([1.0, 0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]),
    ],
    ids=["category", "nullable", "boolean", "uint8", "blanks", "mixed", "whole-floats"],
)
def test_labels_become_plain_values(target, labels):
    task = split_target(pd.DataFrame({"x": range(5), "t": target}), "t")
    assert task.y.tolist() == labels
    assert [type(label) for label in task.y.tolist()] == [type(label) for label in labels]
    assert task.rare == labels[1]
    assert type(task.rare) is type(labels[1])
    assert set(np.unique(task.y)) == set(labels)


def test_a_polars_enum_target():
    frame = pl.DataFrame({"x": [1, 2, 3, 4], "t": ["u", "v", "u", "v"]})
    frame = frame.with_columns(pl.col("t").cast(pl.Enum(["u", "v", "w"])))
    assert split_target(frame, "t").y.tolist() == ["u", "v", "u", "v"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=4, max_size=40))
def test_the_rare_class_is_the_rarest(labels):
    labels = labels + list("aabb")
    labels = [label for label in labels if labels.count(label) > 1]
    task = split_target(pd.DataFrame({"x": range(len(labels)), "t": labels}), "t")
    assert labels.count(task.rare) == min(labels.count(label) for label in set(labels))


def test_a_frame_with_an_odd_index_is_numbered_afresh(frame):
    task = split_target(frame.set_index(pd.Index([9, 9, 3, 1, 0])), "is_fraud")
    assert task.X.index.tolist() == task.y.index.tolist() == [0, 1, 2, 3, 4]


def test_the_user_s_frame_is_left_alone(frame):
    before = frame.copy(deep=True)
    split_target(frame, "is_fraud")
    pd.testing.assert_frame_equal(frame, before)


def test_a_headerless_file_from_end_to_end(tmp_path):
    path = tmp_path / "adult.csv"
    path.write_text("39, Private, <=50K\n50, ?, <=50K\n52, Private, >50K\n38, ?, >50K \n20, ?, <=50K\n")
    with pytest.raises(ValueError, match=r"--no-header"):
        split_target(read_table(path), "income", name="adult.csv")
    task = split_target(read_table(path, header=False), -1, name="adult.csv")
    assert task.rare == ">50K" and task.y.nunique() == 2
    assert task.X.shape == (5, 2)


# Faults


def test_an_unknown_target_names_the_columns_near_it(frame):
    with pytest.raises(ValueError, match=r"no column 'isfraud' in t\.csv: did you mean 'is_fraud'\?"):
        split_target(frame, "isfraud", name="t.csv")
    with pytest.raises(ValueError, match=r"did you mean 'is_fraud'\?"):
        split_target(frame, "IS_FRAUD")
    message = r"its 3 columns are 'amount', 'country' and 'is_fraud'\. .*header=False .*--no-header"
    with pytest.raises(ValueError, match=message):
        split_target(frame, "zzz")
    wide = pd.DataFrame([range(30)], columns=[f"c{i}" for i in range(30)])
    with pytest.raises(ValueError, match=r"'c0', 'c1', 'c2', 'c3', 'c4' and 25 more"):
        split_target(wide, "zzz")


@pytest.mark.parametrize("position", [0, 4, -4, "99"])
def test_a_position_beyond_the_table(frame, position):
    with pytest.raises(ValueError, match=f"no column {position} in table: it has 3 columns"):
        split_target(frame, position)


@pytest.mark.parametrize(
    ("labels", "kept"),
    [([None, "a", "b", " ", "a", "b"], ["a", "b", "a", "b"]), ([np.nan, 0, 1, np.nan, 0, 1], [0, 1, 0, 1])],
)
def test_rows_without_a_label_are_left_out_and_kept_beside(labels, kept):
    task = split_target(pd.DataFrame({"x": range(6), "y": labels}), "y")
    assert task.y.tolist() == kept and task.y.dtype in (np.int64, object, "str")
    assert task.X["x"].tolist() == [1, 2, 4, 5] and task.unlabelled["x"].tolist() == [0, 3]
    assert task.notes[0] == "2 of 6 rows have no label and were left out."


def test_a_target_without_any_label():
    with pytest.raises(ValueError, match=r"column 'y' of table is empty"):
        split_target(pd.DataFrame({"x": range(3), "y": [None, " ", ""]}), "y")


def test_names_of_several_levels_are_joined():
    task = split_target(
        pd.DataFrame(
            [[1, 2, 0], [3, 4, 1]] * 2, columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("t", "")])
        ),
        "t",
    )
    assert list(task.X.columns) == ["a x", "a y"]


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.3, 0.4, 0.5], [1.5, 1.5, 2.0, 2.0, 2.0], [np.inf, 1, 0, 1, 0]])
def test_a_continuous_target(frame, values):
    with pytest.raises(ValueError, match=rf"'amount' of table is continuous .* such as {values[0]}"):
        split_target(frame.assign(amount=values), "amount")


def test_one_class(frame):
    for label in ("no", 0):
        with pytest.raises(ValueError, match=rf"'is_fraud' of table holds only {label!r}\."):
            split_target(frame.assign(is_fraud=label), "is_fraud")


def test_a_class_with_a_single_row(frame):
    frame.loc[0, "is_fraud"] = "maybe"
    with pytest.raises(ValueError, match=r"of the 3 classes .* single row: 'maybe'\. Merge"):
        split_target(frame, "is_fraud")
    with pytest.raises(ValueError, match=r"single row: .* and 3 more"):
        split_target(pd.DataFrame({"x": range(8), "id": range(8)}), "id")


def test_no_feature_left(frame):
    with pytest.raises(ValueError, match=r"no column beside the target 'is_fraud'.*delimiter"):
        split_target(frame[["is_fraud"]], "is_fraud")


def test_no_rows(frame):
    with pytest.raises(ValueError, match="table has no rows"):
        split_target(frame.iloc[:0], "is_fraud")


def test_repeated_column_names(frame):
    with pytest.raises(ValueError, match="table repeats 'amount'"):
        split_target(frame.set_axis(["amount", "amount", "is_fraud"], axis=1), "is_fraud")


def test_cells_that_hold_lists():
    frame = pl.DataFrame({"x": [[1], [2], [3], [4]], "t": [0, 1, 0, 1]})
    with pytest.raises(ValueError, match="column 'x' of table holds"):
        split_target(frame, "t")


@pytest.mark.parametrize("frame", [pl.LazyFrame({"t": [1]}), [1, 2], np.zeros(3), "table.csv"])
def test_no_table(frame):
    with pytest.raises(TypeError, match=r"must be a pandas or polars DataFrame or a 2-D array"):
        split_target(frame, "t")
