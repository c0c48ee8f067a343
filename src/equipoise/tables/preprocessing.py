"""A table to numbers: `TablePreprocessor`, on scikit-learn's own transformers."""

import warnings
from collections import Counter
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from equipoise.tables.columns import MISSING_LEVEL, NumericColumn, TextColumn, read_column

_NEARLY_ALL = 0.9


class TablePreprocessor(TransformerMixin, BaseEstimator):
    """Turn a table of mixed columns into the float32 matrix that a network trains on.

    The kind of each column is found at fit:

    - *number* (integers, floats, decimals, durations in days, text that reads as numbers throughout):
      standardised by the mean and standard deviation of the known cells, missing cells at the median,
      clipped to `clip` standard deviations;
    - *date* (dates, timestamps, text that is ISO 8601 throughout): days since 1970-01-01 in UTC, with the
      time of day as a fraction, then as a number;
    - *boolean* (also the texts "true" and "false"): 0 and 1, missing cells at the more frequent value;
    - *category* (everything else, and whatever the frame's type declares to be categorical): one 0/1 column
      a level. Missing is a level of its own, rare levels share one column. A level unseen at fit goes to that
      shared column, and is zero in all columns where there is none.

    A number, date or boolean column with cells missing at fit gets a 0/1 column beside it that tells which.
    Left out, with a warning that says so: columns without a single value, constant columns, and category
    columns in which nearly every value is distinct (identifiers, free text) or none is frequent.

    Parameters
    ----------
    min_frequency : int, default=5
        Levels in fewer rows than this are pooled; 1 pools none.
    max_categories : int, default=100
        Most columns that one category column may turn into; the rarest levels are pooled beyond it.
    clip : float, default=5.0
        Bound on the size of a standardised number, in standard deviations.

    Attributes
    ----------
    kinds_ : dict of str to {"number", "category", "boolean", "date"}
        The kind of each input column.
    dropped_ : dict of str to str
        The input columns left out, and why.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,), object
        Only where the table fitted on has column names. Columns without a name are called x0, x1, ...

    Notes
    -----
    Everything is computed from the rows given to `fit`. `sample_weight` enters the means and standard
    deviations; rows of weight zero are as good as absent. The median and the more frequent boolean that fill
    missing cells, and the counts that pool levels or leave a column out, are those of plain rows: only there
    does an integer weight differ from a repeated row.

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.tables import TablePreprocessor
    >>> X = pd.DataFrame({"age": [20, 40, None, 60], "smokes": ["no", "yes", "no", "yes"]})
    >>> preprocessor = TablePreprocessor(min_frequency=1)
    >>> preprocessor.fit_transform(X).round(1)
    array([[-1.2,  0. ,  1. ,  0. ],
           [ 0. ,  0. ,  0. ,  1. ],
           [ 0. ,  1. ,  1. ,  0. ],
           [ 1.2,  0. ,  0. ,  1. ]], dtype=float32)
    >>> preprocessor.get_feature_names_out().tolist()
    ['age', 'age_missing', 'smokes_no', 'smokes_yes']
    """

    def __init__(self, *, min_frequency: int = 5, max_categories: int = 100, clip: float = 5.0) -> None:
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.clip = clip

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the kinds of the columns and the statistics of the transformation.

        Parameters
        ----------
        X : frame (pandas, polars, ...) or array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        Raises
        ------
        ValueError
            If the table is empty or no column of it is of use, a column name occurs twice, a number is
            infinite, a column of numbers holds text (a text column counts as one of numbers where more than
            half of its cells are, and they are more than ten different ones or mostly different), or a
            parameter is out of range.
        TypeError
            If a cell holds a collection, or a parameter is of the wrong type.
        """
        self._check_parameters()
        frame = self._as_frame(X, reset=True)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        columns = [read_column(name, frame[:, i]) for i, name in enumerate(self._input_names())]
        self.kinds_ = {column.name: column.find_kind() for column in columns}
        values = {column.name: self._cells(column) for column in columns}
        if weight is not None:
            values = {name: cells[weight > 0] for name, cells in values.items()}
            weight = weight[weight > 0]
        self._n_rows = len(next(iter(values.values())))
        self._counts = {name: _count(cells) for name, cells in values.items()}
        self._drop_useless()
        self._fit_parts(values, weight)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Turn rows into numbers.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            The columns of the table fitted on. A frame's are matched by name, in any order.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            Finite throughout.

        Raises
        ------
        ValueError
            If columns are missing or unknown, a number is infinite, or a cell does not read as the kind that
            its column had at fit.
        """
        check_is_fitted(self)
        frame = self._as_frame(X, reset=False)
        values = {
            name: self._cells(read_column(name, frame[:, i]))
            for i, name in enumerate(self._input_names())
            if name not in self.dropped_
        }
        return np.hstack([self._transform_part(part, values) for part in self._parts], dtype=np.float32)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the columns of the result.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names for the input columns, where the table fitted on had none.

        Returns
        -------
        ndarray of shape (n_features_out,), object
            A number's own name, `<name>_missing`, `<name>_<level>`; `<name>_infrequent_sklearn` for the pool.
        """
        given = OneToOneFeatureMixin.get_feature_names_out(self, input_features)  # checks them, as all do
        rename = dict(zip(self._input_names(), given))
        names: list[str] = []
        for part, columns in self._layout.items():
            renamed = [rename[column] for column in columns]
            if part == "category":
                renamed = self._parts[part].get_feature_names_out(renamed).tolist()
            names += [f"{name}_missing" for name in renamed] if part == "missing" else renamed
        return np.array(names, dtype=object)

    def summary(self) -> pd.DataFrame:
        """Tell what was found in the table, one row an input column.

        Returns
        -------
        DataFrame
            `column`, `kind`, `missing` (share of the rows at fit, 0 to 1), `distinct` (number of values),
            `note` (why it was left out, or which levels are pooled).
        """
        check_is_fitted(self)
        dropped = {name: f"left out: {reason}" for name, reason in self.dropped_.items()}
        notes = dropped | self._pooled_levels()
        rows = [
            (name, self.kinds_[name], missing / self._n_rows, distinct, notes.get(name, ""))
            for name, (missing, distinct, _) in self._counts.items()
        ]
        return pd.DataFrame(rows, columns=["column", "kind", "missing", "distinct", "note"])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True  # not `string`, which promises to let any object pass unseen
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_parameters(self) -> None:
        check_scalar(self.min_frequency, "min_frequency", Integral, min_val=1)
        check_scalar(self.max_categories, "max_categories", Integral, min_val=2)
        check_scalar(self.clip, "clip", Real, min_val=0, include_boundaries="neither")

    def _input_names(self) -> list[str]:
        return list(getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)]))

    def _as_frame(self, X: Any, *, reset: bool) -> nw.DataFrame:
        if not nw.dependencies.is_into_dataframe(X):
            return nw.from_native(pd.DataFrame(self._checked_array(X, reset=reset)), eager_only=True)
        try:
            frame = nw.from_native(X, eager_only=True)
        except nw.exceptions.DuplicateError as error:
            told = " ".join(str(error).split())
            raise ValueError(f"Column names must be distinct; rename the repeated ones. {told}") from error
        if 0 in frame.shape:
            raise ValueError(f"The table must have rows and columns; its shape is {frame.shape}.")
        if not reset and hasattr(self, "feature_names_in_"):
            frame = _match_columns(frame, self._input_names())
        validate_data(self, frame.to_native(), reset=reset, skip_check_array=True)
        return frame

    def _checked_array(self, X: Any, *, reset: bool) -> NDArray:
        try:
            return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        except ValueError as error:
            if "Complex data" not in str(error):
                raise
            raise ValueError(  # scikit-learn's message shows the whole array
                "Complex data not supported: the array holds complex numbers; give their real and imaginary parts "
                "columns of their own."
            ) from error

    def _cells(self, column: NumericColumn | TextColumn) -> NDArray:
        kind = self.kinds_[column.name]
        return column.as_levels() if kind == "category" else column.as_numbers(kind)

    def _drop_useless(self) -> None:
        reasons = {name: self._reason_to_drop(name) for name in self.kinds_}
        self.dropped_ = {name: reason for name, reason in reasons.items() if reason}
        told = _listed(f"{name!r} ({reason})" for name, reason in self.dropped_.items())
        if len(self.dropped_) == len(reasons):
            raise ValueError(f"No usable column is left in the table of {self._n_rows} sample(s): {told}.")
        if told:
            warnings.warn(f"Columns left out: {told}.", stacklevel=3)

    def _reason_to_drop(self, name: str) -> str:
        missing, distinct, commonest = self._counts[name]
        if not distinct:
            return "no cell has a value"
        if distinct == 1 and not missing:
            return "constant"
        if self.kinds_[name] == "category" and distinct > _NEARLY_ALL * self._n_rows:
            return "nearly every value is distinct"
        if self.kinds_[name] == "category" and commonest < self.min_frequency:
            return f"no value in {self.min_frequency} rows or more"
        return ""

    def _fit_parts(self, values: dict[str, NDArray], weight: NDArray[np.float64] | None) -> None:
        self._layout = self._lay_out([name for name in values if name not in self.dropped_])
        self._parts = {  # arrays inside, whatever the user's set_config asks of our own output
            part: self._fit_part(part, _side_by_side(values, columns), weight).set_output(transform="default")
            for part, columns in self._layout.items()
        }

    def _lay_out(self, names: list[str]) -> dict[str, list[str]]:
        """Assign the columns to the parts; where all known cells are alike, only the missing ones tell."""
        layout: dict[str, list[str]] = {"number": [], "boolean": [], "missing": [], "category": []}
        for name in names:
            kind = "number" if self.kinds_[name] == "date" else self.kinds_[name]
            missing, distinct, _ = self._counts[name]
            if kind == "category" or distinct > 1:
                layout[kind].append(name)
            if kind != "category" and missing:
                layout["missing"].append(name)
        return {part: columns for part, columns in layout.items() if columns}

    def _fit_part(self, part: str, block: NDArray, weight: NDArray[np.float64] | None) -> BaseEstimator:
        if part == "number":
            # Each is fitted on the known cells: medians filled in would make the spread look smaller.
            imputer, scaler = SimpleImputer(strategy="median"), StandardScaler()
            return make_pipeline(imputer.fit(block), scaler.fit(block, sample_weight=weight))
        if part == "boolean":
            return SimpleImputer(strategy="most_frequent").fit(block)
        if part == "missing":
            return MissingIndicator(features="all").fit(block)
        return OneHotEncoder(
            min_frequency=self.min_frequency,
            max_categories=self.max_categories,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
            dtype=np.float32,
        ).fit(block)

    def _transform_part(self, part: str, values: dict[str, NDArray]) -> NDArray:
        block = self._parts[part].transform(_side_by_side(values, self._layout[part]))
        return np.clip(block, -self.clip, self.clip) if part == "number" else block

    def _pooled_levels(self) -> dict[str, str]:
        if "category" not in self._parts:
            return {}
        pools = zip(self._layout["category"], self._parts["category"].infrequent_categories_)
        return {name: f"pooled: {_listed(map(repr, pool))}" for name, pool in pools if pool is not None}


def _match_columns(frame: nw.DataFrame, names: list[str]) -> nw.DataFrame:
    given, wanted = set(frame.columns), set(names)
    missing = _listed(repr(name) for name in names if name not in given)
    extra = _listed(repr(name) for name in frame.columns if name not in wanted)
    if missing or extra:
        raise ValueError(
            "The columns must be those of the table fitted on."
            + (f" Missing: {missing}; add them, empty if need be." if missing else "")
            + (f" Unknown: {extra}; drop them." if extra else "")
        )
    return frame.select(names)


def _count(values: NDArray) -> tuple[int, int, int]:
    """Count the missing cells, the distinct values, and the rows of the commonest level of a category."""
    if values.dtype != object:
        missing = int(np.isnan(values).sum())
        return missing, pd.unique(values).size - (missing > 0), 0
    counts = Counter(values)
    commonest = max(counts.values())
    missing = counts.pop(MISSING_LEVEL, 0)
    return missing, len(counts), commonest


def _side_by_side(values: dict[str, NDArray], columns: list[str]) -> NDArray:
    return np.column_stack([values[name] for name in columns])


def _listed(texts: Iterable[str], most: int = 10) -> str:
    texts = list(texts)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
