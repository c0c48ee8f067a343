"""The report of a comparison: one HTML page that needs no network, no script and no other file."""

import shlex
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from equipoise.describing import python_lines
from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.readings import TUNED_FOR
from equipoise.files import first_bytes, replace_file
from equipoise.recipes import is_native
from equipoise.reports import class_sizes, figures, heat, tables, text
from equipoise.reports.at_best import decision, own, read_as
from equipoise.reports.pictures import Pictures
from equipoise.reports.split import division, on_test_part, question, weighed
from equipoise.reports.terms import in_terms
from equipoise.reports.verdict import verdict
from equipoise.reports.why import Groups, why
from equipoise.text import amount, between, count, number, percent, seconds

if TYPE_CHECKING:
    import pandas as pd

REPORT, EXPLORER, LEADERBOARD = "report.html", "explore.html", "leaderboard.csv"
PAGE_MARK = b'<meta name="generator" content="equipoise'
DATA, SUMMARY = "report.json", "summary.md"
_MARKS = {
    REPORT: PAGE_MARK,
    EXPLORER: PAGE_MARK,
    LEADERBOARD: b"recipe,",
    DATA: b'"generator": "equipoise',
    SUMMARY: b"<!-- equipoise",
}


def check_places(folder: Path) -> None:
    """Refuse a folder where the report or the leaderboard would replace a file of another origin."""
    for name, mark in _MARKS.items():
        path = folder / name
        if path.is_dir() or (path.exists() and mark not in first_bytes(path, 1000)):
            raise FileExistsError(f"{path} exists and was not written by equipoise: choose another folder (--out).")


def write_report(
    comparison: Comparison,
    path: Path,
    *,
    command: str,
    reviewed: "pd.DataFrame | None" = None,
    pictures: Pictures | None = None,
    reading: Mapping[str, Any] | None = None,
    groups: Groups | None = None,
    show_values: bool = False,
    explorer: bool = False,
) -> None:
    """Write the report of a finished or unfinished comparison as one self-contained HTML page.

    The page holds what was found in the data, the leaderboard with intervals, what prior correction and tuned
    thresholds would do, scores and confusions by class, precision-recall and reliability curves, figures of rows
    that a GAN made, and the protocol. The same comparison gives the same bytes. A report that is there already is
    replaced only by a whole new one.

    ``command`` is what to type to run the comparison again. ``reviewed`` are rows of `rows_to_review`, ``groups`` the
    records of `by_group`, ``reading`` the options of `read_table`, None where the table came from no file. With
    ``show_values`` the page may name the levels of categories and show other cells;
    ``explorer`` is whether `write_explorer` writes beside it. Raises OSError if it cannot be written; nothing is left
    behind then.

    >>> from equipoise.experiments import Comparison, Store
    >>> with Store(Path("demo/results.sqlite")) as store:  # doctest: +SKIP
    ...     write_report(Comparison(store), Path("demo/report.html"), command="equipoise compare --demo")
    """
    context = _context(comparison, command, reviewed, pictures, groups or {}, show_values)
    trusted = bool(context["results"] and context["results"]["trusted"])
    images = comparison.protocol.images
    model = (path.parent / "model").as_posix()
    code = "\n".join(python_lines(model, "new.csv", reading, trusted=trusted, images=images))
    replace_file(path, render(context | {"model": shlex.quote(model), "code": code, "explorer": explorer}))


def leaderboard_csv(comparison: Comparison, path: Path) -> None:
    """Write the leaderboard as csv, one row a recipe, best first; columns as in `Comparison.leaderboard`.

    Raises ValueError if no recipe has a result.
    """
    if not comparison.recipes:
        raise ValueError("A leaderboard needs at least one recipe with a result, but every cell is missing or failed.")
    replace_file(path, comparison.leaderboard.to_csv(index=False, lineterminator="\n"))


def render(context: dict[str, Any]) -> str:
    """Return the page's HTML."""
    return template("page.html.j2").render(context)


