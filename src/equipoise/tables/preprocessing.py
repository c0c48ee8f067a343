"""A table to numbers: `TablePreprocessor`, on scikit-learn's own transformers."""

import warnings
from collections import Counter
from collections.abc import Container, Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import check_is_fitted

from equipoise.containers import check_labelled
from equipoise.sklearn_private import check_sample_weight
from equipoise.tables.columns import KINDS, MISSING_LEVEL, Kind, NumericColumn, TextColumn, read_column
from equipoise.tables.dates import PERIODS, periods, turns
from equipoise.tables.formats import Style
from equipoise.tables.frames import as_frame, input_names
from equipoise.tables.kinds import find_kinds, is_plain
from equipoise.tables.levels import as_categories, count, level_encoder, pooled_levels, prose, widths
from equipoise.tables.misfits import MisfitError, misfits
from equipoise.tables.parts import far_apart, fit_part, lay_out, side_by_side, why_useless
from equipoise.tables.text_encoder import Encoder
from equipoise.tables.text_features import TextFeatures
from equipoise.text import counted, listed


class TableWarning(UserWarning):
    """What was found in a table, and is not plain."""


class TablePreprocessor(TransformerMixin, BaseEstimator):
    """Turn a table of mixed columns into the float32 matrix that a network trains on.

    The kind of each column is found at fit:

    - *number* (integers, floats, decimals, durations in days, text nearly all of which reads as numbers in one
      format): standardised by the mean and standard deviation of the known cells, missing cells at the median,
      clipped to `clip` standard deviations. Numbers that stand far apart from all others, such as a 1e9 that means
      "missing", count for mean and deviation as the nearest number that does not, with a warning;
    - *date* (dates, timestamps, text nearly all of which reads as dates in one format): days since 1970-01-01 in UTC,
      with the time of day as a fraction, then as a number. Beside it stand sine and cosine of the place in the year, in
      the week and in the day, where dates span as much;
    - *boolean* (also the texts "true" and "false"): 0 and 1, missing cells at the more frequent value;
    - *text* (many different texts of three words or more): 100 numbers of a text, see
      ``tables.text_features.TextFeatures``. What mixes rows (SMOTE, MixUp, ReMix) mixes the numbers, not words;
    - *category* (everything else, and whatever the frame's type declares to be categorical): one 0/1 column
      a level. Missing is a level of its own, rare levels share one column. A level unseen at fit goes to that
      shared column, and is zero in all columns where there is none.

    Formats are found too: decimal comma or point, separators of thousands, currency, percent (12 % is 0.12), brackets
    for negatives; days or months first, month names, times and zones. One format must read 95% of the cells; texts
    such as "?" or "n/a" are missing cells then. Where two formats read a column differently ("1,234", "01/02/2024"),
    another column that leaves no doubt decides, or `decimal` and `dates`; otherwise a warning names the column, and it
    is a category. Numbers with a leading zero ("007") and the like of "1E5" are codes, which are categories.

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
    kinds : dict of str to {"number", "category", "boolean", "date", "text"}, default=None
        Kinds of columns by name, instead of what would be found.
    formats : dict of str to str, default=None
        Formats of columns by name, as in `formats_`, instead of what would be found.
    decimal : {".", ","}, default=None
        Decimal mark of numbers in text; None finds it.
    thousands : {",", ".", "'", " ", ""}, default=None
        Separator of thousands of numbers in text; None finds it.
    dates : {"dayfirst", "monthfirst"} or str, default=None
        Order of dates in text, or a format such as ``"%d.%m.%Y"``; None finds it.
    native : bool, default=False
        Return a data frame with a column an input column instead, for trees: numbers, dates and booleans as they are,
        missing cells as such, categories as a categorical type with the pooled levels as one.
    text_encoder : str, Path or callable, default=None
        For columns of text, instead of n-grams: the folder of a model of sentence-transformers, or a function that
        turns a list of n texts into an array of shape (n, k). A model file keeps the place of the folder and a digest
        of its files; a classifier with a function of yours cannot be saved.

    Attributes
    ----------
    kinds_ : dict of str to {"number", "category", "boolean", "date", "text"}
        The kind of each input column.
    formats_ : dict of str to str
        The format by which each column of text is read as numbers ("1.234,5") or dates ("dayfirst").
    notes_ : list of str
        What was found and is not plain, a sentence each; `fit` warns of them.
    texts_ : dict of str to TextFeatures
        Of the columns of text.
    dropped_ : dict of str to str
        The input columns left out, and why.
    layout_ : dict of str to list of str
        Input columns of each part of the result, in its order: "number", "boolean", "missing", "category" and "date".
    parts_ : dict of str to transformer
        The fitted transformer of each part.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,), object
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

    def __init__(
        self,
        *,
        min_frequency: int = 5,
        max_categories: int = 100,
        clip: float = 5.0,
        kinds: dict[str, Kind] | None = None,
        formats: dict[str, str] | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        dates: str | None = None,
        native: bool = False,
        text_encoder: str | Path | Encoder | None = None,
    ) -> None:
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.clip = clip
        self.kinds = kinds
        self.formats = formats
        self.decimal = decimal
        self.thousands = thousands
        self.dates = dates
        self.native = native
        self.text_encoder = text_encoder

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find the kinds of the columns and the statistics of the transformation.

        Parameters
        ----------
        X : frame (pandas, polars, ...) or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Labels, which must not be missing; nothing else of them counts.
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
        if y is not None:
            check_labelled(y)
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        values = self._find(X, weight)
        self._fit_parts(values, None if weight is None else weight[weight > 0])
        names = [name for name in values if self.kinds_[name] == "text" and name not in self.dropped_]
        self.texts_ = {name: TextFeatures(encoder=self.text_encoder).fit(prose(values[name])) for name in names}
        return self

    def _find(self, X: Any, weight: NDArray[np.float64] | None = None) -> dict[str, NDArray[Any]]:
        """Find kinds, formats and useless columns, warn of what is not plain, and return the cells of weighed rows."""
        self._check_parameters()
        frame = as_frame(self, X, reset=True)
        columns = self._read(frame, set())
        self.kinds_, self.formats_, self.notes_ = find_kinds(
            columns, self.kinds or {}, self.formats or {}, Style(self.decimal, self.thousands, self.dates)
        )
        values = self._values(columns, at_fit=True)
        if weight is not None:
            values = {name: cells[weight > 0] for name, cells in values.items()}
        self._n_rows = len(next(iter(values.values())))
        self._counts = {name: count(cells) for name, cells in values.items()}
        self._drop_useless()
        numbers = [name for name in values if name not in self.dropped_ and self.kinds_[name] in ("number", "date")]
        if numbers:
            self.notes_ += far_apart(numbers, side_by_side(values, numbers))
        for note in self.notes_:
            warnings.warn(note, TableWarning, stacklevel=3)
        return values

    def pinned(self, X: Any) -> Self:
        """Return an unfitted copy that keeps the kinds and formats of a table, whatever rows it is fitted on.

        It warns as `fit` does, in a small part of its time.

        Raises
        ------
        ValueError, TypeError
            As of `fit`.
        """
        found = clone(self)
        found._find(X)
        return clone(self).set_params(kinds=dict(found.kinds_), formats=dict(found.formats_))

    def read_by(self, decimal: str) -> None:
        """Read numbers by another decimal mark from now on, for a table that is written so."""
        written = "1.234,5" if decimal == "," else "1,234.5"
        self.formats_ |= {name: written for name, kind in self.kinds_.items() if kind == "number"}

    def transform(self, X: Any) -> Any:
        """Turn rows into numbers.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            The columns of the table fitted on. A frame's are matched by name, in any order; others are left out, with
            a warning.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            Finite throughout. A data frame if ``native``.

        Raises
        ------
        ValueError
            If columns are missing, a number is infinite, or a cell does not read as the kind that
            its column had at fit.
        """
        cells = self._cells(X)
        return self._native(*cells) if self.native else self._matrix(*cells)

    def both(self, X: Any) -> tuple[NDArray[np.float32], pd.DataFrame]:
        """Return what `transform` returns without and with ``native``; cells are read, and texts computed, once."""
        cells = self._cells(X)
        return self._matrix(*cells), self._native(*cells)

    def _cells(self, X: Any) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.float32]]]:
        """Return the cells of the columns that are used, and the numbers of texts."""
        check_is_fitted(self)
        frame = as_frame(self, X, reset=False)
        values = self._values(self._read(frame, self.dropped_), at_fit=False)
        return values, {name: features.transform(prose(values[name])) for name, features in self.texts_.items()}

    def _matrix(self, values: dict[str, NDArray[Any]], texts: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        blocks = [self._transform_part(part, values) for part in self.parts_]
        blocks += [np.clip(block, -self.clip, self.clip) for block in texts.values()]
        return np.hstack(blocks, dtype=np.float32)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the columns of the result.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names for the input columns, where the table fitted on had none.

        Returns
        -------
        ndarray of shape (n_features_out,), object
            A number's own name, `<name>_missing`, `<name>_<level>`, `<name>_week_sin` and its like for dates;
            `<name>_infrequent_sklearn` for the pool.
        """
        given = OneToOneFeatureMixin.get_feature_names_out(self, input_features)  # checks them, as all do
        rename = dict(zip(input_names(self), given))
        names: list[str] = []
        if self.native:
            names = [rename[name] for name in self.kinds_ if name not in self.dropped_ and name not in self.texts_]
        for part, columns in ({} if self.native else self.layout_).items():
            renamed = [rename[column] for column in columns]
            if part == "category":
                renamed = self.parts_[part].get_feature_names_out(renamed).tolist()
            if part == "date":
                renamed = [f"{rename[c]}_{p}_{w}" for c in columns for p in self._periods[c] for w in ("sin", "cos")]
            names += [f"{name}_missing" for name in renamed] if part == "missing" else renamed
        for name, features in self.texts_.items():
            names += [f"{rename[name]}_text_{i}" for i in range(features.n_features_out_)]
        return np.array(names, dtype=object)

    def sources(self) -> list[str]:
        """Return the input column that each column of the result comes from."""
        check_is_fitted(self)
        texts = [name for name, features in self.texts_.items() for _ in range(features.n_features_out_)]
        if self.native:
            return [name for name in self.kinds_ if name not in self.dropped_ and name not in self.texts_] + texts
        own = {"category": widths(self.parts_["category"])} if "category" in self.parts_ else {}
        if "date" in self.parts_:
            own["date"] = [2 * len(self._periods[name]) for name in self.layout_["date"]]
        parts = [zip(names, own.get(part, [1] * len(names))) for part, names in self.layout_.items()]
        return [name for part in parts for name, width in part for _ in range(width)] + texts

    def summary(self) -> pd.DataFrame:
        """Tell what was found in the table, one row an input column.

        Returns
        -------
        DataFrame
            `column`, `kind`, `missing` (share of the rows at fit, 0 to 1), `distinct` (number of values),
            `note` (why it was left out, which levels are pooled, or how texts become numbers).
        """
        check_is_fitted(self)
        dropped = {name: f"left out: {reason}" for name, reason in self.dropped_.items()}
        read = {name: f"read as {written}" for name, written in self.formats_.items() if not is_plain(written)}
        names = self.layout_.get("category", [])
        pooled = pooled_levels(self.parts_["category"], names) if names else {}
        found = read, pooled, {name: features.nature() for name, features in self.texts_.items()}
        notes = {name: "; ".join(filter(None, (each.get(name) for each in found))) for name in self.kinds_}
        notes |= dropped
        rows = [
            (name, self.kinds_[name], missing / self._n_rows, distinct, notes.get(name, ""))
            for name, (missing, distinct, _) in self._counts.items()
        ]
        return pd.DataFrame(rows, columns=["column", "kind", "missing", "distinct", "note"])

    def describe_columns(self) -> list[dict[str, Any]]:
        """Return the rows of `summary` for a model card, without counts of values and with the levels of categories."""
        rows: Any = self.summary().drop(columns="distinct").rename(columns={"column": "name"}).to_dict("records")
        names = self.layout_.get("category", [])
        levels = dict(zip(names, self.parts_["category"].categories_, strict=True)) if names else {}
        known = {name: [str(level) for level in of if level != MISSING_LEVEL] for name, of in levels.items()}
        return [row | ({"categories": known[row["name"]]} if row["name"] in known else {}) for row in rows]

    def unseen_levels(self, X: Any) -> dict[str, Counter[str]]:
        """Count the cells of category columns whose level no row fitted on has.

        Returns
        -------
        dict of str to Counter
            Of each column that has such cells, the number of cells by level; `MISSING_LEVEL` is a level.
        """
        names = self.layout_.get("category", [])
        if not names:
            return {}
        columns = self._read(as_frame(self, X, reset=False), set(self.kinds_) - set(names))
        levels, found = dict(zip(names, self.parts_["category"].categories_, strict=True)), {}
        for column in columns:
            cells = pd.Series(column.as_levels())
            if len(new := cells[~cells.isin(levels[column.name])]):
                found[column.name] = Counter(new)
        return found

    def clipped_cells(self, X: Any) -> dict[str, int]:
        """Count the cells of each column of numbers that lie beyond `clip` standard deviations and are clipped."""
        names = self.layout_.get("number", [])
        if not names or self.native:
            return {}
        columns = self._read(as_frame(self, X, reset=False), set(self.kinds_) - set(names))
        block = self.parts_["number"].transform(side_by_side(self._values(columns, at_fit=False), names))
        return dict(zip(names, np.sum(np.abs(block) > self.clip, axis=0).tolist(), strict=True))

    def periods(self) -> list[tuple[int, float]]:
        """Return the periods of date columns, as the column's place among those and the length in days."""
        dates = self.layout_.get("date", [])
        return [(i, PERIODS[period]) for i, name in enumerate(dates) for period in self._periods[name]]

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
        for name, kind in (self.kinds or {}).items():
            if kind not in KINDS:
                raise ValueError(f"The kind of column {name!r} must be one of {', '.join(KINDS)}, got {kind!r}.")

    def _read(self, frame: nw.DataFrame[Any], left_out: Container[str]) -> list[NumericColumn | TextColumn]:
        """Read all columns but some."""
        named = zip(input_names(self), frame.iter_columns(), strict=True)
        return [read_column(name, series) for name, series in named if name not in left_out]

    def _values(self, columns: Iterable[NumericColumn | TextColumn], *, at_fit: bool) -> dict[str, NDArray[Any]]:
        """Return the cells of columns as levels or numbers; the texts that do not fit are named of all at once."""
        values, errors = {}, []
        for column in columns:
            kind = self.kinds_[column.name]
            try:
                written = self.formats_.get(column.name, "")
                is_text = kind in ("category", "text")
                values[column.name] = column.as_levels() if is_text else column.as_numbers(kind, written)
            except MisfitError as error:
                errors.append(error)
        if errors:
            raise ValueError(misfits(errors, at_fit=at_fit))
        return values

    def _drop_useless(self) -> None:
        reasons = {
            name: why_useless(kind, self._counts[name], self._n_rows, self.min_frequency)
            for name, kind in self.kinds_.items()
        }
        self.dropped_ = {name: reason for name, reason in reasons.items() if reason}
        told = listed((f"{name!r} ({reason})" for name, reason in self.dropped_.items()), most=10)
        if len(self.dropped_) == len(reasons):
            raise ValueError(f"No usable column is left in the table of {counted(self._n_rows, 'sample')}: {told}.")
        if told:
            warnings.warn(f"Columns left out: {told}.", TableWarning, stacklevel=4)

    def _fit_parts(self, values: dict[str, NDArray[Any]], weight: NDArray[np.float64] | None) -> None:
        self.layout_ = lay_out({name: self.kinds_[name] for name in values if name not in self.dropped_}, self._counts)
        dates = [name for name in self.layout_.get("number", ()) if self.kinds_[name] == "date"]
        self._periods = {name: found for name in dates if (found := periods(values[name]))}
        if self._periods:
            self.layout_["date"] = list(self._periods)
        levels = level_encoder(self.min_frequency, self.max_categories)
        self.parts_ = {  # arrays inside, whatever the user's set_config asks of our own output
            part: fit_part(part, side_by_side(values, columns), weight, levels).set_output(transform="default")
            for part, columns in self.layout_.items()
        }

    def _transform_part(self, part: str, values: dict[str, NDArray[Any]]) -> NDArray[Any]:
        block = self.parts_[part].transform(side_by_side(values, self.layout_[part]))
        if part == "date":
            return turns(block, self.periods())
        return np.clip(block, -self.clip, self.clip) if part == "number" else block

    def _native(self, values: dict[str, NDArray[Any]], texts: dict[str, NDArray[np.float32]]) -> pd.DataFrame:
        """Return the cells as they are, a column an input column; of texts their numbers."""
        columns: dict[str, Any] = {
            name: cells.astype(np.float64)
            for name, cells in values.items()
            if self.kinds_[name] not in ("category", "text")
        }
        names = self.layout_.get("category", [])
        if names:
            columns |= zip(names, as_categories(self.parts_["category"], side_by_side(values, names)))
        blocks = [pd.DataFrame({name: columns[name] for name in values if name in columns})]
        blocks += [pd.DataFrame(block).add_prefix(f"{name}_text_") for name, block in texts.items()]
        return pd.concat(blocks, axis=1)
