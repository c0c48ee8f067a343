"""`open_table`: a table that memory need not hold, as rows by blocks, and a sample by class to learn from."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets.dataset import Dataset, split_target
from equipoise.datasets.encoded import WholeTable
from equipoise.datasets.sampling import sizes_by_class
from equipoise.datasets.sources import Names, Part, source_of
from equipoise.datasets.target import is_labelled, labels_of, target_column
from equipoise.tables.preprocessing import TablePreprocessor
from equipoise.tables.reading import table_name
from equipoise.tables.text_cells import typed
from equipoise.text import counted, listed

T = TypeVar("T")
Drawn = dict[Any, NDArray[np.int64]]

_CELLS = 1 << 23  # of a sample, at most: 64 MB of numbers


@dataclass(frozen=True, eq=False, repr=False)
class OpenTable:
    """A table as rows by blocks.

    Attributes
    ----------
    name : str
    columns : list of str
    parts : sequence of Part
        Files or partitions, in order; another process can read one.
    as_text : bool
        Whether blocks hold text as it stands in a file, also where it reads as numbers.
    """

    name: str
    columns: list[str]
    parts: Sequence[Part]
    as_text: bool

    def __repr__(self) -> str:
        return f"<OpenTable {self.name!r}: {counted(len(self.columns), 'column')}, {counted(len(self.parts), 'part')}>"

    def blocks(self, columns: Names = None, target: str | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows in order, a data frame of some ten thousand at a time.

        Parameters
        ----------
        columns : sequence of str, optional
            All by default.
        target : str, optional
            Column in which words such as NA and None are classes.

        Raises
        ------
        ValueError
            If columns are missing, or a file is damaged; the message names them, or the file and its row group.
        """
        if missing := [repr(name) for name in columns if name not in self.columns] if columns is not None else []:
            raise ValueError(
                f"{self.name} has no column {listed(missing, 'or')}; its columns are "
                f"{listed(map(repr, self.columns), most=10)}."
            )
        for part in self.parts:
            yield from part.read(columns, target)

    def class_counts(self, target: str | int) -> dict[Any, int]:
        """Count the rows of each class, in one pass over the column; rows without a label are counted as None."""
        return _summed(self._counts(target_column(self.columns, target, self.name)))

    def labels(self, target: str | int) -> pd.Series:
        """Return the label of each row, in order, as a sample has them; missing where there is none."""
        column = target_column(self.columns, target, self.name)
        cells = pd.concat([block[column] for block in self.blocks([column], column)], ignore_index=True)
        labelled = is_labelled(cells)
        known = labels_of(cells[labelled], self.name).set_axis(cells.index[labelled])
        return known.astype(object).reindex(cells.index)

    def _counts(self, column: str) -> list[dict[Any, int]]:
        return self.each(_count, [(part, column) for part in self.parts])

    @staticmethod
    def each(function: Callable[..., T], jobs: Sequence[tuple[Any, ...]]) -> list[T]:
        """Call a function on the arguments of each job, a part among them, on the workers of the current `backend`."""
        from equipoise.processes import on_workers

        done = dict(on_workers(function, jobs))
        return [done[number] for number in range(len(jobs))]

    def by_part(self) -> list["OpenTable"]:
        """Return each part as a table."""
        return [replace(self, parts=[part]) for part in self.parts]

    def pieces(self) -> list[Part]:
        """Return the smallest parts that can be read alone: files, of parquet their row groups."""
        return [piece for part in self.parts for piece in part.pieces()]

    @property
    def largest_sample(self) -> int:
        """Rows of a sample, at most, unless another number is asked for."""
        return max(1000, _CELLS // len(self.columns))

    def sample(
        self,
        target: str | int,
        *,
        most_rows: int | None = None,
        random_state: int = 0,
        preprocessor: TablePreprocessor | None = None,
        **roles: Any,
    ) -> Dataset:
        """Draw a sample by class: small classes whole, of the larger ones equally many rows.

        Classes are counted in a first pass over the target; in a second pass over all columns each row of a class has
        the same probability. A table that is small enough comes whole. Both passes run part by part, on the workers of
        a cluster where ``equipoise.machines.backend`` names one.

        Parameters
        ----------
        target : str or int
            As of `split_target`.
        most_rows : int, optional
            1 or more; a sample has one row of each class at least. By default as many as make 64 MB of numbers.
        random_state : int, default=0
            The same rows come from the same table, however it is stored.
        preprocessor : TablePreprocessor, optional
        **roles
            Further parameters of `split_target`.

        Returns
        -------
        Dataset
            With ``class_counts`` of the whole table, unless it is the whole.

        Raises
        ------
        ValueError
            If the target does not serve, ``most_rows`` is less than 1, or the table is damaged.
        """
        if most_rows is not None and not most_rows >= 1:
            raise ValueError(f"most_rows must be 1 or more, or None for the default, but most_rows={most_rows!r}.")
        column = target_column(self.columns, target, self.name)
        by_part = self._counts(column)
        counts = _summed(by_part)
        unlabelled = counts.pop(None, 0)
        whole = sum(counts.values())
        most = most_rows or self.largest_sample
        thousands = getattr(preprocessor, "thousands", None)
        if whole <= most and whole + unlabelled <= max(most, self.largest_sample):
            frame = pd.concat(list(self.blocks(None, column)), ignore_index=True)
            frame = self.typed(frame, column, thousands)
            return split_target(frame, column, name=self.name, preprocessor=preprocessor, **roles)
        sizes = sizes_by_class(counts, most)
        drawn = {
            label: np.sort(np.random.default_rng([random_state, i]).choice(counts[label], size, False, shuffle=False))
            for i, (label, size) in enumerate(sorted(sizes.items(), key=lambda item: str(item[0])))
        }
        parts = zip(self.parts, _numbers_within(drawn, by_part), strict=True)
        drawn_rows = self.each(_drawn, [(part, column, own) for part, own in parts if own])
        frame = pd.concat(drawn_rows, ignore_index=True)
        in_file = frame[column]
        frame = self.typed(frame, column, thousands)
        data = split_target(frame, column, name=self.name, preprocessor=preprocessor, **roles)
        notes = [f"{counted(unlabelled, 'row')} without a label in {column!r} left out."] if unlabelled else []
        labels = pd.Series(labels_of(frame[column], self.name).to_numpy(), index=in_file.to_numpy())
        of_label = labels[~labels.index.duplicated()]
        totals = Counter[Any]()
        for label, n in counts.items():
            totals[of_label[label]] += n
        own, of_sample = data.y.value_counts(), labels.value_counts()  # of which some may have weight 0
        weights = data.y.map({label: totals[label] / of_sample[label] for label in own.index}).to_numpy(np.float64)
        weights = weights if data.weights is None else weights * data.weights
        complete = ", small classes whole" if any(of_sample[label] == totals[label] for label in own.index) else ""
        notes.insert(0, f"A sample by class: {len(data.y):,} of {counted(whole, 'row')}{complete}.")
        return replace(
            data,
            rare=min(own.index, key=lambda label: (totals[label], str(label))),
            weights=weights / weights.mean(),
            class_counts={label: totals[label] for label in own.index},
            whole=WholeTable(self, column, of_label.to_dict()),
            own_weights=data.weights,
            notes=(*notes, *data.notes),
        )

    def typed(self, frame: pd.DataFrame, target: str = "", thousands: str | None = None) -> pd.DataFrame:
        """Turn text of a block into numbers and truth values where `read_table` would, but for the target."""
        return typed(frame, target, thousands) if self.as_text else frame


def _count(part: Part, column: str) -> dict[Any, int]:
    """Count the labels of a part; rows without one are counted as None."""
    found = Counter[Any]()
    for block in part.read([column], column):
        labels = block[column]
        labelled = is_labelled(labels)
        found.update(labels[labelled].value_counts().to_dict())
        found[None] += int((~labelled).sum())
    return {label: n for label, n in found.items() if n}


def _summed(counts: Sequence[dict[Any, int]]) -> dict[Any, int]:
    found = Counter[Any]()
    for each in counts:
        found.update(each)
    return dict(found)


def _numbers_within(drawn: Drawn, counts: Sequence[dict[Any, int]]) -> Iterator[Drawn]:
    """Divide numbers of rows within their class among the parts, counted from the first row of each."""
    before = Counter[Any]()
    for own in counts:
        within = {}
        for label in drawn.keys() & own.keys():
            first, last = np.searchsorted(drawn[label], [before[label], before[label] + own[label]])
            if last > first:
                within[label] = drawn[label][first:last] - before[label]
        before.update(own)
        yield within


def _drawn(part: Part, column: str, drawn: Drawn) -> pd.DataFrame:
    """Return the rows of a part whose number within their class was drawn."""
    seen = dict.fromkeys(drawn, 0)

    def keep(cells: pd.Series) -> NDArray[np.bool_]:
        kept = np.zeros(len(cells), dtype=bool)
        codes, labels = pd.factorize(cells)
        for code, label in enumerate(labels.tolist()):
            if label not in drawn:
                continue
            rows = np.flatnonzero(codes == code)
            first, last = np.searchsorted(drawn[label], [seen[label], seen[label] + len(rows)])
            kept[rows[drawn[label][first:last] - seen[label]]] = True
            seen[label] += len(rows)
        return kept

    return pd.concat([block for block in part.chosen(column, keep) if len(block)], ignore_index=True)


def open_table(
    source: Any,
    *,
    header: bool = True,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing_values: Sequence[str] = (),
) -> OpenTable:
    """Open a table that memory need not hold.

    Parameters
    ----------
    source : str, Path, ndarray, data frame, or data set of pyarrow, Dask or Ray
        A file as `read_table` reads it; a folder of csv, tsv or parquet files, read in the order of their names; the
        folder of `map_parquet`, with a column ``"y"``; an array ``.npy`` or in memory, whose columns are named by
        position: "1", "2", ...
    header, delimiter, encoding, missing_values
        As of ``tables.read_table``, for files.

    Returns
    -------
    OpenTable

    Raises
    ------
    FileNotFoundError
        If there is no such table.
    ValueError
        If files of a folder differ in their columns or formats.
    TypeError
        If the source is none of these.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> from equipoise.datasets import open_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in range(2):
    ...         rows = pd.DataFrame({"size": range(300)})
    ...         rows["label"] = rows["size"].map(lambda size: "common" if size % 20 else "rare")
    ...         rows.to_parquet(pathlib.Path(folder) / f"{part}.parquet")
    ...     table = open_table(folder)
    ...     table.class_counts("label")
    ...     table.sample("label", most_rows=100).y.value_counts().to_dict()
    {'common': 570, 'rare': 30}
    {'common': 70, 'rare': 30}
    """
    reading = {"header": header, "delimiter": delimiter, "encoding": encoding, "missing_values": missing_values}
    found = source_of(source, reading)
    name = table_name(Path(source)) if isinstance(source, str | Path) else "table"
    return OpenTable(name, found.columns, found.parts, found.as_text)
