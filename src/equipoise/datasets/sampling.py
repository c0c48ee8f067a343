"""A sample by class of a task, with weights by which it stands for all rows."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from equipoise.datasets.dataset import Dataset
from equipoise.text import counted


def sizes_by_class(counts: dict[Any, int], most: int) -> dict[Any, int]:
    """Return how many rows of each class make a sample: all of small classes, equally many of the others.

    >>> sizes_by_class({"a": 10_000, "b": 500, "c": 30}, 1000)
    {'c': 30, 'b': 485, 'a': 485}
    """
    sizes, left = {}, most
    for place, (label, n) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        sizes[label] = min(n, max(1, left // (len(counts) - place)))
        left -= sizes[label]
    return sizes


def sampled(data: Dataset, most: int, random_state: int = 0) -> Dataset:
    """Draw a sample by class of a task, which may be one already, for its whole table.

    All rows come back where they are no more than ``most``, or have weights of the user's, which a sample cannot keep.

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.datasets import split_target
    >>> data = split_target(pd.DataFrame({"size": range(1000), "rare": [i % 50 == 0 for i in range(1000)]}), "rare")
    >>> few = sampled(data, 100)
    >>> few.y.value_counts().to_dict(), few.class_counts
    ({False: 80, True: 20}, {True: 20, False: 980})
    """
    if len(data.y) <= most or data.training_weights is not None:
        return data
    y, rng = data.y.to_numpy(), np.random.default_rng(random_state)
    own = Counter(data.y.tolist())
    sizes = sizes_by_class(own, most)
    totals = data.class_counts or own
    drawn = [rng.choice(np.flatnonzero(y == label), size, replace=False) for label, size in sizes.items()]
    rows = np.sort(np.concatenate(drawn))
    weights = data.y.iloc[rows].map({label: totals[label] / size for label, size in sizes.items()})
    taken: dict[str, Any] = {}
    for name in ("X", "y", "ids", "reported", "groups", "times"):
        if (values := getattr(data, name)) is not None:
            is_array = isinstance(values, np.ndarray)
            taken[name] = values[rows] if is_array else values.iloc[rows].reset_index(drop=True)
    return replace(
        data,
        **taken,
        weights=(weights / weights.mean()).to_numpy(dtype=np.float64),
        class_counts={label: totals[label] for label in sizes},
    )


def words_of(data: Dataset) -> str:
    """Say how large a sample by class is.

    >>> words_of(Dataset("t", [0], [0, 1], 1, None, None, "", "", (), class_counts={0: 5000, 1: 30}))
    'a sample by class, 2 of 5,030 rows'
    """
    return f"a sample by class, {len(data.y):,} of {counted(data.n_rows, 'row')}"
