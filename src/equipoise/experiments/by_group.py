"""How the winner fares on the rows of each value of a column: is it as good, and as honest, for all of them?"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from equipoise.experiments.comparison import Comparison
from equipoise.experiments.sample_size import as_equal_rows, wilson
from equipoise.experiments.shipped import held_out
from equipoise.metrics import Floats

_MOST = 12  # values with a line of their own
_FEWEST = 10  # rows of a value with a line of its own
_PARTS = 4  # of a column of numbers


@dataclass(frozen=True)
class Group:
    """Held-out rows of one value of a column, as means over repeats; shares and means are weighted as the rows are."""

    value: str
    is_cell: bool  # whether the value is a cell of the table, and no range or pool of them
    rows: int  # their number
    share: float  # their weight, as a share of that of all held-out rows
    # share of the positive class, with the ends of its 95% interval in ``prior_low`` and ``prior_high``: Wilson's, of
    # as many equal rows as tell as much (Kish)
    prior: float
    prior_low: float
    prior_high: float
    predicted: float  # mean probability of it, under the observed class priors: near ``prior`` where it is calibrated
    recall: float  # and precision: of the positive class, by the decision that the winner is shipped with
    recall_low: float
    recall_high: float
    precision: float
    precision_low: float
    precision_high: float


def by_group(comparison: Comparison, columns: pd.DataFrame | None) -> dict[str, list[dict[str, Any]]]:
    """Return a record of `Group` for each frequent value of each column, the most frequent first; the last is all rows.

    Numbers of many values are cut at their quartiles. Values in fewer than 10 rows, and those beyond the 12 most
    frequent, are pooled.
    """
    if columns is None or comparison.obstacle:
        return {}
    rows = _held_out_rows(comparison)
    return {
        str(name): [
            asdict(_group(rows, value, is_cell, mask)) for value, is_cell, mask in _values(columns[name]) if mask.any()
        ]
        for name in columns
    }


def _held_out_rows(comparison: Comparison) -> pd.DataFrame:
    """Return held-out rows of the winner: row, repeat, weight, whether positive, probability, whether it alarms."""
    positive, parts = comparison.aim.positive, []
    for fold, decided in held_out(comparison, comparison.winner):
        columns = {"row": fold.rows, "repeat": fold.repeat, "weight": fold.weights, "positive": fold.codes == positive}
        parts.append(pd.DataFrame(columns | {"proba": fold.proba[:, positive], "alarm": decided == positive}))
    return pd.concat(parts, ignore_index=True)


def _values(column: pd.Series) -> list[tuple[str, bool, NDArray[np.bool_]]]:
    """Return the values of a column, whether they are cells, and the rows that hold them."""
    missing = column.isna().to_numpy()
    last = [("missing", False, missing), ("all rows", False, np.ones(len(missing), dtype=bool))]
    if is_numeric_dtype(column) and not is_bool_dtype(column) and column.nunique() > _MOST:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        cuts = np.unique(np.nanquantile(numbers, np.arange(1, _PARTS) / _PARTS))
        places = np.searchsorted(cuts, numbers)
        ends = [f"{cut:.4g}" for cut in cuts]
        names = [f"up to {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends)), f"over {ends[-1]}"]
        return [(name, False, (places == i) & ~missing) for i, name in enumerate(names)] + last
    counts = column.value_counts()
    own = counts.index[counts >= _FEWEST][:_MOST]
    rest = ~column.isin(own).to_numpy() & ~missing
    found = [(str(value), True, (column == value).to_numpy(dtype=bool, na_value=False)) for value in own]
    return [*found, (f"{len(counts) - len(own)} others", False, rest), *last]


def _group(every: pd.DataFrame, value: str, is_cell: bool, mask: NDArray[np.bool_]) -> Group:
    rows = every[mask[every["row"]]]
    n_repeats = max(every["repeat"].nunique(), 1)
    weights, positive, alarm = (rows[name].to_numpy() for name in ("weight", "positive", "alarm"))
    return Group(
        value,
        is_cell,
        round(len(rows) / n_repeats),
        float(weights.sum() / every["weight"].sum()),
        *_share(positive, weights, n_repeats),
        float(np.average(rows["proba"], weights=weights)) if len(rows) else np.nan,
        *_share(alarm[positive], weights[positive], n_repeats),
        *_share(positive[alarm], weights[alarm], n_repeats),
    )


def _share(hits: NDArray[np.bool_], weights: Floats, n_repeats: int) -> tuple[float, float, float]:
    """Return a share with its 95% interval, of the rows of one repeat: further repeats are the same rows again."""
    if not len(hits):
        return np.nan, np.nan, np.nan
    share = float(np.average(hits, weights=weights))
    low, high = wilson(share, as_equal_rows(weights) / n_repeats)
    return share, max(low, 0.0), min(high, 1.0)
