"""What a fitted model knows of its data: columns, kinds, categories, classes; and one row to try it with."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import _is_fitted

from equipoise.classifiers import AutoClassifier
from equipoise.classifiers.decider import decider
from equipoise.decisions import PriorCorrectedClassifier, TunedThresholdsClassifier
from equipoise.persistence.walk import walk
from equipoise.tables import TablePreprocessor


def describe(model: Any, about: dict[str, Any]) -> dict[str, Any]:
    """Describe a model's data: ``columns``, ``classes``, ``class_priors`` and, where set, ``decision``."""
    classes = [
        label if isinstance(label, int | float) and label == label else str(label) for label in model.classes_.tolist()
    ]
    counts = about.get("class_counts") or {}
    rows = sum(_checked(counts).values())
    described = {
        "columns": _columns(model),
        "classes": classes,
        "class_priors": {label: count / rows for label, count in counts.items()} if rows else None,
    }
    decisions = [_decision(part, classes) for part in walk(model) if _is_decision(part)]
    if isinstance(last := decider(model), AutoClassifier):
        decisions.append(_own_decision(last, list(map(str, classes))))
    return described | ({"decision": decisions} if decisions else {})


def _checked(counts: Any) -> dict[str, float]:
    if not isinstance(counts, dict) or not all(isinstance(n, int | float) and n >= 0 for n in counts.values()):
        raise ValueError(f"about['class_counts'] must map labels to numbers of rows, got {counts!r:.200}")
    return counts


def _columns(model: Any) -> list[dict[str, Any]]:
    tables = [part for part in walk(model) if isinstance(part, TablePreprocessor) and _is_fitted(part)]
    if not tables:
        names = getattr(model, "feature_names_in_", range(getattr(model, "n_features_in_", 0)))
        return [{"name": str(name), "kind": "number"} for name in names]
    levels = _levels(tables[0])
    rows: list[Any] = tables[0].summary().drop(columns="distinct").rename(columns={"column": "name"}).to_dict("records")
    return [row | ({"categories": levels[row["name"]]} if row["name"] in levels else {}) for row in rows]


def _levels(table: TablePreprocessor) -> dict[str, list[str]]:
    if "category" not in table._parts:
        return {}
    levels = table._parts["category"].categories_
    return {name: list(map(str, found)) for name, found in zip(table._layout["category"], levels, strict=True)}


def _is_decision(part: Any) -> bool:
    return isinstance(part, PriorCorrectedClassifier | TunedThresholdsClassifier) and _is_fitted(part)


def _decision(part: Any, classes: list[Any]) -> dict[str, Any]:
    if isinstance(part, TunedThresholdsClassifier):
        return {"thresholds": dict(zip(map(str, classes), part.offsets_.tolist(), strict=True))}
    shares = {"from_priors": part.priors_, "to_priors": part.target_priors_}
    return {name: dict(zip(map(str, classes), values.tolist(), strict=True)) for name, values in shares.items()}


def _own_decision(auto: AutoClassifier, classes: list[str]) -> dict[str, Any]:
    """Offsets to log probabilities by class; or costs by true, then by decided class."""
    costs = auto.costs()
    if costs is None:
        name = str(auto.decision)
        return {"decision": name, "offsets": dict(zip(classes, auto.offsets_[name].tolist(), strict=True))}
    rows = [dict(zip(classes, row, strict=True)) for row in costs.tolist()]
    return {"decision": "costs", "costs": dict(zip(classes, rows, strict=True))}


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
    is_table = any(isinstance(part, TablePreprocessor) for part in walk(model))
    row = np.full((1, model.n_features_in_), None) if is_table else np.zeros((1, model.n_features_in_))
    names = getattr(model, "feature_names_in_", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proba = model.predict_proba(row if names is None else pd.DataFrame(row, columns=names))
    return proba[0].tolist()
