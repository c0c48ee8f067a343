"""The cells of text files: which of them are missing, and which columns are numbers or truth values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import infer_dtype, is_numeric_dtype

from equipoise.tables.formats import PLAIN, Ambiguous, as_cells, find_number_format, plain_numbers, read_numbers
from equipoise.tables.text_files import NULLS

_TRUTH = ["True", "False", "TRUE", "FALSE", "true", "false"]


def typed_frame(
    table: pa.Table, missing_values: Sequence[str], literal: str | None, as_text: bool, pointed: bool = False
) -> pd.DataFrame:
    """Trim the cells, and turn columns of plain numbers and truth values into such."""
    columns: dict[str, Any] = {}
    sentinels = read_numbers(as_cells(list(missing_values)), PLAIN)
    for name in table.column_names:
        raw = table[name].combine_chunks()
        cells = as_cells(raw)
        padded = pc.and_(pc.not_equal(cells, raw), pc.is_in(cells, pa.array(NULLS, pa.large_string())))
        absent = pc.or_(pc.equal(cells, ""), pc.is_in(cells, pa.array(list(missing_values), pa.large_string())))
        if name != literal:
            absent = pc.or_(absent, padded)
        if not np.isnan(sentinels).all():  # numbers stand for missing however they are written
            absent = pc.or_(absent, pa.array(np.isin(read_numbers(cells, PLAIN), sentinels[~np.isnan(sentinels)])))
        columns[name] = pc.if_else(absent, pa.scalar(None, pa.large_string()), cells)
    if not as_text:
        typed = {name: _typed(cells) for name, cells in columns.items()}
        if any(_like_thousands(columns[name]) for name in typed if typed[name] is not None):
            commas = pointed or any(_has_decimal_comma(columns[name]) for name in typed if typed[name] is None)
            typed = {n: None if commas and _like_thousands(columns[n]) else values for n, values in typed.items()}
        columns |= {name: values for name, values in typed.items() if values is not None}
    return pd.DataFrame(
        {name: cells.to_pandas() if isinstance(cells, pa.Array) else cells for name, cells in columns.items()}
    )


def _typed(cells: pa.LargeStringArray) -> Any:
    """Return integers, floats or truth values where all cells are written as such, else None."""
    if len(cells) == cells.null_count:
        return np.full(len(cells), np.nan) if len(cells) else None
    values = plain_numbers(cells)
    if values is not None:
        if cells.null_count or pc.any(pc.match_substring_regex(cells, r"[^-+\d]|\d{19}")).as_py():
            return values if not pc.any(pc.match_substring_regex(cells, r"^[-+]?\d{17,}$")).as_py() else None
        return pc.cast(pc.replace_substring(cells, "+", ""), pa.int64()).to_numpy(zero_copy_only=False)
    if not cells.null_count and pc.all(pc.is_in(cells, pa.array(_TRUTH, pa.large_string()))).as_py():
        return pc.equal(pc.utf8_lower(cells), "true").to_numpy(zero_copy_only=False)
    return None


def _like_thousands(cells: Any) -> bool:
    """Tell whether every point of a column could separate thousands."""
    known = cells.drop_null()
    pointed = known.filter(pc.match_substring(known, "."))
    return bool(len(pointed)) and pc.all(pc.match_substring_regex(pointed, r"^[-+]?[1-9]\d{0,2}(?:\.\d{3})+$")).as_py()


def _has_decimal_comma(cells: pa.LargeStringArray) -> bool:
    encoded = cells.drop_null().dictionary_encode()
    levels = as_cells(encoded.dictionary)
    counts = np.bincount(encoded.indices.to_numpy(), minlength=len(levels))
    try:
        return "," in (find_number_format(levels, counts) or PLAIN)[-2:]
    except Ambiguous:
        return False


def typed(frame: pd.DataFrame, target: str, thousands: str | None = None) -> pd.DataFrame:
    """Turn columns of text cells into numbers and truth values where `read_table` would."""
    cells = pa.table({name: pa.array(frame[name], pa.large_string(), from_pandas=True) for name in frame})
    return typed_frame(cells, (), target, False, thousands == ".")


def without_marks(frame: pd.DataFrame, missing_values: Sequence[str]) -> pd.DataFrame:
    """Return a table with texts trimmed, and named cells missing: texts as they stand, numbers however written.

    >>> without_marks(pd.DataFrame({"a": [1.5, -999.0], "b": [" u", "-999.0"]}), ["-999"]).isna().sum().tolist()
    [1, 1]
    """
    numbers = read_numbers(as_cells(list(missing_values)), PLAIN)
    numbers = numbers[~np.isnan(numbers)]
    kept = frame.copy(deep=False)
    for column in kept.columns:
        cells = kept[column]
        if infer_dtype(cells) == "string":
            text = cells.str.strip()
            absent = text.isin(missing_values)
            if numbers.size:
                absent |= np.isin(
                    read_numbers(as_cells(pa.array(text.to_numpy(object), pa.large_string(), from_pandas=True)), PLAIN),
                    numbers,
                )
            kept[column] = text.mask(absent)
        elif numbers.size and is_numeric_dtype(cells) and cells.isin(numbers).any():
            kept[column] = cells.mask(cells.isin(numbers))
    return kept
