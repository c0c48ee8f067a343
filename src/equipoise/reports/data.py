"""The report as data, `report.json`, and in twenty lines of Markdown, `summary.md`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from equipoise.describing import plain_json
from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.terms import InTerms
from equipoise.files import replace_file
from equipoise.reports import at_best, class_sizes, curves, figures, split, tables
from equipoise.reports.terms import terms_data
from equipoise.reports.verdict import threshold, verdict
from equipoise.reports.why import Groups, groups_of, reasons_of
from equipoise.text import between, count, counted, number

_LINES = 20
_NOTES = 6  # of them at most


def write_data(
    comparison: Comparison, path: Path, *, command: str, groups: Groups | None = None, show_values: bool = False
) -> None:
    """Write what the report holds as json; a number that is not finite is null.

    ``groups`` are the records of `by_group`. With ``show_values``, values of cells and names of categories may be in
    it.
    """
    found = plain_json(report_data(comparison, command, groups or {}, show_values))
    replace_file(path, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def report_data(comparison: Comparison, command: str, groups: Groups, show_values: bool) -> dict[str, Any]:
    """Return everything in the report, as numbers, texts, lists and dicts."""
    shown = figures.curves_of(comparison)
    rows = {name: figures.rare_rows(comparison, name) for name in shown}
    counts = {name: shipped.confusion(comparison, name) for name in comparison.recipes}
    return {
        "generator": f"equipoise {comparison.versions['equipoise']}",
        "command": command,
        "complete": comparison.complete,
        "seconds": comparison.seconds,
        "metric": comparison.metric,
        "verdict": verdict(comparison),
        "winner": None if comparison.obstacle else comparison.winner,
        "no_winner": comparison.obstacle or None,
        "tested": comparison.tested or None,
        "best": comparison.best,
        "not_significantly_different_from_best": comparison.near_best,
        "leaderboard": comparison.leaderboard.to_dict("records"),
        "at_its_best": {name: at_best.in_folds(comparison, name) for name in comparison.recipes},
        "thresholds": {name: comparison.at_best.thresholds(name) for name in comparison.recipes},
        "decision": at_best.decision(comparison) or at_best.own(comparison),
        "by_class": {name: tables.by_class(comparison, name, counts[name]) for name in comparison.recipes},
        "confusion": counts,
        "confusion_of_own_decision": {name: comparison.confusion(name) for name in comparison.recipes},
        "by_class_size": class_sizes.by_group(comparison) if comparison.protocol.images else None,
        "precision_recall": {
            name: dict(zip(("recall", "precision"), curves.precision_recall(*rows[name]))) for name in shown
        },
        "reliability": {name: curves.reliability(*rows[name])._asdict() for name in shown},
        "synthetic_rows": tables.made_rows(comparison),
        "terms": terms_data(comparison),
        "why": reasons_of(comparison, show_values) | {"by_group": groups_of(groups, show_values)},
        "problem": tables.problem_of(comparison, show_values),
        "protocol": asdict(comparison.protocol),
        "metrics": {name: {"title": m.title, "definition": m.definition} for name, m in METRICS.items()},
        "failures": tables.failures(comparison, show_values),
        "warnings": tables.warnings(comparison, show_values),
        "versions": comparison.versions,
    }


def write_summary(comparison: Comparison, path: Path, *, command: str) -> None:
    """Write the verdict and the leaderboard as Markdown of at most 20 lines, for a pull request or an e-mail."""
    said, metric = verdict(comparison), METRICS[comparison.metric]
    kind = "images" if comparison.protocol.images else "rows"
    board = comparison.leaderboard.to_dict("records")
    said_of = " ".join(filter(None, (said.advice, said.more, said.readings)))
    head = [
        f"<!-- equipoise {comparison.versions['equipoise']} -->",
        f"**{_cell(said.best)}** {_cell(said_of)}",
        "",
        f"| recipe | {metric.title} at its best | 95% interval | {at_best.own(comparison)} | seconds a fit "
        "| per 10,000 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    tail = [split.on_test_part(comparison)] if comparison.tested else []
    if not comparison.obstacle and comparison.aim.decides:
        tail.append(f"Decision: {_cell(InTerms.of(comparison).sentence())}.")
    elif not comparison.obstacle and (cut := threshold(comparison, comparison.winner)) and cut not in head[1]:
        tail.append(_cell(cut))
    if comparison.not_saved:
        tail.append(_cell(said.use))
    tail += [f"Note: {_cell(note)}" for note in _fitting(comparison.protocol.notes, _NOTES)]
    lines = [
        f"| {_cell(row['recipe'])}{' =' if row['recipe'] in comparison.near_best else ''} "
        f"| {number(row[comparison.chosen])} | {between(row['low'], row['high'])} | {number(row[metric.name])} "
        f"| {number(row['seconds'], 2)} | {number(row['predicting'], 2)} |"
        for row in board[: _LINES - len(head) - len(tail) - 3]
    ]
    n = len(comparison.recipes)
    meaning = (
        f"= not significantly different from the best; {'' if len(lines) == n else f'the first {len(lines)} of '}"
        f"{counted(n, 'recipe')}, {count(comparison.problem['n_rows'])} {kind}, {comparison.protocol.n_folds} folds, "
        f"{counted(comparison.protocol.n_repeats, 'repeat')}. {_cell(at_best.at_its_best(comparison))}".strip()
    )
    lines = [*head, *lines, "", meaning, *tail]
    replace_file(path, "\n".join([*lines, f"`{_cell(command)}`"]) + "\n")


def _fitting(notes: Sequence[str], most: int) -> list[str]:
    """Return so many notes; the last tells of those that have no place."""
    if len(notes) <= most:
        return list(notes)
    return [*notes[: most - 1], f"{len(notes) - most + 1} more stand in report.html."]


def _cell(text: object) -> str:
    """Return a text on one line that breaks no table: names come from the data."""
    line = " ".join(str(text).split())
    return line.replace("|", "\\|").replace("<", "&lt;").replace("`", "'") if line else line
