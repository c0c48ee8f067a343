"""The report's page of reasons: which columns the winner uses, how it responds to them, and for whom it works."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from equipoise.experiments import METRICS, Comparison
from equipoise.experiments.by_terms import TITLES, goal_of
from equipoise.reports import plots
from equipoise.reports.svg import MUTED, SERIES, drawing, inline
from equipoise.reports.tables import hiding
from equipoise.reports.text import short
from equipoise.text import listed, number, percent

Groups = Mapping[str, Sequence[Mapping[str, Any]]]
"""Records of `equipoise.experiments.by_group`, by column."""

_SHOWN, _NAME = 20, 24  # groups of columns in the plot, and characters of their names
_SHARES = ("prior", "recall", "precision")


def why(comparison: Comparison, groups: Groups, show_values: bool) -> dict[str, Any] | None:
    """Return what the section shows; None where there is nothing to show."""
    reasons = reasons_of(comparison, show_values)
    if comparison.obstacle or not (reasons or groups):
        return None
    found = reasons.get("importance", [])
    return {
        "recipe": comparison.winner,
        "ranked_by": _ranked_by(comparison),
        "label": comparison.classes[comparison.aim.positive],
        "notes": reasons.get("notes", []),
        "n_columns": len(found),
        "together": [listed(map(repr, record["columns"])) for record in found if len(record["columns"]) > 1],
        "reasons": reasons if found else None,
        "plots": _plots(comparison, reasons) if found else {},
        "weighted": comparison.problem["weighted"],
        "numbered": not show_values and any(each["is_cell"] for records in groups.values() for each in records),
        "unnamed": not show_values and any(map(_is_named, reasons.get("curves", []))),
        "groups": {
            name: [_row(record) for record in records] for name, records in groups_of(groups, show_values).items()
        },
    }


def _ranked_by(comparison: Comparison) -> str:
    """Return what the winner was chosen by, as a title."""
    return TITLES[goal_of(comparison.aim)] if comparison.aim.decides else METRICS[comparison.metric].title


def reasons_of(comparison: Comparison, show_values: bool) -> dict[str, Any]:
    """Return what is known of the winner's reasons, categories by name only where values may be shown."""
    reasons = comparison.reasons if comparison.reasons.get("recipe") == comparison.winner else {}
    if show_values or not reasons:
        return reasons
    curves = [
        curve | {"values": _numbered("category", curve["values"])} if _is_named(curve) else curve
        for curve in reasons["curves"]
    ]
    hide = hiding(comparison, show_values)
    return reasons | {"curves": curves, "notes": [hide(note) for note in reasons["notes"]]}


def groups_of(groups: Groups, show_values: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the records of groups, those of cells by name only where values may be shown."""
    return {
        column: [
            dict(record) | {"value": record["value"] if show_values or not record["is_cell"] else name}
            for record, name in zip(records, _numbered("group", records))
        ]
        for column, records in groups.items()
    }


def _is_named(curve: Mapping[str, Any]) -> bool:
    """Whether the values of a curve are names of categories."""
    return curve["kind"] not in ("number", "date")


def _numbered(noun: str, values: Sequence[Any]) -> list[str]:
    return [f"{noun} {place}" for place in range(1, len(values) + 1)]


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    shares = [
        (
            percent(record[name]) if np.isfinite(record[name]) else "–",
            f"{percent(record[f'{name}_low'])} to {percent(record[f'{name}_high'])}"
            if np.isfinite(record[name])
            else "",
        )
        for name in _SHARES
    ]
    inside = record["prior_low"] <= record["predicted"] <= record["prior_high"]
    return {
        "value": record["value"],
        "rows": record["rows"],
        "share": percent(record["share"]),
        "shares": shares,
        "predicted": percent(record["predicted"]),
        "off": not inside,
    }


def _plots(comparison: Comparison, reasons: Mapping[str, Any]) -> dict[str, Markup]:
    label, curves = short(comparison.classes[comparison.aim.positive], 16), reasons["curves"]
    with drawing():
        first = reasons["importance"][0]
        said = f"Importance of columns, with 95% intervals; first: {_name(first['columns'])}, {number(first['mean'])}."
        found = {"importance": inline(_importance(comparison, reasons["importance"]), "importance", said)}
        of_gaps = [curve["missing"]["high"] for curve in curves if curve["missing"]]
        top = max([max(curve["high"]) for curve in curves] + of_gaps, default=1.0)
        for place, curve in enumerate(curves):
            name = _name(curve["columns"])
            draw = _levels if _is_named(curve) else _line
            figure = draw(curve, min(1.0, 1.05 * top), f"probability of “{label}”", name)
            found[f"response-{place}"] = inline(figure, f"response-{place}", f"Probability of {label} by {name}")
        return found


def _name(columns: Sequence[str]) -> str:
    more = f" + {len(columns) - 1}" if len(columns) > 1 else ""
    return short(columns[0], _NAME - len(more)) + more


def _importance(comparison: Comparison, records: Sequence[Mapping[str, Any]]) -> Figure:
    shown = records[:_SHOWN]
    means, lows, highs = (np.array([record[key] for record in shown]) for key in ("mean", "low", "high"))
    return plots.intervals(
        [_name(record["columns"]) for record in shown],
        means,
        lows,
        highs,
        near=lows > 0,
        line=0.0,
        label=f"{_ranked_by(comparison)}, change for the worse",
    )


def _line(curve: Mapping[str, Any], top: float, label: str, name: str) -> Figure:
    figure, axes = plots.panel(260)
    x = np.array(curve["values"], dtype=np.float64)
    axes.fill_between(x, curve["low"], curve["high"], color=SERIES[0], alpha=0.18, linewidth=0)
    axes.plot(x, curve["mean"], "o-", color=SERIES[0], linewidth=2, markersize=4)
    if gap := curve["missing"]:
        axes.axhline(gap["mean"], color=SERIES[1], linewidth=2, linestyle=(0, (4, 3)), label="cell is missing")
        plots.legend(figure, axes)
    axes.set_ylim(0, top)
    axes.locator_params(axis="x", nbins=5)
    if curve["kind"] == "date":
        ticks = np.linspace(x[0], x[-1], 4)
        axes.set_xticks(ticks, [str(np.datetime64(int(tick), "D")) for tick in ticks])
    axes.set_xlabel(name, color=MUTED, parse_math=False)
    axes.set_ylabel(label, color=MUTED, parse_math=False)
    return figure


def _levels(curve: Mapping[str, Any], top: float, label: str, _: str) -> Figure:
    names, gap = [short(value, 20) for value in curve["values"]], curve["missing"]
    figure, axes = plots.by_name([*names, "(missing)"] if gap else names, label)
    mean, low, high = (curve[key] + ([gap[key]] if gap else []) for key in ("mean", "low", "high"))
    rows, colors = np.arange(len(mean)), [SERIES[0]] * len(names) + ([SERIES[1]] if gap else [])
    axes.hlines(rows, low, high, color=colors, linewidth=6, alpha=0.18)
    axes.scatter(mean, rows, s=46, color=colors, zorder=3)
    axes.set_xlim(0, top)
    return figure
