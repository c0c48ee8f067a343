"""`TablePreprocessor` as a graph; `export_onnx` describes its inputs.

Blank text and "nan" are missing categories, as in `TablePreprocessor`.
"""

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.perceptrons import standardized
from equipoise.tables import TablePreprocessor
from equipoise.tables.columns import MISSING_LEVEL
from equipoise.text import listed

_SPACE = r"[\s\p{Z}\x{0B}\x{1C}-\x{1F}\x{85}]*"  # removed by str.strip
_BLANK = f"(?i){_SPACE}(nan)?{_SPACE}"


def table_graph(graph: Graph, table: TablePreprocessor) -> str:
    """Add the preprocessing; the result is (n, n_features_out), float32."""
    if table.texts_:
        raise ValueError(
            f"Columns of text have no ONNX graph, but the model reads {listed(map(repr, table.texts_))}: fit without "
            "(--drop), or keep the model in its own format."
        )
    blocks = []
    graph.formats |= table.formats_
    for part, columns in table.layout_.items():
        fitted = table.parts_[part]
        if part == "category":
            blocks += _categories(graph, columns, fitted)
            continue
        cells = graph.add("Concat", *(graph.input(name, table.kinds_[name]) for name in columns), axis=1)
        if part == "number":
            blocks.append(_numbers(graph, cells, fitted, table.clip))
        elif part == "date":
            blocks.append(_turns(graph, _filled(graph, cells, fitted), table.periods()))
        elif part == "boolean":
            blocks.append(graph.cast(_filled(graph, cells, fitted), np.float32))
        else:
            blocks.append(graph.cast(graph.add("IsNaN", cells), np.float32))
    return graph.add("Concat", *blocks, axis=1)


def _filled(graph: Graph, cells: str, imputer: SimpleImputer) -> str:
    return graph.add("Where", graph.add("IsNaN", cells), graph.constant(imputer.statistics_, np.float64), cells)


def _numbers(graph: Graph, cells: str, fitted: Pipeline, clip: float) -> str:
    imputer, scaler = fitted[0], fitted[1]
    scaled = standardized(graph, _filled(graph, cells, imputer), scaler)
    bounds = graph.constant(-clip, np.float64), graph.constant(clip, np.float64)
    return graph.cast(graph.add("Clip", scaled, *bounds), np.float32)


def _turns(graph: Graph, days: str, periods: list[tuple[int, float]]) -> str:
    """Add sine and cosine of each date in its periods, given as (column, length)."""
    columns, lengths = zip(*periods)
    turns = graph.add("Gather", days, graph.constant(columns, np.int64), axis=1)
    turns = graph.add("Div", turns, graph.constant(lengths, np.float64))
    turns = graph.add("Sub", turns, graph.add("Floor", turns))
    angles = graph.add(
        "Unsqueeze", graph.add("Mul", turns, graph.constant(2 * np.pi, np.float64)), graph.constant([2], np.int64)
    )
    pairs = graph.add("Concat", graph.add("Sin", angles), graph.add("Cos", angles), axis=2)
    return graph.cast(graph.add("Flatten", pairs, axis=1), np.float32)


def _categories(graph: Graph, columns: list[str], encoder: OneHotEncoder) -> list[str]:
    """Add a block of 0/1 columns for each column."""
    blocks = []
    for j, (column, levels) in enumerate(zip(columns, encoder.categories_, strict=True)):
        position = _positions(encoder, j)
        codes = {str(level): position[i] for i, level in enumerate(levels)}
        text = graph.input(column, "category")
        known = graph.add(
            "LabelEncoder",
            text,
            domain="ai.onnx.ml",
            keys_strings=list(codes),
            values_int64s=list(codes.values()),
            default_int64=position[-1],
        )
        missing = graph.constant(codes.get(MISSING_LEVEL, position[-1]), np.int64)
        code = graph.add("Where", graph.add("RegexFullMatch", text, pattern=_BLANK), missing, known)
        places = graph.constant(np.arange(max(position) + 1)[None], np.int64)
        blocks.append(graph.cast(graph.add("Equal", code, places), np.float32))
    return blocks


def _positions(encoder: OneHotEncoder, j: int) -> list[int]:
    """Return the 0/1 column of each level of column j, and last that of unseen levels; -1 for none."""
    n_levels = len(encoder.categories_[j])
    rare = encoder.infrequent_categories_[j] if hasattr(encoder, "infrequent_categories_") else None
    if rare is None:
        return [*range(n_levels), -1]
    kept = [level not in set(rare) for level in encoder.categories_[j]]
    pool = sum(kept)  # the pool is the last column
    places = np.where(kept, np.cumsum(kept) - 1, pool).tolist()
    return [*places, pool]
