"""What every score takes: labels in an order of classes, probabilities, weights; rows of weight 0 are dropped."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels

from equipoise.containers import as_array, readable

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Labels = ArrayLike | None
Weights = ArrayLike | None


def aligned(sample_weight: Weights, *arrays: Any) -> list[Any]:
    """Return the arrays and the weights, all of one length, without the rows of weight 0."""
    check_consistent_length(*arrays, sample_weight)
    n = len(arrays[0])
    weights = np.ones(n) if sample_weight is None else np.asarray(as_array(sample_weight), dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must hold one finite, not negative number a row, and not only zeros; "
            f"got shape {weights.shape} for {n} rows, with values {np.unique(weights)[:3]} and up"
        )
    return [array[weights > 0] for array in (*arrays, weights)]


def label_column(y: ArrayLike, name: str) -> NDArray[Any]:
    """Return labels or groups as one column without missing values."""
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu":
        return y  # nothing to convert, and nothing can be missing
    column = np.asarray(column_or_1d(readable(y)))
    if pd.isna(column).any():
        raise ValueError(f"{name} must not have missing values, got {pd.isna(column).sum()}; drop those rows")
    return pd.Series(column).infer_objects().to_numpy() if column.dtype.kind == "O" else column


def comparable(*columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Labels that can be compared: truth values are 0 and 1 beside numbers."""
    numbers = any(column.dtype.kind in "iuf" for column in columns)
    return [column.astype(np.int64) if numbers and column.dtype.kind == "b" else column for column in columns]


def class_order(labels: Labels, *seen: NDArray[Any]) -> pd.Index:
    """Return the classes in the order of the columns: those given, or the sorted ones that occur."""
    if labels is None and len({column.dtype.kind in "biuf" for column in seen}) > 1:
        examples = " and ".join(repr(column[:1].tolist()[0]) for column in seen)
        raise ValueError(f"true and predicted labels must be of one kind, got numbers and text, such as {examples}")
    order = pd.Index(unique_labels(*comparable(*seen)) if labels is None else label_column(labels, "labels"))
    if not order.is_unique:
        raise ValueError(f"labels must name each class once, got {order.tolist()!r}")
    return order


def class_indices(y: NDArray[Any], order: pd.Index, name: str) -> Indices:
    """Return the position of each label among the classes."""
    classes, column = comparable(order.to_numpy(), y)
    indices = pd.Index(classes).get_indexer(pd.Index(column))
    if (indices < 0).any():
        raise ValueError(
            f"every value of {name} must be one of labels={order.tolist()!r}, "
            f"got {y[indices < 0].tolist()[0]!r}; add it to labels"
        )
    return indices


def as_columns(y_proba: ArrayLike) -> Floats:
    """Return probabilities or scores as ``(..., K)``, a column a class; ``(n,)`` is the second of two."""
    columns = np.asarray(as_array(y_proba), dtype=np.float64)
    columns = np.stack([1 - columns, columns], axis=-1) if columns.ndim == 1 else columns
    if columns.ndim == 0 or not np.isfinite(columns).all():
        bad = np.count_nonzero(~np.isfinite(columns))
        raise ValueError(
            "y_proba must have the shape (n,) or (n, K) and hold finite numbers, "
            f"got shape {np.shape(y_proba)} with {bad} values that are NaN or infinite"
        )
    return columns


def check_scores(
    y_true: ArrayLike, y_score: ArrayLike, labels: Labels, sample_weight: Weights
) -> tuple[Indices, Floats, Floats]:
    """Return class indices ``(n,)``, finite scores ``(n, K)`` and weights ``(n,)``, without rows of weight 0."""
    true, scores, weights = aligned(sample_weight, label_column(y_true, "y_true"), as_columns(y_score))
    order = class_order(labels, true)
    if scores.shape[1:] != (len(order),):
        raise ValueError(
            f"y_proba must have a column for each of the {len(order)} classes {order.tolist()!r}, "
            f"got shape {scores.shape}; pass labels, the class of each column"
        )
    return class_indices(true, order, "y_true"), scores, weights


def check_probabilities(
    y_true: ArrayLike, y_proba: ArrayLike, labels: Labels, sample_weight: Weights
) -> tuple[Indices, Floats, Floats]:
    """Return class indices ``(n,)``, probabilities ``(n, K)`` that sum to 1, and weights ``(n,)``.

    Rows of weight 0 are dropped. Raises ``ValueError`` for a negative probability, and for a row whose sum
    is farther than 1e-3 (half-precision rounding) from 1.
    """
    indices, proba, weights = check_scores(y_true, y_proba, labels, sample_weight)
    sums = proba.sum(axis=1, keepdims=True)
    if (proba < 0).any() or (np.abs(sums - 1) > 1e-3).any():
        raise ValueError(
            f"every row of y_proba must hold probabilities that sum to 1, got {proba.min():.4g} as the least "
            f"value and sums from {sums.min():.4g} to {sums.max():.4g}; pass the output of predict_proba"
        )
    return indices, proba / sums, weights


def tally(weights: Floats, shape: tuple[int, ...], *indices: Indices) -> Floats:
    """Sum the weights of the rows of each cell of ``shape``; with (true, predicted), a confusion matrix."""
    sums = np.bincount(np.ravel_multi_index(indices, shape), weights, minlength=math.prod(shape))
    return sums.astype(np.float64, copy=False).reshape(shape)


def ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
    """Divide; give ``otherwise`` where the divisor is 0."""
    return np.divide(top, bottom, out=np.full(np.shape(bottom), otherwise), where=bottom > 0)
