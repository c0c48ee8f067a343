"""All rows of an open table as numbers in a file, from which networks draw their batches."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from equipoise.datasets.opened import OpenTable

Encode = Callable[[pd.DataFrame], NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class WholeTable:
    """The labelled rows of the table that a sample by class comes from."""

    table: "OpenTable"
    target: str  # its column of labels
    labels: Mapping[Any, Any]  # what each cell of this column stands for

    def write(
        self, encode: Encode, columns: Sequence[str], classes: NDArray[Any], n_rows: int, folder: Path
    ) -> tuple[NDArray[np.floating], pd.Categorical]:
        """Write the rows to a file, block by block, as a fitted preprocessing turns them into numbers.

        Returns X, a memmap (n_rows, n_features_out) whose changes stay in memory, and y. Raises ValueError if a file is
        damaged, or a cell does not read as the kind of its column; the message names its block.
        """
        codes, start = np.empty(n_rows, dtype=np.min_scalar_type(-len(classes))), 0
        path = folder / "X"
        with path.open("wb") as file:
            for rows, of_rows in self._encoded(encode, columns, classes):
                end = start + len(rows)
                if end <= n_rows:
                    codes[start:end] = of_rows
                rows.tofile(file)
                start = end
        if start != n_rows:
            raise ValueError(
                f"{self.table.name} had {n_rows:,} labelled rows when they were counted, and has {start:,} now: its "
                "files must not change meanwhile."
            )
        X = np.memmap(path, rows.dtype, "c", shape=(n_rows, rows.shape[1]))
        return X, pd.Categorical.from_codes(codes, categories=pd.Index(classes))

    def _encoded(
        self, encode: Encode, columns: Sequence[str], classes: NDArray[Any]
    ) -> Iterator[tuple[NDArray[np.floating], NDArray[np.int64]]]:
        code_of = {cell: np.searchsorted(classes, label) for cell, label in self.labels.items()}
        before = 0
        for block in self.table.blocks([*columns, self.target], self.target):
            codes, cells = pd.factorize(block[self.target])
            of_rows = np.array([*(code_of.get(cell, -1) for cell in cells.tolist()), -1])[codes]
            known = of_rows >= 0
            if known.any():
                try:
                    rows = encode(block.loc[known, list(columns)])
                except ValueError as error:
                    raise ValueError(f"{error} Rows are counted from row {before:,} of {self.table.name}.") from None
                yield np.ascontiguousarray(rows), of_rows[known]
            before += len(block)


@contextmanager
def scratch(n_rows: int, row_bytes: int) -> Iterator[Path]:
    """Give a private folder for a file of all rows, of which it warns, and remove it.

    Raises OSError if there is no such room.
    """
    n_bytes = n_rows * row_bytes
    with tempfile.TemporaryDirectory(prefix="equipoise-") as folder:
        if (free := shutil.disk_usage(folder).free) < n_bytes:
            raise OSError(
                f"{size_of(n_bytes)} are needed meanwhile in {tempfile.gettempdir()}, which has {size_of(free)} left: "
                "name a folder of another disk by the environment variable TMPDIR."
            )
        warnings.warn(
            f"The networks train on all {n_rows:,} rows, for which {size_of(n_bytes)} are written to {folder} "
            "(another place: environment variable TMPDIR) and removed at the end.",
            stacklevel=4,
        )
        yield Path(folder)


def size_of(n_bytes: int) -> str:
    """Return a number of bytes in words.

    >>> size_of(2_400_000_000), size_of(64_000_000)
    ('2.4 GB', '64 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
