"""What the model card tells of a comparison: figures of the model as it is shipped, and what it uses."""

import math
from typing import TYPE_CHECKING, Any

from equipoise.decisions import Aim
from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.by_terms import TITLES
from equipoise.experiments.outcome import PER
from equipoise.experiments.terms import InTerms
from equipoise.persistence.walk import walk
from equipoise.reports.at_best import at_its_best
from equipoise.reports.split import measured
from equipoise.reports.text import without_values
from equipoise.tables.finding import LEFT_OUT, shortened

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from equipoise.datasets import Dataset

_IMPORTANT = 6  # groups of columns that are named


def facts_for_card(data: "Dataset", recipe: str, model: "Pipeline") -> dict[str, Any]:
    """Return entries of ``about``: what a model was trained on, and the findings of the check without cells."""
    counts = data.class_counts or data.y.value_counts().to_dict()
    return {
        "recipe": recipe,
        "decision": getattr(model[-1], "decision", None),
        "data": data.name,
        "target": str(data.y.name),
        "rows": data.n_rows,
        "trained_rows": min([part.n_rows_ for part in walk(model) if hasattr(part, "n_rows_")], default=len(data.y)),
        "class_counts": {str(label): int(n) for label, n in counts.items()},
        "left_out": [name for found in data.findings if found.kind in LEFT_OUT for name in found.columns],
        "roles": dict(data.roles),
        **findings_for_card(data),
    }


def terms_for_card(aim: Aim) -> dict[str, Any]:
    """Return entries of ``about``: the class of alarms, the terms of the decision, and costs that are a table."""
    names = list(map(str, aim.labels))
    found: dict[str, Any] = {"positive": names[aim.positive]} | ({"aim": str(aim)} if aim.decides else {})
    if aim.costs is not None and len(names) > 2:
        found["costs"] = {true: dict(zip(names, row)) for true, row in zip(names, aim.costs.tolist())}
    return found


def findings_for_card(data: "Dataset", *, show_values: bool = False) -> dict[str, Any]:
    """Return entries of ``about``: ``findings`` of the check, with cells in them only where values may be shown."""
    said = [f"{found.severity.capitalize()}: {found}" for found in shortened(data.findings)]
    if not show_values:
        columns = {name for found in data.findings for name in found.columns}
        names = {*map(str, data.X.columns), *map(str, data.y.unique()), *data.roles.values(), *columns}
        said = [without_values(sentence, names) for sentence in said]
    return {"findings": said, "show_values": show_values}


def for_card(comparison: Comparison) -> dict[str, Any]:
    """Return entries of ``about`` for `equipoise.persistence.save`: figures, how they were measured, cuts, columns."""
    found, decides = shipped.scores(comparison, comparison.winner), comparison.aim.decides
    figures = {name: {"value": value} for name, value in found.items()}
    if not decides:  # by terms, the model is not read as the interval of the metric asks for
        _, low, high = comparison.interval(comparison.chosen, comparison.winner)
        figures[comparison.metric] |= {"low": low, "high": high}
    decisions, probabilities = (
        {METRICS[name].title: figure for name, figure in figures.items() if METRICS[name].at_threshold is at_threshold}
        for at_threshold in (True, False)
    )
    return {
        "important": comparison.importance["columns"].head(_IMPORTANT).tolist(),
        "figures": _known(_outcomes(comparison) if decides else decisions),
        "figures_of_probabilities": _known(probabilities),
        "measured": f"{measured(comparison)}{_read(comparison)}",
        "cuts": [*comparison.protocol.notes, *comparison.refitted],
    } | ({"terms": InTerms.of(comparison).sentence()} if decides else {})


def _outcomes(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return what the terms rank by, then the outcomes of the decision by the terms, with intervals."""
    goal, read = comparison.by_terms.goal, comparison.by_terms.read[comparison.winner]
    titles = {"alarms": f"alarms of {PER:,} rows", "recall": "share caught (recall)", "precision": "precision"}
    found = {TITLES[goal]: comparison.by_terms.value(comparison.winner)} if goal != "recall" else {}
    found |= {title: read.chosen()[name] for name, title in titles.items()}
    return {title: {"value": mean, "low": low, "high": high} for title, (mean, low, high) in found.items()}


def _known(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return figures as json holds them."""
    return {
        title: {part: None if math.isnan(value) else value for part, value in figure.items()}
        for title, figure in figures.items()
    }


def _read(comparison: Comparison) -> str:
    """Return how the held-out rows of the figures are decided or read."""
    if comparison.aim.decides:
        others = "the folds before it" if comparison.protocol.by_time else "the other folds"
        return f", each fold decided as {others} tell"
    meaning = at_its_best(comparison).rstrip(".")
    return f", at its best. {meaning}" if meaning else ""
