"""How many rows of a table a time limit leaves room for, by the pace at which the first of them are read."""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
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
_LOOKS = 200, 1_000, 5_000  # rows that are made numbers, to see how long it takes; the first load packages, too
_QUICK = 0.02  # of the time left, after which no more are
_FEWEST = 2_000  # rows of a sample


def rows_in_time(
    table: OpenTable,
    n_rows: float,
    target: str,
    preprocessor: Any,
    deadline: Deadline,
    passes: int = 1,
    clock: Callable[[], float] = time.monotonic,
    seed: int = 0,
) -> tuple[OpenTable, int]:
    """Return how many rows of a table of about ``n_rows`` can be made numbers ``passes`` times within a time limit.

    Where there is no time to read all of the table, `drawn_parts` of it come back. Raises ValueError, with the time
    limit that would do, where there is none for one of them.
    """
    first, pace = _first_rows(table, target_column(table.columns, target, table.name), clock)
    if first is None:
        return table, _FEWEST
    reading = _PASSES * n_rows * pace
    if reading > _READ * deadline.left:
        share = _READ * max(0.0, deadline.left) / reading
        if (n_parts := int(share * len(table.pieces()))) < 1:
            left = f"{seconds(deadline.left)} are" if deadline.left > 0 else "nothing is"
            raise ValueError(
                f"{seconds(deadline.spent)} of {deadline} went on loading and reading the first rows, "
                f"{left} left, and reading about {count(round(n_rows))} rows of "
                f"{table.name} takes about {seconds(reading)} at the pace of this machine now. "
                f"{deadline.remedy(deadline.spent + reading / _READ)}"
            )
        table, reading = drawn_parts(table, n_parts, deadline, seed), share * reading
    typed = table.typed(first)
    a_row, _ = seconds_a_row(preprocessor, lambda n_rows: (typed.head(n_rows), None), deadline, clock)
    return table, max(_FEWEST, int(_MADE * (deadline.left - reading) / (passes * a_row)))


def drawn_parts(table: OpenTable, n_parts: int, deadline: Deadline, seed: int = 0) -> OpenTable:
    """Return so many parts of a table, drawn at random, which its name and a warning tell."""
    pieces = table.pieces()
    drawn = np.sort(np.random.default_rng(seed).choice(len(pieces), min(n_parts, len(pieces)), replace=False))
    name = f"{len(drawn):,} of {len(pieces):,} parts of {table.name}"
    warnings.warn(
        f"Only {name} (files, or row groups of them), drawn at random, are read, to meet the time limit of {deadline}: "
        "counts and probabilities are theirs.",
        UserWarning,
        stacklevel=2,
    )
    return replace(table, name=name, parts=[pieces[i] for i in drawn])


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


def seconds_a_row(
    preprocessor: Any,
    rows: Callable[[int], tuple[Any, Any]],
    deadline: Deadline,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[float, Any]:
    """Return the seconds in which a row becomes numbers, and the preprocessor as it was fitted last.

    ``rows`` gives some number of rows, at most, and their labels. More are taken as long as that is quick: columns of
    prose take a thousand times as long as numbers.
    """
    for n_rows in _LOOKS:
        (X, y), began = rows(n_rows), clock()
        fitted = clone(preprocessor).fit(X, y)
        fitted.transform(X)
        took = clock() - began
        if n_rows != _LOOKS[0] and took > _QUICK * deadline.left:
            break
    return max(1e-9, took / len(X)), fitted
