"""Rows given to an estimator as a frame with the columns that it was fitted on."""

import warnings
from typing import Any

import narwhals as nw
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from equipoise.text import listed, near_names


def holds_pixels(X: Any) -> bool:
    """Whether an array has the axes of images: rows, channels, height, width."""
    return getattr(X, "ndim", 2) == 4


def input_names(estimator: BaseEstimator) -> list[str]:
    """Names of the columns fitted on; those without a name are x0, x1, ..."""
    return list(getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(estimator.n_features_in_)]))


def as_frame(estimator: BaseEstimator, X: Any, *, reset: bool) -> nw.DataFrame[Any]:
    """Check rows and return them as a frame; ``reset`` sets what is fitted, otherwise columns are matched by name."""
    if not nw.dependencies.is_into_dataframe(X):
        if holds_pixels(X):
            raise ValueError(
                f"{type(estimator).__name__} reads tables, but X has shape {tuple(X.shape)}: images need "
                "NeuralClassifier(network='fast_cnn', ...), which reads (n, channels, height, width)."
            )
        return nw.from_native(pd.DataFrame(_checked_array(estimator, X, reset=reset)), eager_only=True)
    try:
        frame = nw.from_native(X, eager_only=True)
    except nw.exceptions.DuplicateError as error:
        told = " ".join(str(error).split())
        raise ValueError(f"Column names must be distinct; rename the repeated ones. {told}") from error
    if not all(isinstance(name, str) for name in frame.columns) and any(isinstance(n, str) for n in frame.columns):
        frame = nw.from_native(frame.to_native().rename(columns=str), eager_only=True)
    if 0 in frame.shape:
        raise ValueError(f"The table must have rows and columns; its shape is {frame.shape}.")
    if not reset and hasattr(estimator, "feature_names_in_"):
        frame = _match_columns(frame, input_names(estimator))
    validate_data(estimator, frame.to_native(), reset=reset, skip_check_array=True)
    return frame


def _checked_array(estimator: BaseEstimator, X: Any, *, reset: bool) -> NDArray[Any]:
    try:
        return validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
    except ValueError as error:
        if "Complex data" not in str(error):
            raise
        raise ValueError(  # scikit-learn's message shows the whole array
            "Complex data not supported: the array holds complex numbers; give their real and imaginary parts "
            "columns of their own."
        ) from error


def _match_columns(frame: nw.DataFrame[Any], names: list[str]) -> nw.DataFrame[Any]:
    given, wanted = set(frame.columns), set(names)
    spare = [name for name in frame.columns if name not in wanted]
    extra = listed(map(repr, spare), most=10)
    missing = [name for name in names if name not in given]
    if missing:
        near = list(dict.fromkeys(like for name in missing for like in near_names(name, spare)[:1]))
        raise ValueError(
            "The columns must be those of the table fitted on. "
            f"Missing: {listed(map(repr, missing), most=10)}; add them, empty if need be."
            + (f" Unknown: {extra}" + (f"; rename {listed(map(repr, near))}?" if near else ".") if extra else "")
        )
    if extra:
        warnings.warn(f"Columns that the model does not know are not used: {extra}.", UserWarning, stacklevel=4)
    return frame.select(names)
