"""How many rows of a table a time limit leaves room for, by the pace at which the first of them are read."""

import time
import warnings
from collections.abc import Callable
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from equipoise.datasets.opened import OpenTable
from equipoise.datasets.target import target_column
from equipoise.deadline import Deadline
from equipoise.text import count, seconds

_READ = 0.5  # of the time left that reading may take
_MADE = 0.25  # of the time left then, in which rows are made numbers
_PASSES = 1.3  # over the table: its target alone, then all columns, of which few rows become cells
_BLOCKS = 4  # that are read to see how long it takes
_EVERY = 10  # rows of them, of which one becomes cells
_WARM, _TRIED = 500, 10_000  # rows that are made numbers, to see how long it takes
_FEWEST = 2_000  # rows of a sample


def rows_in_time(
    table: OpenTable,
    n_rows: float,
    target: str,
    preprocessor: Any,
    deadline: Deadline,
    passes: int = 1,
    clock: Callable[[], float] = time.monotonic,
    seed: int | None = None,
) -> tuple[OpenTable, int]:
    """Return how many rows of a table of about ``n_rows`` can be made numbers ``passes`` times within a time limit.

    With a seed, only parts of the table are drawn, with a warning, where there is no time to read all of it.
    Raises ValueError, with the time limit that would do, if reading alone takes too long.
    """
    first, pace = _first_rows(table, target_column(table.columns, target, table.name), clock)
    if first is None:
        return table, _FEWEST
    reading = _PASSES * n_rows * pace
    if reading > _READ * deadline.left:
        share = _READ * max(0.0, deadline.left) / reading
        portion = None if seed is None else table.portion(share, seed)
        if portion is None:
            left = f"{seconds(deadline.left)} are" if deadline.left > 0 else "nothing is"
            raise ValueError(
                f"{seconds(deadline.spent)} of {deadline} went on loading and reading the first rows, "
                f"{left} left, and reading about {count(round(n_rows))} rows of "
                f"{table.name} takes about {seconds(reading)} at the pace of this machine now. "
                f"{deadline.remedy(deadline.spent + reading / _READ)}"
            )
        table, reading = portion, share * reading
        warnings.warn(
            f"Only {table.name} (files, or row groups of them), drawn at random, are read, to meet the time "
            f"limit of {deadline}: counts and probabilities are theirs.",
            UserWarning,
            stacklevel=2,
        )
    a_row = _seconds_a_row(table.typed(first), preprocessor, clock)
    return table, max(_FEWEST, int(_MADE * (deadline.left - reading) / (passes * a_row)))


def _first_rows(table: OpenTable, target: str, clock: Callable[[], float]) -> tuple[Any, float]:
    """Return some of the first rows without their target, and the seconds that reading took by row of the file."""
    kept, read, began = list[Any](), 0, clock()

    def some(cells: Any) -> Any:
        nonlocal read
        read += len(cells)
        return np.arange(len(cells)) % _EVERY == 0

    blocks = chain.from_iterable(part.chosen(target, some) for part in table.parts)
    for number, block in enumerate(islice(blocks, _BLOCKS)):
        kept.append(block.drop(columns=target))
        pace = (clock() - began) / max(1, read)
        if number == 0:  # it waits for packages, too
            began, read = clock(), 0
    return (pd.concat(kept, ignore_index=True), pace) if kept else (None, 0.0)


def _seconds_a_row(frame: Any, preprocessor: Any, clock: Callable[[], float]) -> float:
    for n_rows in (_WARM, _TRIED):
        few, began = frame.head(n_rows), clock()
        clone(preprocessor).fit(few).transform(few)
        took = clock() - began
    return max(1e-9, took / len(few))
