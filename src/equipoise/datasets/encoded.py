"""All rows of an open table as numbers in a file, from which networks draw their batches."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.tables.preprocessing import TablePreprocessor

if TYPE_CHECKING:
    from equipoise.datasets.opened import OpenTable


@dataclass(frozen=True, eq=False)
class WholeTable:
    """The labelled rows of the table that a sample by class comes from."""

    table: "OpenTable"
    target: str  # its column of labels
    labels: Mapping[Any, Any]  # what each cell of this column stands for

    def write(
        self, preprocessor: TablePreprocessor, classes: NDArray[Any], n_rows: int, folder: Path
    ) -> tuple[NDArray[np.float32], pd.Categorical]:
        """Write the rows to a file, block by block, as a fitted preprocessing turns them into numbers.

        Returns X, a memmap (n_rows, n_features_out) whose changes stay in memory, and y. Raises ValueError if a file is
        damaged, or a cell does not read as the kind of its column; the message names its block.
        """
        width, start = len(preprocessor.get_feature_names_out()), 0
        codes = np.empty(n_rows, dtype=np.min_scalar_type(-len(classes)))
        path = folder / "X"
        with path.open("wb") as file:
            for rows, of_rows in self._encoded(preprocessor, classes):
                codes[start : start + len(rows)] = of_rows
                start += len(rows)
                rows.tofile(file)
        if start != n_rows:
            raise ValueError(
                f"{self.table.name} had {n_rows:,} labelled rows when they were counted, and has {start:,} now: its "
                "files must not change meanwhile."
            )
        X = np.memmap(path, np.float32, "c", shape=(n_rows, width))
        return X, pd.Categorical.from_codes(codes, categories=pd.Index(classes))

    def _encoded(
        self, preprocessor: TablePreprocessor, classes: NDArray[Any]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        code_of = {cell: np.searchsorted(classes, label) for cell, label in self.labels.items()}
        features: Sequence[str] = preprocessor.feature_names_in_.tolist()
        before = 0
        for block in self.table.blocks([*features, self.target], self.target):
            codes = block[self.target].map(code_of)
            known = codes.notna().to_numpy()
            if known.any():
                try:
                    rows = preprocessor.transform(block.loc[known, features])
                except ValueError as error:
                    raise ValueError(f"{error} Rows are counted from row {before:,} of {self.table.name}.") from None
                yield np.ascontiguousarray(rows), codes[known].to_numpy(dtype=np.int64)
            before += len(block)


@contextmanager
def scratch(n_bytes: int) -> Iterator[Path]:
    """Give a private folder for a file of a size, and remove it.

    Raises OSError if there is no such room.
    """
    with tempfile.TemporaryDirectory(prefix="equipoise-") as folder:
        if (free := shutil.disk_usage(folder).free) < n_bytes:
            raise OSError(
                f"{size_of(n_bytes)} are needed meanwhile in {tempfile.gettempdir()}, which has {size_of(free)} left: "
                "name a folder of another disk by the environment variable TMPDIR."
            )
        yield Path(folder)


def size_of(n_bytes: int) -> str:
    """Return a number of bytes in words.

    >>> size_of(2_400_000_000), size_of(64_000_000)
    ('2.4 GB', '64 MB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
