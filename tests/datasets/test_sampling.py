"""A sample by class of a task, and how large a time limit lets it be."""

import numpy as np
import pandas as pd
import pytest

from equipoise.datasets import open_table, split_target
from equipoise.datasets.in_time import rows_in_time, seconds_a_row
from equipoise.datasets.sampling import sampled
from equipoise.deadline import Deadline
from equipoise.tables import TablePreprocessor


@pytest.fixture
def frame():
    rng, n = np.random.default_rng(0), 6000
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "who": np.arange(n) // 3,
            "when": pd.date_range("2024-01-01", periods=n, freq="h").astype(str),
            "kind": np.where(np.arange(n) % 60 == 0, "rare", np.where(np.arange(n) % 5 == 0, "middle", "common")),
        }
    )


def test_minority_rows_are_kept_and_weights_stand_for_all_rows(frame):
    data = split_target(frame, "kind", group="who", time="when", report_by=["size"])
    few = sampled(data, 900, random_state=3)
    counts = few.y.value_counts()
    assert counts.to_dict() == {"common": 400, "middle": 400, "rare": 100}
    assert few.class_counts == data.y.value_counts().to_dict() and few.n_rows == 6000
    mass = pd.Series(few.weights).groupby(few.y.to_numpy()).sum() / few.weights.sum()
    np.testing.assert_allclose(mass, data.y.value_counts(normalize=True)[mass.index])
    rows = few.X["size"].map({size: row for row, size in data.X["size"].items()}).to_numpy()
    assert (np.diff(rows) > 0).all() and (few.y.to_numpy() == data.y.to_numpy()[rows]).all()
    assert (few.groups == data.groups[rows]).all() and (few.times == data.times[rows]).all()
    assert few.reported["size"].tolist() == few.X["size"].tolist()
    assert sampled(data, 900, random_state=3).X.equals(few.X) and sampled(data, 6000) is data


def test_a_sample_of_a_sample_stands_for_the_whole_table(frame):
    data = open_table(frame).sample("kind", most_rows=1200)
    few = sampled(data, 300)
    assert few.class_counts == data.class_counts and few.n_rows == 6000
    mass = pd.Series(few.weights).groupby(few.y.to_numpy()).sum() / few.weights.sum()
    np.testing.assert_allclose(mass, frame["kind"].value_counts(normalize=True)[mass.index])


def test_rows_with_weights_of_the_user_stay(frame):
    data = split_target(frame.assign(w=1.0 + frame.index % 2), "kind", weights="w")
    assert sampled(data, 100) is data


class Clock:
    """A clock by which each look at it is some seconds later."""

    def __init__(self, each):
        self.now, self.each = 0.0, each

    def __call__(self):
        self.now += self.each
        return self.now


def rows(frame, seconds_a_look, limit, n_rows=6000.0, passes=1):
    clock = Clock(seconds_a_look)
    deadline = Deadline(limit, lambda: clock.now, in_minutes=True)
    return rows_in_time(open_table(frame), n_rows, "kind", TablePreprocessor(), deadline, passes, clock)[1]


def test_a_time_limit_bounds_the_rows_by_their_pace(frame):
    whole, twice, fast = rows(frame, 1, 600), rows(frame, 1, 600, passes=2), rows(frame, 0.1, 600)
    assert 2000 < twice < whole < fast and whole == pytest.approx(2 * twice, abs=1)


@pytest.mark.parametrize(("seconds_a_look", "looked_at"), [(1, [200, 1000, 5000]), (20, [200, 1000])])
def test_where_rows_are_slow_to_become_numbers_few_are_tried(frame, seconds_a_look, looked_at):
    clock, asked = Clock(seconds_a_look), []

    def some(n_rows):
        asked.append(n_rows)
        return frame.drop(columns="kind").head(n_rows), None

    a_row, fitted = seconds_a_row(TablePreprocessor(), some, Deadline(600, lambda: clock.now), clock)
    assert asked == looked_at and a_row == seconds_a_look / looked_at[-1]
    assert len(fitted.transform(frame.drop(columns="kind"))) == len(frame)


def test_what_cannot_be_read_in_time_is_refused_with_a_limit_that_does(frame):
    with pytest.raises(
        ValueError, match=r"s of 0.167 minutes went on .* left, and reading about 6,000 rows of table takes about"
    ) as told:
        rows(frame, 6, 10.0)
    assert "Raise --budget, to " in str(told.value)
    minutes = float(str(told.value).rpartition("to ")[2].split(" for")[0])
    assert rows(frame, 6, 60 * minutes) >= 2000


def test_where_all_cannot_be_read_in_time_some_row_groups_are_and_that_is_said(frame, tmp_path):
    for part in range(2):
        frame.iloc[part * 3000 : (part + 1) * 3000].to_parquet(tmp_path / f"{part}.parquet", row_group_size=500)
    clock = Clock(1)
    deadline = Deadline(60.0, lambda: clock.now)
    with pytest.warns(
        UserWarning, match=r"Only \d of 12 parts of .* drawn at random, are read, to meet the time limit"
    ):
        table, _ = rows_in_time(open_table(tmp_path), 60_000.0, "kind", TablePreprocessor(), deadline, 1, clock, seed=0)
    counts = table.class_counts("kind")
    assert sum(counts.values()) == 500 * len(table.parts) and 1 <= len(table.parts) < 12
    drawn = pd.concat(table.blocks())
    assert len(drawn) == sum(counts.values()) and set(drawn["size"]) < set(frame["size"])
