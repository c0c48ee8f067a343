"""The data sets of `catalogue.toml`, and where their rows are stored."""

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise.datasets import home
from equipoise.datasets.imbalance import REST, rows_at

__all__ = ["catalogue", "names", "suite"]

SOURCES = {"zenodo": "imbalanced-learn", "bundled": "scikit-learn", "unavailable": "not public"}


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue; the fields are explained at the top of `catalogue.toml`."""

    name: str
    kind: str
    rows: int
    features: int
    origin: str
    licence: str
    family: str
    table: str
    counts: dict[str, int] = field(default_factory=dict)
    rare: dict[str, list[Any]] = field(default_factory=dict)
    cut: dict[str, float] = field(default_factory=dict)
    openml: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    labels: str = "target"
    drop: tuple[str, ...] = ()
    number: int = 0
    group_rows: int = 0
    note: str = ""
    reason: str = ""
    used_by: tuple[str, ...] = ()
    suite: bool = False
    verified: bool = True

    @property
    def source(self) -> str:
        """Where the rows are fetched from, in words."""
        return SOURCES.get(self.kind) or f"OpenML {self.openml['data_id']}"

    @property
    def editions(self) -> list[tuple[int, dict[str, int]]]:
        """Rows and class counts of each copy of the table that may be met: the original's, and OpenML's."""
        own = [(self.rows, self.counts)]
        return own + ([(self.openml["rows"], self.openml["counts"])] if "rows" in self.openml else [])

    def path(self, folder: Path) -> Path | None:
        """The file in the data home that holds the rows; None for a set that ships with scikit-learn."""
        if self.kind == "bundled":
            return None
        if self.kind == "zenodo":
            return folder / "zenodo" / f"x{self.number}data.npz"
        return folder / (self.file or f"tables/{self.table}.parquet")

    def class_counts(self) -> dict[str, int]:
        """Rows of each class of the task, after `rare` and `cut`; empty where the catalogue does not know."""
        if not self.counts:
            return {}
        counts = dict(self.counts)
        if self.rare:
            counts = {name: sum(counts[str(label)] for label in labels) for name, labels in self.rare.items()}
            counts[REST] = sum(self.counts.values()) - sum(counts.values())
        for label, ratio in self.cut.items():
            counts[label] = rows_at(ratio, sum(counts.values()) - counts[label])
        return counts


@cache
def entries() -> dict[str, Entry]:
    """Every entry of `catalogue.toml` by name."""
    kinds = tomllib.loads(files("equipoise.datasets").joinpath("catalogue.toml").read_text("utf-8"))
    return {name: _entry(kind, name, kinds[kind]) for kind in kinds for name in kinds[kind]}


def _entry(kind: str, name: str, group: dict[str, dict[str, Any]]) -> Entry:
    own = dict(group[name])
    fields = group.get(own.pop("like", ""), {}) | own
    lists = {key: tuple(fields.get(key, ())) for key in ("drop", "used_by")}
    fields = {"family": name, "table": name} | fields | lists
    return Entry(name=name, kind=kind, **fields)


def find(name: str) -> Entry:
    """Return the entry called `name`; ValueError with the names near it if there is none."""
    known = entries()
    if name not in known:
        near = get_close_matches(name, known)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "equipoise datasets list shows them all."
        raise ValueError(f"There is no data set {name!r} in the catalogue: {hint}")
    return known[name]


def names() -> list[str]:
    """List the data sets that `load` knows.

    Examples
    --------
    >>> from equipoise.datasets import names
    >>> "breast_cancer" in names()
    True
    """
    return list(entries())


def catalogue(*, data_home: str | Path | None = None) -> pd.DataFrame:
    """Describe every data set that equipoise knows by name.

    Returns
    -------
    DataFrame of shape (n_sets, 10)
        Columns name, rows, features, classes, rare_share (the rarest class's share of the rows), family,
        source, used_by (the papers and the benchmark that use it), suite (part of the comparison suite) and
        present (loads without a download). `classes` and `rare_share` are missing where they are not known.

    Examples
    --------
    >>> from equipoise.datasets import catalogue
    >>> catalogue().set_index("name").loc["digits", ["family", "source"]].tolist()
    ['optical_digits', 'scikit-learn']
    """
    folder = home.data_home(data_home)
    return pd.DataFrame([_row(entry, folder) for entry in entries().values()]).astype({"classes": "Int64"})


def _row(entry: Entry, folder: Path) -> dict[str, Any]:
    counts = entry.class_counts()
    path = entry.path(folder)
    return {
        "name": entry.name,
        "rows": sum(counts.values()) or entry.rows,
        "features": entry.features,
        "classes": len(counts) or None,
        "rare_share": min(counts.values()) / sum(counts.values()) if counts else None,
        "family": entry.family,
        "source": entry.source,
        "used_by": ", ".join(entry.used_by),
        "suite": entry.suite,
        "present": path is None or path.is_file(),
    }


def suite() -> dict[str, str]:
    """Name the sets of the comparison suite, the rare class against the rest, each with its family.

    Sets of one family are cut from the same source rows: a comparison counts them once.

    Examples
    --------
    >>> from equipoise.datasets import suite
    >>> suite()["satimage"]
    'satimage'
    """
    return {entry.name: entry.family for entry in entries().values() if entry.suite}
