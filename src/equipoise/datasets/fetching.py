"""Bring a table of the catalogue into the data home: whole or not at all, and checked."""

import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from imblearn.datasets import fetch_datasets
from pandas.api.types import is_numeric_dtype
from sklearn.datasets import fetch_openml

from equipoise.datasets.entries import Entry

# What the fetchers raise for a broken connection, an unknown id, or an answer that is cut short.
FAILURES = (OSError, EOFError, HTTPException, ValueError, tarfile.TarError, zlib.error)


def download(entry: Entry, path: Path, home: Path) -> None:
    """Fetch the rows of `entry` and keep them at `path` in `home`; OSError if that cannot be done."""
    if entry.kind == "unavailable":
        raise FileNotFoundError(
            f"{entry.name} cannot be fetched: {entry.reason}. If you have the table, put it at {path}, the "
            f"labels in a column called {entry.labels!r}."
        )
    with _staging(home) as folder:
        if entry.kind == "zenodo":
            made = _zenodo_files(entry, folder, home)
        else:
            made = [_openml_file(entry, folder / path.name, home)]
        path.parent.mkdir(exist_ok=True)
        for file in made:
            os.replace(file, path.parent / file.name)


def check_table(entry: Entry, table: pd.DataFrame, where: str) -> None:
    """Raise ValueError, quoting both sides, unless the table has the rows, features and labels expected."""
    if "target" not in table:
        raise ValueError(f"the labels of {entry.name} must be in a column 'target', but {where} has none.")
    counts = {str(label): int(count) for label, count in table["target"].value_counts().items()}
    features = table.shape[1] - 1
    for rows, expected in entry.editions:
        if (len(table), features) == (rows, entry.features) and expected in ({}, counts):
            return
    wanted = " or ".join(_described(rows, entry.features, expected) for rows, expected in entry.editions)
    doubt = "" if entry.verified else " (from documentation, never verified)"
    raise ValueError(
        f"{entry.name} must have {wanted}{doubt}, but {where} has "
        f"{_described(len(table), features, counts)}: it is another version of the data set, or damaged. Delete "
        "a damaged file to fetch it again."
    )


def _described(rows: int, features: int, counts: dict[str, int]) -> str:
    classes = ", ".join(f"{label}: {counts[label]}" for label in sorted(counts)) or "not known"
    return f"{rows} rows, {features} features, classes {{{classes}}}"


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """Give a folder inside the data home, so that finished files can be moved into place in one step."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        staging = TemporaryDirectory(dir=home, prefix=".fetching-")
    except OSError as error:
        raise OSError(
            f"the data home {home} cannot be written ({error}): name another with data_home or in the "
            "environment variable EQUIPOISE_DATA_HOME."
        ) from error
    with staging as folder:
        yield Path(folder)


@contextmanager
def _explained(entry: Entry, home: Path) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise ConnectionError(
            f"{entry.name} is not in the data home {home} and could not be fetched from {entry.source} "
            f"({error}): connect to the internet and try again, or copy the file there from another machine."
        ) from error


def _zenodo_files(entry: Entry, folder: Path, home: Path) -> list[Path]:
    """Fetch imbalanced-learn's archive; it holds all 27 sets, and those still missing at home are kept."""
    with _explained(entry, home):
        fetch_datasets(data_home=str(folder), filter_data=(entry.name,))
    return [file for file in folder.glob("zenodo/*.npz") if not (home / "zenodo" / file.name).exists()]


def _openml_file(entry: Entry, file: Path, home: Path) -> Path:
    with _explained(entry, home):
        bunch = fetch_openml(data_id=entry.openml["data_id"], as_frame=True, cache=False)
    table = _openml_table(entry, bunch.data, bunch.target)
    check_table(entry, table, entry.source)
    table.to_parquet(file)
    return file


def _openml_table(entry: Entry, data: pd.DataFrame, target: pd.Series) -> pd.DataFrame:
    labels = entry.openml.get("labels")
    if labels:
        target = target.astype(str).map(labels)
    table = data.drop(columns=entry.openml.get("drop", []), errors="ignore").assign(target=target)
    table = table[table["target"].notna()].reset_index(drop=True)
    return pd.DataFrame({column: _plain(table[column]) for column in table})


def _plain(column: pd.Series) -> pd.Series:
    """Turn numbers that OpenML declares as categories, or keeps sparse, into plain numbers."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(np.asarray(column), name=column.name)
    if is_numeric_dtype(column.dtype):
        return column
    try:
        return pd.to_numeric(column.astype(object), downcast="integer")
    except (ValueError, TypeError):
        return column
