"""The report's tables: the content of each cell, and the cells to be marked."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.readings import TUNED_FOR
from equipoise.experiments.store import Cell
from equipoise.metrics import Floats, class_brier_scores, counts_summary
from equipoise.reports.at_best import in_folds
from equipoise.reports.text import without_values
from equipoise.tables.levels import without_levels
from equipoise.text import number

_NUMBERS = re.compile(r"\d[\d.,]*")

MADE_ROWS = {
    "n_made": ("synthetic rows", "number of synthetic rows for one network"),
    "real_accuracy": ("discriminator on real rows", "share of real rows classified as real by the discriminator"),
    "made_accuracy": (
        "discriminator on synthetic rows",
        "share of synthetic rows classified as synthetic by the discriminator",
    ),
    "two_sample_accuracy": (
        "two-sample accuracy",
        "share of rows (synthetic and as many real ones) whose nearest neighbour is of the same kind",
    ),
    "spread_ratio": (
        "spread ratio",
        "mean standard deviation of the features of synthetic rows, divided by that of real rows",
    ),
    "out_of_range": ("out of range", "share of synthetic values outside the range of the class's real values"),
}
"""Headings and definitions of the diagnostics of a GAN's synthetic rows by name."""


def corrected_metrics() -> list[str]:
    """Return the names of scores of probabilities that a prior correction changes."""
    return [name for name, metric in METRICS.items() if metric.priors and not metric.at_threshold]


@dataclass(frozen=True)
class Score:
    """A number of the leaderboard, and whether it is the best of its column."""

    text: str
    best: bool


def class_counts(comparison: Comparison) -> list[dict[str, Any]]:
    """Rows of each class, most first: its share of all rows, and of the largest class for the length of a bar."""
    problem = comparison.problem
    rows = [
        {
            "label": label,
            "count": count,
            "share": count / problem["n_rows"],
            "bar": count / max(problem["counts"]),
            "rare": code == comparison.rare,
        }
        for code, (label, count) in enumerate(zip(problem["classes"], problem["counts"]))
    ]
    return sorted(rows, key=lambda row: -row["count"])


def columns_of(comparison: Comparison, show_values: bool) -> list[dict[str, Any]]:
    """Return what was found in the columns; the levels that were pooled by name only where values may be shown."""
    columns = comparison.problem["columns"]
    if show_values:
        return columns
    hidden = [without_levels(column["note"] or "") for column in columns]
    return [column | {"note": note} for column, note in zip(columns, hidden, strict=True)]


def problem_of(comparison: Comparison, show_values: bool) -> dict[str, Any]:
    """Return what was found in the data, with cells in it only where values may be shown."""
    problem = {**comparison.problem, "columns": columns_of(comparison, show_values)}
    problem["findings"] = comparison.findings
    if show_values:
        return problem
    hide = hiding(comparison, show_values)
    hidden = [
        found | {key: hide(found[key]) for key in ("evidence", "remedy", "text") if key in found}
        for found in comparison.findings
    ]
    return problem | {"findings": hidden, "notes": [hide(note) for note in problem["notes"]]}


def hiding(comparison: Comparison, show_values: bool) -> Callable[[str], str]:
    """Return what replaces cells in a sentence on the table, unless values may be shown."""
    if show_values:
        return str
    problem = comparison.problem
    columns = [column["column"] for column in problem["columns"]]
    named = {name for found in comparison.findings for name in found["columns"]}
    names = {*columns, *problem["classes"], *problem["roles"].values(), *named, *comparison.protocol.recipes}
    return lambda text: without_values(text, names)


def ordered_metrics(comparison: Comparison) -> list[str]:
    """Metric names: those at a threshold, then those without; the chosen one first of its kind."""
    return sorted(METRICS, key=lambda name: (not METRICS[name].at_threshold, name != comparison.metric))


