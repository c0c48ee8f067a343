"""Levels of category columns as 0/1 columns, the rare ones as one; texts."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

from equipoise.tables.columns import MISSING_LEVEL
from equipoise.text import listed


def prose(levels: NDArray[np.object_]) -> list[str]:
    """Return the texts of a column; a missing one is empty."""
    return np.where(levels == MISSING_LEVEL, "", levels).tolist()


def without_levels(note: str) -> str:
    """Return a note on a column without the names of pooled levels.

    >>> without_levels("pooled: ward 7, ward 9")
    'rare levels are pooled'
    """
    return re.sub(r"pooled: .*", "rare levels are pooled", note)


def count(values: NDArray[Any]) -> tuple[int, int, int]:
    """Count the missing cells, the distinct values, and the rows of the commonest level of a category."""
    if values.dtype != object:
        missing = int(np.isnan(values).sum())
        return missing, pd.unique(values).size - (missing > 0), 0
    counts = Counter(values)
    commonest = max(counts.values())
    missing = counts.pop(MISSING_LEVEL, 0)
    return missing, len(counts), commonest


def level_encoder(min_frequency: int, max_categories: int) -> OneHotEncoder:
    """Return an unfitted encoder that pools rare levels; a level unseen at fit goes to the pool."""
    return OneHotEncoder(
        min_frequency=min_frequency,
        max_categories=max_categories,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )


def as_categories(encoder: OneHotEncoder, levels: NDArray[np.object_]) -> Iterator["pd.Categorical[int]"]:
    """Give each column as codes of the fitted encoder's levels, the pool last; missing and unseen cells as missing."""
    coded = encoder.transform(levels)
    start = 0
    for column, width in zip(levels.T, widths(encoder)):
        block = coded[:, start : start + width]
        codes = np.where(block.any(axis=1) & (column != MISSING_LEVEL), block.argmax(axis=1), -1)
        yield pd.Categorical.from_codes(codes, categories=pd.RangeIndex(width))
        start += width


def pooled_levels(encoder: OneHotEncoder, names: Sequence[str]) -> dict[str, str]:
    """Say which levels of which columns are pooled."""
    pools = zip(names, encoder.infrequent_categories_)
    return {name: f"pooled: {listed(map(repr, pool), most=10)}" for name, pool in pools if pool is not None}


def widths(encoder: OneHotEncoder) -> list[int]:
    """Return the number of 0/1 columns of each category column."""
    pools = zip(encoder.categories_, encoder.infrequent_categories_)
    return [len(levels) - (0 if pool is None else len(pool) - 1) for levels, pool in pools]
