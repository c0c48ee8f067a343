"""Load a data set of the catalogue from the data home, fetched first if need be, and checked."""

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
from imblearn.datasets import fetch_datasets

from equipoise.datasets import home
from equipoise.datasets.dataset import Dataset, split_target
from equipoise.datasets.entries import Entry, find
from equipoise.datasets.fetching import check_table, download
from equipoise.datasets.imbalance import make_imbalance, one_against_rest
from equipoise.tables.reading import read_table

__all__ = ["fetch", "load"]


def load(name: str, *, data_home: str | Path | None = None) -> Dataset:
    """Load a data set by name, fetching it on first use.

    Parameters
    ----------
    name : str
        One of `names()`.
    data_home : str or Path, default=None
        Where the rows are kept, see `equipoise.datasets.data_home`.

    Returns
    -------
    Dataset
        A class made of all the others is called "rest".

    Raises
    ------
    ValueError
        If the name is not in the catalogue, or the rows, features or class counts are not the expected ones.
    OSError
        If the rows are not in the data home and cannot be fetched.

    Examples
    --------
    >>> from equipoise.datasets import load
    >>> digits = load("digits")
    >>> digits.X.shape, digits.rare, int((digits.y == digits.rare).sum())
    ((1797, 64), '8', 174)
    """
    entry = find(name)
    path = fetch(name, data_home=data_home)
    table = _read(entry, path)
    check_table(entry, table, str(path or entry.source))
    X, y = table.drop(columns="target"), table["target"]
    if entry.rare:
        y = one_against_rest(y, entry.rare)
    for label, ratio in entry.cut.items():
        X, y = make_imbalance(X, y, ratio, minority=label, random_state=0)
    task = split_target(X.assign(target=y), "target", name=name)
    repeats = int(pd.util.hash_pandas_object(X.assign(target=y), index=False).duplicated().sum())
    told = f"{repeats:,} of {len(y):,} rows are exact duplicates of earlier rows, label included."
    notes = [*([entry.note[:1].upper() + entry.note[1:] + "."] if entry.note else []), *([told] if repeats else [])]
    return replace(
        task,
        family=entry.family,
        groups=np.arange(len(y)) // entry.group_rows if entry.group_rows else None,
        source=entry.origin,
        licence=entry.licence,
        notes=(*notes, *task.notes),
    )


def fetch(name: str, *, data_home: str | Path | None = None) -> Path | None:
    """Download a data set into the data home, unless it is there.

    Parameters
    ----------
    name, data_home
        As in `load`.

    Returns
    -------
    Path or None
        The file; None for a set that ships with scikit-learn.

    Raises
    ------
    ValueError
        If the name is not in the catalogue, or what came is not the expected table.
    OSError
        If the set is not to be had, or the data home cannot be written.
    """
    entry = find(name)
    folder = home.data_home(data_home)
    path = entry.path(folder)
    if path is not None and not path.is_file():
        download(entry, path, folder)
    return path


def _read(entry: Entry, path: Path | None) -> pd.DataFrame:
    """Read the rows of a set that is present; the last column is called "target"."""
    if path is None:
        bunch = getattr(sklearn.datasets, f"load_{entry.table}")(as_frame=True)
        return bunch.data.assign(target=bunch.target_names[bunch.target])
    if entry.kind == "zenodo":
        return _read_zenodo(entry, path)
    return read_table(path).drop(columns=[*entry.drop]).rename(columns={entry.labels: "target"})


def _read_zenodo(entry: Entry, path: Path) -> pd.DataFrame:
    folder = str(path.parent.parent)
    try:
        bunches = fetch_datasets(data_home=folder, filter_data=(entry.name,), download_if_missing=False)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}): delete it to fetch it again.") from error
    bunch = bunches[entry.name]
    return pd.DataFrame(bunch.data).rename(columns=lambda i: str(i + 1)).assign(target=bunch.target)
