"""Rows that belong together are held out together, at every level."""

import numpy as np
import pandas as pd
import pytest

from equipoise.cli.options import Columns, Reading
from equipoise.cli.task import load_task
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
