"""Columns that go together, so that they are permuted together: one alone, its twin would tell the model the same.

One measure serves numbers and categories. A number is its centred ranks, a category the centred 0/1 columns of its
levels, each of length 1. The squared products of two columns sum to Spearman's squared correlation of two numbers, to
the correlation ratio of a number by a category, and to Pearson's phi squared of two categories, which, over the
smaller number of levels less one, is Cramér's V squared.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

STRONG = 0.8
"""Association from which columns count as one."""


def associations(columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return the association of each pair of columns, 0 to 1.

    Categories are of a categorical type; missing numbers count as the middle one.

    >>> a = pd.Series([1.0, 2.0, 3.0, 4.0])
    >>> b = pd.Series(["x", "x", "y", "y"], dtype="category")
    >>> associations({"a": a, "cubes": a**3, "b": b}).round(2).loc["a"].tolist()
    [1.0, 1.0, 0.89]
    """
    names = list(columns)
    blocks = [_unit(column) for column in columns.values()]
    widths = np.array([block.shape[1] for block in blocks])
    starts = np.r_[0, np.cumsum(widths)[:-1]]
    every = np.hstack(blocks)
    products = (every.T @ every) ** 2
    sums = np.add.reduceat(np.add.reduceat(products, starts, axis=0), starts, axis=1)
    degrees = np.array(
        [1 if not is_category(column) else block.shape[1] - 1 for column, block in zip(columns.values(), blocks)]
    )
    smaller = np.maximum(np.minimum.outer(degrees, degrees), 1)
    return pd.DataFrame(np.sqrt(np.clip(sums / smaller, 0, 1)), names, names)


def groups_of(strengths: pd.DataFrame) -> list[list[str]]:
    """Return the groups of columns of which any two are associated by `STRONG` or more, in the order of the columns.

    The first of a group is the one that is closest to the others.
    """
    if len(strengths) == 1:
        return [list(strengths.index)]
    distances = 1 - strengths.to_numpy()
    np.fill_diagonal(distances, 0)
    numbers = fcluster(linkage(squareform(distances, checks=False), "complete"), 1 - STRONG, "distance")
    found = [strengths.index[numbers == number] for number in dict.fromkeys(numbers)]
    return [strengths.loc[own, own].sum().sort_values(ascending=False, kind="stable").index.tolist() for own in found]


def is_category(column: pd.Series) -> bool:
    """Whether a column holds categories."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def _unit(column: pd.Series) -> NDArray[np.float64]:
    """Return centred columns of length 1; of zeros where all cells are alike."""
    if is_category(column):
        codes = pd.factorize(column.cat.codes)[0]
        counts = np.bincount(codes)
        indicators: NDArray[np.float64] = np.eye(len(counts))[codes]
        return (indicators - counts / len(codes)) / np.sqrt(counts)
    known = column.to_numpy(dtype=np.float64)
    ranks = rankdata(np.where(np.isnan(known), np.nanmedian(known), known))
    centred = (ranks - ranks.mean())[:, None]
    return centred / max(float(np.linalg.norm(centred)), 1e-12)
