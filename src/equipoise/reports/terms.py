"""The report's page of alarms and money: outcomes by capacity, gain and cost curves, the threshold, rows to review."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.by_terms import TITLES
from equipoise.experiments.outcome import PER
from equipoise.experiments.statistics import Interval
from equipoise.experiments.terms import CAPACITIES, OUTCOMES, HeldOutFold, InTerms
from equipoise.reports import plots
from equipoise.reports.curves import THRESHOLDS, Floats, weight_above
from equipoise.reports.strength import side_by_side
from equipoise.reports.svg import INK, MUTED, SERIES, drawing, inline
from equipoise.reports.text import short
from equipoise.reports.verdict import threshold
from equipoise.text import amount, count, exact, number, percent

SHOWN_ROWS = 10
"""Rows of `reviewed`."""

_TITLES = {name: name for name in OUTCOMES} | {"false": "false alarms", "recall": "share caught"}


def _title(comparison: Comparison, outcome: str) -> str:
    """Return the head of a column; of several classes, what has no alarm may have the decision for a third class."""
    return "other decision" if outcome == "missed" and len(comparison.classes) > 2 else _TITLES[outcome]


def in_terms(comparison: Comparison, reviewed: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return what the section shows of the winner; ``reviewed`` are rows of `rows_to_review`, if wanted."""
    read = InTerms.of(comparison)
    label, found = comparison.classes[read.positive], read.range_of_threshold()
    stated = comparison.aim.decides
    shown = [name for name in OUTCOMES if name != "cost" or not read.assumed or _in_costs(read)]
    rows = [("your terms" if stated else "lowest cost", read.chosen())]
    if not stated:
        rows.insert(0, ("as the model decides", shipped.outcomes(comparison, read.recipe)))
    rows += [(f"{count(alarms)} alarms", read.at_capacity(alarms)) for alarms in CAPACITIES]
    rows += _blind(read).items()
    return {
        "recipe": read.recipe,
        "label": label,
        "stated": stated,
        "aim": str(read.aim),
        "shipped": _shipped(comparison, read.recipe),
        "threshold": found,
        "cut_is_least": read.cut_is_least,
        "range": read.range_in_words(),
        "times": read.costs.max(),
        "share": sum(rows[0][1][name].mean for name in ("caught", "missed")) / PER,
        "folds": "the folds before" if comparison.protocol.by_time else "the other folds",
        "batch": None if read.rule.capacity is None else read.batch,
        "titles": [_title(comparison, name) for name in shown],
        "rows": [(title, [_cell(name, values[name]) for name in shown]) for title, values in rows],
        "n_blind": len(_blind(read)),
        "same": _at_same_capacity(comparison),
        "by_recipe": _by_recipe(comparison, shown) if stated else None,
        "decisions": _decisions(comparison) if stated else None,
        "plots": _plots(read, short(label)),
        "costs": _table_of_costs(comparison, read),
        "reviewed": None if reviewed is None else reviewed.astype(str).to_dict("split"),
    }


def _shipped(comparison: Comparison, recipe: str) -> str:
    """Say how the model of a recipe decides without terms."""
    metric = METRICS[comparison.metric]
    if not metric.at_threshold:
        return "decides for the most probable class"
    return f"decides as it does best by {metric.title}. {threshold(comparison, recipe)}".removesuffix(". ")


def _table_of_costs(comparison: Comparison, read: InTerms) -> dict[str, Any] | None:
    """Return the stated costs of several classes, and the total of the confusion matrix by them, to be added up."""
    if len(read.costs) == 2 or read.assumed:
        return None
    counts = shipped.confusion(comparison, read.recipe)
    return {
        "rows": [(label, [exact(value) for value in row]) for label, row in zip(comparison.classes, read.costs)],
        "total": float((counts * read.costs).sum()),
        "of": float(counts.sum()),
        "mean": read.chosen()["cost"].mean,
    }


def _by_recipe(comparison: Comparison, shown: list[str]) -> dict[str, Any]:
    """Return a line a recipe that decides by the user's terms, best first, and of decisions that look at no feature."""
    found = comparison.by_terms
    lines = [(name, name in found.near_best, read.chosen()) for name, read in found.read.items()]
    lines += [(name, False, values) for name, values in _blind(found.read[found.best]).items()]
    return {
        "goal": TITLES[found.goal],
        "rows": [(name, near, [_cell(each, values[each]) for each in shown]) for name, near, values in lines],
    }


