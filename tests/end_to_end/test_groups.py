"""Rows that belong together are held out together, at every level."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from equipoise.cli.options import Columns, Reading
from equipoise.cli.task import load_task
from equipoise.experiments import Comparison, Store
from equipoise.experiments.splits import StratifiedFolds


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.3
    table = pd.DataFrame({"x": rng.normal(size=200).round(3), "who": rng.integers(0, 40, 200), "y": y})
    pd.concat([table, table.iloc[:60]]).sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


@pytest.mark.parametrize("group", ["who", None])
def test_no_group_and_no_equal_row_is_on_both_sides(path, group):
    data = load_task(path, "y", Reading(), Columns(group=group))
    assert ("who" in data.X) == (group is None)
    kinds = data.groups if group else pd.factorize(pd.util.hash_pandas_object(data.X, index=False))[0]
    codes = data.y.to_numpy().astype(int)
    for fold in StratifiedFolds(5).folds(data, codes, 0):
        assert not set(kinds[fold.train]) & set(kinds[fold.test])


def test_all_rows_differ(tmp_path):
    pd.DataFrame({"x": np.arange(50.0) / 7, "y": [0, 1] * 25}).to_csv(tmp_path / "t.csv", index=False)
    assert load_task(tmp_path / "t.csv", "y", Reading(), Columns()).groups is None


def test_equal_rows_of_a_long_table_are_held_together(tmp_path):
    frame = pd.DataFrame({"x": np.arange(20_010) % 20_000, "y": np.arange(20_010) % 2})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = load_task(tmp_path / "t.csv", "y", Reading(), Columns(keep=["x"]))
    assert (data.groups[:10] == data.groups[-10:]).all() and len(set(data.groups)) == 20_000


def test_the_columns_of_time_and_weights(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=80).round(3), "y": [0, 1] * 40, "w": [1, 2, 0, 5] * 20})
    frame["t"] = pd.date_range("2024-02-01", periods=80, freq="D").strftime("%d.%m.%Y")
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False, sep=";")
    data = load_task(tmp_path / "t.csv", "y", Reading(), Columns(time="t", gap="2w", weights="w"))
    assert list(data.X) == ["x"] and data.groups is None and data.gap == 14
    assert len(data.y) == 60 and any("20 rows of weight 0 were left out" in note for note in data.notes)
    assert data.weights.mean() == pytest.approx(1) and set(np.round(data.weights / data.weights.min())) == {1, 2, 5}
    assert np.ptp(data.times) == 79
    kept = load_task(tmp_path / "t.csv", "y", Reading(), Columns(time="t", keep=["t"]))
    assert list(kept.X) == ["x", "w", "t"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weights", "amount_"), "There is no column 'amount_' in .*did you mean 'amount'"),
        (("--weights", "w"), "must hold a weight of 0 or more in every row, but holds '-1' in row 2 and an empty cell"),
        (("--time", "when"), "must hold a date in every row, but holds 'soon' in row 1 and an empty cell in row 4"),
        (("--time", "amount", "--gap", "2d"), "The gap must be a number as in 'amount', got '2d'"),
        (("--time", "day", "--gap", "7"), "The gap must be a number and a unit .* such as 30d, got '7'"),
        (("--gap", "7d"), "no time is given"),
        (("--time", "day", "--gap", "30x"), "The gap must be a number and a unit .* got '30x'"),
        (("--time", "name"), "must hold dates or numbers to order the rows: its cells read as category"),
        (("--weights", "y"), "cannot be the weights, because it is the target"),
        (("--group", "amount", "--time", "amount"), "cannot be the time, because it is the group"),
    ],
)
def test_columns_that_cannot_play_their_part_are_told_before_the_work(tmp_path, here, options, message):
    n = 60
    frame = pd.DataFrame({"amount": np.arange(n) * 1.5, "w": 1, "y": [0, 1] * 30, "name": ["Ann", "Bo"] * 30})
    frame["day"] = frame["when"] = pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d")
    frame = frame.astype({"w": object, "when": object})
    frame.loc[2, "w"], frame.loc[3, "w"], frame.loc[1, "when"], frame.loc[4, "when"] = -1, None, "soon", None
    frame.to_csv(tmp_path / "t.csv", index=False)
    for command in ("compare", "fit"):
        said = here(command, tmp_path / "t.csv", "--target", "y", *options, "--out", tmp_path / "out", refused=True)
        assert re.search(message, said)
    assert not (tmp_path / "out").exists()


def test_visits_by_group_time_and_weights(data_home, here, tmp_path):
    visits, out = data_home / "files" / "messy" / "visits.csv", tmp_path / "report"
    roles = ("--group", "customer", "--time", "time", "--gap", "7d", "--weights", "exposure", "--drop", "message")
    work = ("--recipes", "none", "logistic", "easy-ensemble", "--members", 1, "--folds", 3, "--budget", 20)
    said = here("compare", visits, "--target", "fraud", *roles, *work, "--out", out)
    assert "easy-ensemble cannot weigh rows and was left out" in said
    assert "Measured on rows later than those of training, 2 parts by 'time', 'customer' held out" in said
    with Store(out / "results.sqlite") as store:
        found = Comparison(store)
    frame = pd.read_csv(visits)
    times, customers = pd.to_datetime(frame["time"]), frame["customer"].to_numpy()
    weights = frame["exposure"] / frame["exposure"].mean()
    ends = []
    for fold in found.folds.values():
        first = times[fold.test_rows].min()
        before = np.flatnonzero(times <= first - pd.Timedelta(days=7))
        trained = before[~np.isin(customers[before], customers[fold.test_rows])]
        assert sum(fold.train_counts) == len(trained)
        np.testing.assert_allclose(sum(fold.train_mass), weights[trained].sum())
        np.testing.assert_allclose(fold.test_weights, weights[fold.test_rows])
        ends.append((first, times[fold.test_rows].max()))
    assert len(ends) == 3 and all(one[1] < other[0] for one, other in pairwise(ends))
    assert set(found.scores["fold"]) == {1, 2}
    page = (out / "report.html").read_text()
    assert "gap of 7 days" in page and "how good is the model on rows of a new &#39;customer&#39;" in page
    assert "rows weighed by &#39;exposure&#39;" in page
    model = tmp_path / "model"
    here("fit", visits, "--target", "fraud", *roles, "--recipe", "logistic", "--out", model)
    assert "Column of the weights: exposure" in (model / "README.md").read_text()
    told = here("predict", model, visits, "--out", tmp_path / "scored.csv")
    assert "does not know" not in told