def leaderboard(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a recipe, best first, its scores by metric."""
    board, near = comparison.leaderboard, comparison.near_best
    rounded = board[list(METRICS)].round(3)
    best = {name: getattr(rounded[name], "max" if m.greater_is_better else "min")() for name, m in METRICS.items()}
    same = ("recipe", "description", "low", "high", "rank", "seconds", "predicting")
    return [
        {
            **{name: row[name] for name in same},
            "in_folds": in_folds(comparison, row["recipe"]),
            "at_best": Score(number(row[comparison.chosen]), place == 0),
            "winner": row["recipe"] == comparison.winner and not comparison.obstacle,
            "near": row["recipe"] in near,
            "scores": {name: Score(number(row[name]), rounded[name].iloc[place] == best[name]) for name in METRICS},
        }
        for place, (_, row) in enumerate(board.iterrows())
    ]


def three_readings(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a recipe: each tunable score by its own decision, prior-corrected, and with tuned thresholds."""
    return [
        {
            "recipe": row["recipe"],
            "scores": [tuple(number(row[column]) for column in (m, f"prior_{m}", f"tuned_{m}")) for m in TUNED_FOR],
        }
        for _, row in comparison.leaderboard.iterrows()
    ]


def corrected_probabilities(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a recipe: each score of probabilities as they are, and prior-corrected."""
    return [
        {"recipe": row["recipe"], "scores": [(number(row[m]), number(row[f"prior_{m}"])) for m in corrected_metrics()]}
        for _, row in comparison.leaderboard.iterrows()
    ]


def by_class(comparison: Comparison, recipe: str, counts: Floats) -> list[dict[str, Any]]:
    """Precision, recall, F1, Brier score and rows of each class, of the confusion counts of some decision."""
    summary = counts_summary(counts)
    repeats = sorted({c.repeat for c in comparison.cells if c.arm == recipe and c.error is None})
    labels = np.arange(len(comparison.classes))
    of_repeats = [(*comparison.out_of_fold(recipe, r), comparison.weights(recipe, r)) for r in repeats]
    briers = [class_brier_scores(codes, proba, labels=labels, sample_weight=w) for codes, proba, w in of_repeats]
    scores = {name: summary[name] for name in ("precision", "recall", "f1")} | {"brier": np.mean(briers, axis=0)}
    return [
        {
            "label": label,
            "rare": code == comparison.rare,
            "support": summary["support"][code],
            "scores": {name: float(values[code]) for name, values in scores.items()},
        }
        for code, label in enumerate(comparison.classes)
    ]


def confusion(comparison: Comparison, counts: Floats) -> list[dict[str, Any]]:
    """A row a true class: the mean count decided for each class, and its share of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        {
            "label": label,
            "cells": [{"count": counts[i, j], "share": shares[i, j], "hit": i == j} for j in range(len(counts))],
        }
        for i, label in enumerate(comparison.classes)
    ]


def made_rows(comparison: Comparison) -> list[dict[Any, Any]]:
    """One row a recipe, class and way of making rows, figures as means over folds and networks; none without a GAN."""
    made = comparison.made
    if made.empty or not (made["made_by"] == "GAN").any():
        return []
    means = made.groupby(["recipe", "class", "made_by"], sort=False)[list(MADE_ROWS)].mean().reset_index()
    return [{**row, "label": comparison.classes[row["class"]]} for row in means.to_dict("records")]


def failures(comparison: Comparison, show_values: bool) -> list[tuple[str, str, int]]:
    """Recipe, reason and number of cells, for all that failed; cells of the table only where they may be shown."""
    return _tally(comparison.failures, lambda cell: [cell.error], hiding(comparison, show_values))


def warnings(comparison: Comparison, show_values: bool) -> list[tuple[str, str, int]]:
    """Recipe, warning and number of cells that raised it; cells of the table only where they may be shown."""
    return _tally(comparison.cells, lambda cell: cell.notes, hiding(comparison, show_values))


def _tally(
    cells: list[Cell], messages: Callable[[Cell], Iterable[str | None]], hide: Callable[[str], str]
) -> list[tuple[str, str, int]]:
    found: dict[tuple[str, str], tuple[str, int]] = {}  # messages that differ in numbers only are told once
    for arm, message in ((cell.arm, hide(message or "")) for cell in cells for message in messages(cell)):
        key = arm, _NUMBERS.sub("#", message)
        first, times = found.get(key, (message, 0))
        found[key] = first, times + 1
    return [(recipe, message, times) for (recipe, _), (message, times) in found.items()]