@cache
def template(name: str) -> Template:
    """Return a template of the reports."""
    environment = Environment(
        loader=PackageLoader("equipoise.reports", "templates"),
        autoescape=True,
        finalize=_clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats: list[Callable[..., str]] = [text.short, text.marked, amount, number, between, count, percent, seconds]
    environment.filters |= {function.__name__: function for function in formats}
    return environment.get_template(name)


def _clean(value: object) -> object:
    """Remove unprintable characters before values are escaped and printed."""
    return text.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _context(
    comparison: Comparison,
    command: str,
    reviewed: "pd.DataFrame | None",
    pictures: Pictures | None,
    groups: Groups,
    show_values: bool,
) -> dict[str, Any]:
    problem = tables.problem_of(comparison, show_values)
    counts = problem["counts"]
    return {
        "comparison": comparison,
        "made_by": comparison.versions["equipoise"],
        "problem": problem,
        "findings": problem["findings"],
        "protocol": comparison.protocol,
        "tested": on_test_part(comparison),
        "split": {"division": division(comparison), "question": question(comparison), "weighed": weighed(comparison)},
        "rare": {
            "label": comparison.classes[comparison.rare],
            "count": counts[comparison.rare],
            "share": counts[comparison.rare] / problem["n_rows"],
            "ratio": max(counts) / min(counts),
        },
        "classes": tables.class_counts(comparison),
        "metrics": METRICS,
        "made_definitions": tables.MADE_ROWS,
        "failures": tables.failures(comparison, show_values),
        "warnings": tables.warnings(comparison, show_values),
        "command": command,
        "examples": [] if pictures is None else pictures.examples(comparison),
        "mistakes": [] if pictures is None or not comparison.recipes else pictures.mistakes(comparison),
        "results": _results(comparison, reviewed, groups, show_values) if comparison.recipes else None,
    }


def _results(
    comparison: Comparison, reviewed: "pd.DataFrame | None", groups: Groups, show_values: bool
) -> dict[str, Any]:
    first = figures.shown_first(comparison)
    order = [*first, *(name for name in comparison.leaderboard["recipe"] if name not in first)]
    columns = tables.ordered_metrics(comparison)
    rare = {name: figures.rare_rows(comparison, name) for name in figures.curves_of(comparison)}
    counts = {name: shipped.confusion(comparison, name) for name in order}
    many = len(comparison.classes) > heat.MOST_IN_A_TABLE
    return {
        "verdict": verdict(comparison),
        "read_as": read_as(comparison, comparison.winner),
        "own": own(comparison),
        "trusted": is_native(comparison.winner),
        "first": first,
        "plots": figures.figures(comparison),
        "expected": {name: np.average(proba, weights=w) for name, (_, proba, w) in rare.items()},
        "decided": [name for name in columns if METRICS[name].at_threshold and name != comparison.metric],
        "threshold_free": [name for name in columns if not METRICS[name].at_threshold and name != comparison.metric],
        "leaderboard": tables.leaderboard(comparison),
        "tuned_metrics": TUNED_FOR,
        "readings": tables.three_readings(comparison),
        "corrected_metrics": tables.corrected_metrics(),
        "corrected": tables.corrected_probabilities(comparison),
        "decision": decision(comparison),
        "own_confusion": {name: tables.confusion(comparison, comparison.confusion(name)) for name in first if not many},
        "by_class": {name: tables.by_class(comparison, name, counts[name]) for name in order},
        "confusion": {} if many else {name: tables.confusion(comparison, counts[name]) for name in order},
        "heat": {name: heat.heat_map(comparison, name, counts[name]) for name in order} if many else {},
        "confused": {name: heat.largest_confusions(comparison, counts[name]) for name in order} if many else {},
        "sizes": class_sizes.by_group(comparison) if comparison.protocol.images else None,
        "made": tables.made_rows(comparison),
        "terms": in_terms(comparison, reviewed),
        "why": why(comparison, groups, show_values),
    }