def _decisions(comparison: Comparison) -> list[tuple[str, list[str]]] | None:
    """Return how many of `PER` rows each recipe decides for each of several classes, then how many are of each."""
    if len(comparison.classes) == 2:
        return None
    found, first = comparison.by_terms, InTerms.of(comparison)
    lines = [(name, read.decisions) for name, read in found.read.items()]
    masses = [np.bincount(fold.codes, fold.weights, len(comparison.classes)) for fold in first.folds]
    lines.append(("true classes", PER * np.mean([mass / mass.sum() for mass in masses], axis=0)))
    return [(name, [number(value, 1) for value in values]) for name, values in lines]


def _at_same_capacity(comparison: Comparison) -> dict[str, Any]:
    """Return share caught and precision of the recipes side by side, by alarms of `PER` rows, the user's first."""
    shown: dict[str, float] = {f"{count(alarms)} alarms": alarms for alarms in CAPACITIES}
    if (own := capacity_share(comparison)) is not None:
        shown = {"your capacity": PER * own} | shown
    rows = []
    for name, part in side_by_side(comparison).items():
        read = InTerms.of(comparison, name)
        found = [read.at_capacity(alarms) for alarms in shown.values()]
        cells = [(*_cell("recall", each["recall"]), percent(each["precision"].mean)) for each in found]
        rows.append((name, part, cells))
    return {"titles": list(shown), "rows": rows}


def capacity_share(comparison: Comparison) -> float | None:
    """Return the user's capacity as a share of rows; a number of rows counts in a batch of a test fold."""
    capacity = comparison.aim.capacity
    if capacity is None or capacity < 1:
        return capacity
    return min(1.0, capacity / InTerms.of(comparison).batch)


def terms_data(comparison: Comparison) -> dict[str, Any]:
    """Return the numbers of the section: decision, outcomes with intervals, gain and cost curves by fold."""
    read = InTerms.of(comparison)
    grid = np.linspace(0, 1, 101)
    outcomes = {"decision": shipped.outcomes(comparison, read.recipe)}
    if not comparison.aim.decides:
        outcomes["lowest_cost"] = read.chosen()
    outcomes |= {str(alarms): read.at_capacity(alarms) for alarms in CAPACITIES}
    outcomes |= read.blind()
    side = {name: InTerms.of(comparison, name) for name in side_by_side(comparison)}
    found = read.range_of_threshold()
    data: dict[str, Any] = {
        "recipe": read.recipe,
        "positive": comparison.classes[read.positive],
        "aim": str(read.aim),
        "assumed": read.assumed,
        "costs": read.costs,
        ("threshold" if comparison.aim.decides else "threshold_of_lowest_cost"): None
        if found is None
        else dict(zip(("chosen", "lowest", "highest"), found)),
        "per": PER,
        "outcomes": {line: _as_data(values) for line, values in outcomes.items()},
        "at_the_same_capacity": {
            name: {str(alarms): _as_data(each.at_capacity(alarms)) for alarms in CAPACITIES}
            for name, each in side.items()
        },
        "gain": {"alarms": grid, "caught": [_caught(read, fold, grid) for fold in read.folds]},
    }
    if comparison.aim.decides:
        ranked = comparison.by_terms
        data["by_recipe"] = {name: _as_data(of.chosen()) for name, of in ranked.read.items()}
        data["decisions"] = {name: dict(zip(comparison.classes, of.decisions)) for name, of in ranked.read.items()}
        data["ranked_by"], data["not_significantly_different_from_best"] = ranked.goal, ranked.near_best
    if len(read.costs) == 2:
        data["cost"] = {"threshold": THRESHOLDS, "cost": [cost_curve(read, fold) for fold in read.folds]}
    return data


