"""Costs of wrong decisions, as a matrix or keyed by labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from equipoise.describing import by_label
from equipoise.text import listed

Costs = ArrayLike | pd.DataFrame | Mapping[Any, Mapping[Any, float]]


def cost_matrix(costs: Costs, labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return costs as a matrix, rows = true class, columns = decided class.

    ``labels`` are sorted, as `classes_`. An array has their order; a data frame has true labels as its index and
    decided labels as its columns, a dict maps true labels to dicts of decided labels, both in any order; in a dict a
    right decision may be left out and costs 0. Raises ValueError if labels or shape do not fit the classes, or a cost
    is not a finite number, or all are 0.

    >>> cost_matrix({"ok": {"fraud": 1}, "fraud": {"ok": 20}}, np.array(["fraud", "ok"]))
    array([[ 0., 20.],
           [ 1.,  0.]])
    """
    names = labels.tolist()
    _check_labels(costs, names)
    try:
        matrix = np.asarray(_by_labels(costs, names), dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (len(names),) * 2 or not np.isfinite(matrix).all() or not matrix.any():
        raise ValueError(
            f"Costs must be finite numbers, not all 0, for the classes {names!r}: a matrix of shape "
            f"{(len(names),) * 2} in this order (rows = true class, columns = decided class), or a data frame or dict "
            f"of dicts with these labels, as {{true: {{decided: cost}}}}; got {costs!r}."
        )
    return matrix


def weighted_costs(costs: NDArray[np.float64], offsets: ArrayLike) -> NDArray[np.float64]:
    """Return costs whose least expectation decides as that of the given ones, each p_k times e^b_k; (K, K).

    They are those of a common scale: zero offsets leave costs as they are.

    >>> weighted_costs(np.array([[0.0, 1.0], [20.0, 0.0]]), [0.0, -np.log(2)])
    array([[ 0.,  1.],
           [10.,  0.]])
    """
    b = np.asarray(offsets, dtype=np.float64)
    return costs * np.exp(b - b.max())[:, None]


def described_costs(
    costs: NDArray[np.float64], labels: NDArray[Any], offsets: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """Return a decision by costs as json holds it, with the weights of the classes where any is not 1."""
    rows = [by_label(labels, row) for row in costs]
    found: dict[str, Any] = {"decision": "costs", "costs": dict(zip(map(str, labels.tolist()), rows, strict=True))}
    return found if offsets is None or not offsets.any() else found | {"weights": by_label(labels, np.exp(offsets))}


def _by_labels(costs: Costs, names: list[Any]) -> ArrayLike:
    """Return the costs in the order of the names."""
    if isinstance(costs, pd.DataFrame):
        costs = costs.to_dict(orient="index")
    if not isinstance(costs, Mapping):
        return costs
    return [[costs[true].get(decided, 0.0) for decided in names] for true in names]


def _check_labels(costs: Costs, names: list[Any]) -> None:
    """Refuse costs by label that lack a class or name another one, with a sentence that says which."""
    if isinstance(costs, pd.DataFrame):
        costs = costs.to_dict(orient="index")
    if not isinstance(costs, Mapping) or not all(isinstance(row, Mapping) for row in costs.values()):
        return
    known, faults = set(names), list[str]()
    if absent := [name for name in names if name not in costs]:
        faults.append(f"a row is missing for {listed(map(repr, absent))}")
    for true, row in costs.items():
        if true in known and (absent := [name for name in names if name != true and name not in row]):
            faults.append(f"the row of {true!r} has no cost of deciding for {listed(map(repr, absent))}")
    labels = dict.fromkeys([*costs, *(decided for row in costs.values() for decided in row)])
    if other := [label for label in labels if label not in known]:
        faults.append(f"{listed(map(repr, other), most=5)} {'is no class' if len(other) == 1 else 'are no classes'}")
    if faults:
        raise ValueError(
            f"Costs need a row for each true class and a column for each decided class ({listed(map(repr, names))}), "
            f"but {'; '.join(faults)}."
        )
