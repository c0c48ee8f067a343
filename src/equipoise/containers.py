"""Rows in any container: data frames of any library and torch tensors as pandas and numpy, and back."""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray


def as_array(values: Any) -> Any:
    """Return a torch tensor as an array, from any device and with gradients or not; anything else as it is.

    Raises TypeError for a lazy frame of polars.

    >>> import torch
    >>> as_array(torch.tensor([1.5, 2.5]))
    array([1.5, 2.5], dtype=float32)
    """
    if nw.dependencies.is_polars_lazyframe(values):
        raise TypeError(f"Expected rows in memory, got a {type(values).__name__}. Call its collect() first.")
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()


def readable(values: Any) -> Any:
    """Return rows or labels in a container that scikit-learn and imbalanced-learn read.

    Data frames come as pandas', tensors and series as arrays, numbers among objects or in foreign byte order as numbers
    of the machine; other containers as they are. Raises TypeError for a lazy frame.

    >>> import polars as pl
    >>> readable(pl.DataFrame({"a": [1.5, 2.5]})).mean().to_dict()
    {'a': 2.0}
    """
    values = as_array(values)
    frame = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        raise TypeError(f"Expected rows in memory, got a {type(values).__name__}. Call its collect() first.")
    if isinstance(frame, nw.DataFrame):
        return frame.to_pandas().infer_objects()
    if isinstance(frame, nw.Series):
        values = frame.to_pandas().to_numpy()  # scikit-learn reads a series of truth values with categories as floats
    return _native(values) if isinstance(values, np.ndarray) else values


def _native(array: Any) -> Any:
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 1:
        return pd.Series(array).infer_objects().to_numpy()
    columns = pd.DataFrame(array) if array.ndim == 2 else pd.DataFrame()
    dtypes = columns.infer_objects().dtypes
    numeric = len(dtypes) > 0 and all(dtype.kind in "biuf" for dtype in dtypes)
    return array.astype(np.float64) if numeric else array


def check_labelled(y: Any) -> None:
    """Refuse labels in text of which some are missing, with a `ValueError` that says what may have happened."""
    frame = nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(frame, nw.Series):
        if frame.dtype not in (nw.String, nw.Object, nw.Categorical):
            return
        absent = int(pd.isna(np.asarray(frame.to_numpy(), dtype=object)).sum())
    else:
        labels = np.asarray(y)
        absent = int(pd.isna(labels).sum()) if labels.dtype == object and labels.ndim == 1 else 0
    if absent:
        raise ValueError(
            f"y contains NaN: {absent:,} of {len(y):,} labels are missing. If they are a class, such as None or NA, "
            "which pandas takes for missing, read the file with keep_default_na=False; otherwise leave these rows out."
        )


def check_one_kind(labels: NDArray[Any]) -> None:
    """Refuse labels with gaps, or of kinds that cannot be sorted, with a `ValueError`."""
    if labels.dtype != object:
        return
    try:
        np.unique(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels.flat}))
        raise ValueError(
            f"y must hold labels of one kind, without gaps, but holds these: {kinds}. Convert them, for example by "
            f"y.astype(str), and leave out rows without a label."
        ) from None


def restored(values: Any, given: Any) -> Any:
    """Return rows or labels that came from `readable` in the container that was given.

    >>> import polars as pl
    >>> given = pl.Series("y", [1, 0])
    >>> restored(readable(given)[:1], given).to_list()
    [1]
    """
    if hasattr(given, "new_tensor"):
        return given.new_tensor(np.asarray(values))
    frame = nw.from_native(given, pass_through=True, allow_series=True)
    if isinstance(given, pd.Series):
        return pd.Series(values, name=given.name, dtype=given.dtype)
    if isinstance(frame, nw.Series):
        new = nw.new_series(frame.name, np.asarray(values), backend=frame.implementation)
        return new.cast(frame.dtype).to_native()
    if isinstance(frame, nw.DataFrame) and not isinstance(given, pd.DataFrame):
        columns = {name: np.asarray(values[name]) for name in frame.columns}
        return (
            nw.from_dict(columns, backend=frame.implementation)
            .select(nw.col(name).cast(dtype) for name, dtype in frame.schema.items())
            .to_native()
        )
    return values
