"""Errors of groups within the classes: the cells (class, group)."""

import warnings

import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from equipoise.metrics.inputs import Weights, aligned, class_indices, class_order, label_column


def cell_errors(
    y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None
) -> pd.DataFrame:
    """Share of wrong rows in each cell: a row a class of ``y_true``, a column a group, NaN where empty.

    Examples
    --------
    >>> cell_errors([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"]).loc[0].to_dict()
    {'a': 0.0, 'b': 1.0}
    """
    columns = label_column(y_true, "y_true"), label_column(y_pred, "y_pred"), label_column(groups, "groups")
    true, predicted, group, weights = aligned(sample_weight, *columns)
    order = class_order(None, true, predicted)
    wrong = class_indices(true, order, "y_true") != class_indices(predicted, order, "y_pred")
    rows = pd.DataFrame({"class": true, "group": group, "weight": weights, "error": weights * wrong})
    sums = rows.groupby(["class", "group"]).sum()
    return (sums["error"] / sums["weight"]).unstack()


def _deo(cells: pd.DataFrame) -> float:
    if (cells.notna().sum(axis=1) < 2).any():
        message = "a class has rows in fewer than two groups: their difference is undefined"
        warnings.warn(message, UndefinedMetricWarning, stacklevel=3)
        return float("nan")
    return float((cells.max(axis=1) - cells.min(axis=1)).sum())


def deo(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None) -> float:
    """Difference of equal opportunity: sum over classes of the largest less the smallest group's error.

    For two groups that is ``|E_{+,1} - E_{+,2}| + |E_{-,1} - E_{-,2}|``, as the AutoBalance paper has it; the
    form for more groups is ours. NaN, with a warning, when a class has rows in fewer than two groups.

    Examples
    --------
    >>> deo([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"])
    1.0
    """
    return _deo(cell_errors(y_true, y_pred, groups, sample_weight=sample_weight))


def group_errors(
    y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, sample_weight: Weights = None
) -> dict[str, float]:
    """Errors over the cells that have rows: ``balanced`` (mean), ``worst``, ``deo``, and ``n_cells``.

    Examples
    --------
    >>> group_errors([0, 0, 1, 1], [0, 1, 1, 1], ["a", "b", "a", "b"])
    {'balanced': 0.25, 'worst': 1.0, 'deo': 1.0, 'n_cells': 4}
    """
    cells = cell_errors(y_true, y_pred, groups, sample_weight=sample_weight)
    errors = cells.to_numpy()[cells.notna().to_numpy()]
    return {"balanced": float(errors.mean()), "worst": float(errors.max()), "deo": _deo(cells), "n_cells": errors.size}
