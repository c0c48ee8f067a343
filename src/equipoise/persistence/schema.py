"""Data schema of a fitted model: columns, kinds, categories, classes; and its probabilities of an empty row."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from equipoise.classifiers.decider import decider
from equipoise.describing import Describes, Description
from equipoise.images import ImageReader
from equipoise.persistence.walk import walk
from equipoise.sklearn_private import is_fitted


def schema_of(model: Any, about: dict[str, Any]) -> dict[str, Any]:
    """Return ``columns``, ``classes``, ``class_priors`` and, if any, ``decision``.

    ``decision`` lists thresholds or costs, and corrections of class priors.
    """
    classes = [label if isinstance(label, int | float) else str(label) for label in model.classes_.tolist()]
    counts = about.get("class_counts") or {}
    if not isinstance(counts, dict) or not all(isinstance(n, int | float) and n >= 0 for n in counts.values()):
        raise ValueError(f"about['class_counts'] must map labels to numbers of rows, got {counts!r:.200}")
    rows = sum(counts.values())
    schema = {
        "columns": _columns(model),
        "classes": classes,
        "class_priors": {label: count / rows for label, count in counts.items()} if rows else None,
    }
    last = decider(model)
    decides = last.describe().decision if isinstance(last, Describes) else None
    decisions = [decides, *(description.correction for description in descriptions(model))]
    decisions = [decision for decision in decisions if decision is not None]
    return schema | ({"decision": decisions} if decisions else {})


def descriptions(model: Any) -> list[Description]:
    """Return the descriptions of a model's parts, the outermost first."""
    parts = [part for part in walk(model) if isinstance(part, BaseEstimator)]  # a data frame has a `describe`, too
    return [part.describe() for part in parts if isinstance(part, Describes)]


def _columns(model: Any) -> list[dict[str, Any]]:
    for part in walk(model):
        if _is_table(part):
            return part.describe_columns()
    names = getattr(model, "feature_names_in_", range(getattr(model, "n_features_in_", 0)))
    return [{"name": str(name), "kind": "number"} for name in names]


def _is_table(part: Any) -> bool:
    """Whether a part is fitted preprocessing of tables with missing cells."""
    return hasattr(part, "describe_columns") and not isinstance(part, type) and is_fitted(part)


def probe(model: Any) -> list[float] | None:
    """Return the probabilities of an empty row, to verify a loaded model.

    None for a model without probabilities, or without an answer for such a row.
    """
    try:
        return answer(model)
    except Exception:  # a classifier of another library may need more
        return None


def image_reader(model: Any) -> ImageReader | None:
    """Return the part of a model that reads images; None of a model for tables."""
    return next((part for part in walk(model) if isinstance(part, ImageReader)), None)


def answer(model: Any) -> list[float]:
    """Return probabilities of one row: missing cells for a table, zeros for numbers."""
    if (reader := image_reader(model)) is not None:
        return model.predict_proba(reader.example())[0].tolist()
    is_table = any(map(_is_table, walk(model)))
    row = np.full((1, model.n_features_in_), None) if is_table else np.zeros((1, model.n_features_in_))
    names = getattr(model, "feature_names_in_", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proba = model.predict_proba(row if names is None else pd.DataFrame(row, columns=names))
    return proba[0].tolist()
