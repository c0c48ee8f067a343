"""What a fitted model knows of its data: columns, kinds, categories, classes; and one row to try it with."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _is_fitted

from equipoise.classifiers.decider import decider
from equipoise.describing import Describes, Description
from equipoise.persistence.walk import walk


def schema_of(model: Any, about: dict[str, Any]) -> dict[str, Any]:
    """Return what a model knows of its data: ``columns``, ``classes``, ``class_priors`` and, where set, ``decision``.

    ``decision`` lists the thresholds or costs that decide, and corrections of class priors.
    """
    classes = [label if isinstance(label, int | float) else str(label) for label in model.classes_.tolist()]
    counts = about.get("class_counts") or {}
    rows = sum(_checked(counts).values())
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
    """Return what the parts of a model say of themselves, the outermost first."""
    parts = [part for part in walk(model) if isinstance(part, BaseEstimator)]  # a data frame has a `describe`, too
    return [part.describe() for part in parts if isinstance(part, Describes)]


def _checked(counts: Any) -> dict[str, float]:
    if not isinstance(counts, dict) or not all(isinstance(n, int | float) and n >= 0 for n in counts.values()):
        raise ValueError(f"about['class_counts'] must map labels to numbers of rows, got {counts!r:.200}")
    return counts


def _columns(model: Any) -> list[dict[str, Any]]:
    for part in walk(model):
        if _is_table(part):
            return part.describe_columns()
    names = getattr(model, "feature_names_in_", range(getattr(model, "n_features_in_", 0)))
    return [{"name": str(name), "kind": "number"} for name in names]


def _is_table(part: Any) -> bool:
    """Whether a part reads a table with gaps, and is fitted."""
    return hasattr(part, "describe_columns") and not isinstance(part, type) and _is_fitted(part)


def probe(model: Any) -> list[float] | None:
    """Return the probabilities of one row without content, which tell whether a model is whole.

    None for a model that gives no probabilities, or none for such a row.
    """
    try:
        return answer(model)
    except Exception:  # a classifier of another library, with wishes of its own
        return None


def answer(model: Any) -> list[float]:
    """Probabilities of one row: all cells missing for a table, zeros for numbers."""
    is_table = any(map(_is_table, walk(model)))
    row = np.full((1, model.n_features_in_), None) if is_table else np.zeros((1, model.n_features_in_))
    names = getattr(model, "feature_names_in_", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proba = model.predict_proba(row if names is None else pd.DataFrame(row, columns=names))
    return proba[0].tolist()
