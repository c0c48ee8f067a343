"""Census Income (adult): income above 50,000 dollars is the label, sex the group."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets import Dataset, split_target
from equipoise.datasets.home import data_home as find_home

_COLUMNS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]
_FILES = ("adult-train.csv", "adult-test.csv")


def adult(*, data_home: str | Path | None = None) -> tuple[Dataset, NDArray[np.str_]]:
    """Read adult: the table without sex, and the sex of each row.

    Parameters
    ----------
    data_home : str or Path, default=None
        Whose folder ``files`` holds UCI's adult.data and adult.test, without its first line, as ``adult-train.csv``
        and ``adult-test.csv``; see `equipoise.datasets.data_home`.

    Returns
    -------
    dataset : Dataset
        48,842 rows; marriage and relationship still tell of sex.
    sex : ndarray of shape (n,)

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    """
    paths = [find_home(data_home) / "files" / name for name in _FILES]
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"adult is read from UCI's files, but {' and '.join(absent)} cannot be found: save adult.data and "
            f"adult.test (without its first line) from archive.ics.uci.edu/dataset/2/adult there under these names."
        )
    tables = [pd.read_csv(path, header=None, names=_COLUMNS, skipinitialspace=True, na_values="?") for path in paths]
    table = pd.concat(tables, ignore_index=True)
    table["income"] = table["income"].str.rstrip(".")
    dataset = split_target(table.drop(columns=["fnlwgt", "sex"]), "income", name="adult")
    return dataset, table["sex"].to_numpy(dtype=str)