def _as_data(outcomes: dict[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: value._asdict() for name, value in outcomes.items()}


def _blind(read: InTerms) -> dict[str, dict[str, Interval]]:
    """Return the outcomes of decisions that look at no feature, where costs compare them."""
    return read.blind() if _in_costs(read) or not read.assumed else {}


def _in_costs(read: InTerms) -> bool:
    """Whether costs of alarms and misses say all: of two classes, and stated or assumed for want of any terms."""
    return len(read.costs) == 2 and not (read.assumed and read.comparison.aim.decides)


def _cell(name: str, value: Interval) -> tuple[str, str]:
    """Return a mean and its interval as text."""
    if name in ("recall", "precision"):
        texts = [percent(part) for part in value]
    else:
        texts = [amount(part) for part in value]
    return texts[0], f"{texts[1]} to {texts[2]}" if texts[1] != texts[2] else ""


def rows_to_review(comparison: Comparison, ids: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of the first held-out fold that a reviewer would see first.

    ``ids`` are columns that name the rows; without them it is the number of the row.
    """
    read = InTerms.of(comparison)
    fold = read.folds[0]
    first = np.argsort(-fold.proba[:, read.positive], kind="stable")[:SHOWN_ROWS]
    numbers = fold.rows[first]
    named = pd.DataFrame({"row": numbers + 1}) if ids is None else ids.iloc[numbers].reset_index(drop=True)
    decided = read.rules[0].decide(fold.proba, fold.weights)[first]
    return named.assign(
        probability=[f"{value:.3g}" for value in fold.proba[first, read.positive]],
        decided=[comparison.classes[code] for code in decided],
        true=[comparison.classes[code] for code in fold.codes[first]],
    )


def _plots(read: InTerms, label: str) -> dict[str, Markup]:
    with drawing():
        found = {"gain": inline(_gain(read, label), "gain", f"Share of {label} caught, by share of rows with an alarm")}
        if _in_costs(read):
            found["cost"] = inline(_cost(read, label), "cost", f"Cost per {PER} rows against the threshold")
        return found


def _gain(read: InTerms, label: str) -> Figure:
    """Share of the positive class that is caught, against the share of rows with an alarm; a line a fold."""
    figure, axes = plots.panel(360)
    grid = np.linspace(0, 1, 201)
    _draw_folds(axes, grid, [_caught(read, fold, grid) for fold in read.folds], SERIES[0])
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)), label="guessing")
    decided = shipped.outcomes(read.comparison, read.recipe)
    axes.plot(decided["alarms"].mean / PER, decided["recall"].mean, "o", color=INK, markersize=8, label="decision")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    axes.set_xlabel("share of rows with an alarm", color=MUTED)
    axes.set_ylabel(f"share of “{short(label, 16)}” caught", color=MUTED, parse_math=False)
    plots.legend(figure, axes)
    return figure


def _draw_folds(axes: Axes, x: Floats, curves: Sequence[Floats], colour: str) -> None:
    axes.fill_between(x, np.min(curves, axis=0), np.max(curves, axis=0), color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, np.mean(curves, axis=0), color=colour, linewidth=2, label="mean and range of folds")


def _caught(read: InTerms, fold: HeldOutFold, grid: Floats) -> Floats:
    order = np.argsort(-fold.proba[:, read.positive], kind="stable")
    weights = fold.weights[order]
    rows, caught = (
        np.append(0.0, np.cumsum(part)) for part in (weights, weights * (fold.codes[order] == read.positive))
    )
    return np.interp(grid, rows / rows[-1], caught / max(caught[-1], 1e-12))


def _cost(read: InTerms, label: str) -> Figure:
    """Cost per `PER` rows against the threshold; mean and range of folds."""
    figure, axes = plots.panel(360)
    curves = [cost_curve(read, fold) for fold in read.folds]
    _draw_folds(axes, THRESHOLDS, curves, SERIES[1])
    found = read.range_of_threshold()
    if found is not None:
        chosen, low, high = found
        what = "decision" if read.comparison.aim.decides else "lowest cost"
        at = np.interp(chosen, THRESHOLDS, np.mean(curves, axis=0))
        axes.axvspan(low, high, color=MUTED, alpha=0.15, linewidth=0)
        axes.plot(chosen, at, "o", color=INK, markersize=8, label=f"{what}, and those of the folds")
    plots.threshold_axis(axes)
    axes.set_xlabel(f"threshold on the probability of “{short(label, 16)}”", color=MUTED, parse_math=False)
    axes.set_ylabel(f"cost of {PER:,} rows", color=MUTED)
    plots.legend(figure, axes)
    return figure


def cost_curve(read: InTerms, fold: HeldOutFold) -> Floats:
    """Return the cost of `PER` rows of a fold at each of the report's thresholds, of two classes."""
    total = np.zeros(len(THRESHOLDS))
    for true in (0, 1):
        rows = fold.codes == true
        alarms = weight_above(fold.proba[rows, read.positive], fold.weights[rows], THRESHOLDS)
        costs = read.costs[true]
        total += alarms * costs[read.positive] + (fold.weights[rows].sum() - alarms) * costs[1 - read.positive]
    return PER * total / fold.weights.sum()
