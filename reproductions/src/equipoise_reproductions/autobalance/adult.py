"""Census Income (adult): income above 50,000 dollars is the label, sex the group."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from equipoise.datasets import Dataset, split_target
from equipoise.datasets.home import data_home as find_home

_COLUMNS = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race sex "
    "capital_gain capital_loss hours_per_week native_country income"
)
_FILES = ("adult-train.csv", "adult-test.csv")


def adult(*, data_home: str | Path | None = None) -> Dataset:
    """Read adult: 48,842 rows without sex, which is their group; marriage and relationship still tell of it.

    The folder ``files`` of the data home, see `equipoise.datasets.data_home`, holds UCI's adult.data and adult.test,
    without its first line, as ``adult-train.csv`` and ``adult-test.csv``; without them it raises FileNotFoundError.
    """
    paths = [find_home(data_home) / "files" / name for name in _FILES]
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"adult is read from UCI's files, but {' and '.join(absent)} cannot be found: save adult.data and "
            f"adult.test (without its first line) from archive.ics.uci.edu/dataset/2/adult there under these names."
        )
    tables = [
        pd.read_csv(path, header=None, names=_COLUMNS.split(), skipinitialspace=True, na_values="?") for path in paths
    ]
    table = pd.concat(tables, ignore_index=True)
    table["income"] = table["income"].str.rstrip(".")
    dataset = split_target(table.drop(columns=["fnlwgt", "sex"]), "income", name="adult")
    return replace(dataset, groups=table["sex"].to_numpy(dtype=str))
