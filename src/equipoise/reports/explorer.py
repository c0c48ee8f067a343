"""`explore.html`: thresholds, capacities and costs to try, from held-out counts by score; no row is in the page."""

import base64
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from equipoise.decisions import Aim
from equipoise.decisions.terms import OUTCOMES
from equipoise.experiments import METRICS, Comparison, shipped
from equipoise.experiments.outcome import PER
from equipoise.experiments.statistics import Interval
from equipoise.experiments.terms import InTerms
from equipoise.files import replace_file
from equipoise.reports.curves import weight_above
from equipoise.reports.page import template
from equipoise.reports.terms import capacity_share
from equipoise.reports.text import clean, short

_MOST_POINTS = 400  # thresholds of a recipe
_TERMS = {"--cost", "--benefit", "--capacity", "--min-recall", "--min-precision"}


def write_explorer(comparison: Comparison, path: Path, *, command: str = "") -> None:
    """Write the page, one file that needs no network, with a script that only its hash allows.

    The page completes ``command``, that of the comparison, to one that fits the setting.
    """
    folder = files("equipoise.reports") / "templates"
    script, style = ((folder / name).read_text("utf-8") for name in ("explore.js", "explore.css"))
    # Data in which no text can end the element that holds it.
    data = json.dumps(explorer_data(comparison, command), ensure_ascii=False).replace("<", "\\u003c")
    page = template("explore.html.j2").render(
        name=clean(short(comparison.problem["name"], 60)),
        made_by=comparison.versions["equipoise"],
        script=Markup(script),
        style=Markup(style),
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=Markup(data.replace("\u2028", " ").replace("\u2029", " ")),
        per=PER,
    )
    replace_file(path, page)


def explorer_data(comparison: Comparison, command: str = "") -> dict[str, Any]:
    """Return what the page holds: for each recipe, its decision, counts of held-out rows by score, and commands."""
    winner = InTerms.of(comparison)
    p, costs = winner.positive, winner.costs
    binary = len(comparison.classes) == 2
    places = (p, 1 - p), (1 - p, p), (p, p), (1 - p, 1 - p)
    known = [float(costs[place]) for place in places] if binary else [20.0, 1.0, 0.0, 0.0]
    return {
        "label": clean(short(comparison.classes[p])),
        "per": PER,
        "cost": dict(zip(OUTCOMES, known)),
        "binary": binary,
        "table": comparison.aim.costs is not None and not binary,
        "capacity": capacity_share(comparison),
        "limit": _limit(comparison.aim),
        "aim": clean(_aim(comparison)),
        "saved": not (comparison.obstacle or comparison.not_saved),
        "winner": clean(winner.recipe),
        "blind": [{"name": name} | _figures(found) for name, found in winner.blind().items()],
        "recipes": [
            {"name": clean(name), "command": _base(command, name, winner.recipe)}
            | {"given": _base(command, name, winner.recipe, left_out=set())}
            | {"decided": _decided(comparison, name)}
            | counts_by_score(comparison, name)
            for name in (comparison.by_terms.read if comparison.aim.decides else comparison.leaderboard["recipe"])
        ],
    }


def _aim(comparison: Comparison) -> str:
    """Say how the recipes decide in the report."""
    if comparison.aim.decides:
        return f"Each decides by the terms of the report: {comparison.aim}."
    return f"Each decides as it does best by {METRICS[comparison.metric].title}, for want of costs or other terms."


def _decided(comparison: Comparison, recipe: str) -> dict[str, float | None]:
    """Return the threshold of a recipe's model, and the figures of the report, which are means over folds."""
    return {"threshold": shipped.threshold(comparison, recipe)} | _figures(shipped.outcomes(comparison, recipe))


def _figures(outcomes: Mapping[str, Interval]) -> dict[str, float | None]:
    return {name: None if np.isnan(each.mean) else each.mean for name, each in outcomes.items()}


def _limit(aim: Aim) -> str | None:
    """Return the capacity that holds beside costs, as the command takes it."""
    if aim.capacity is None or aim.costs is None:
        return None
    return f"{100 * aim.capacity:.6g}%" if aim.capacity < 1 else str(int(aim.capacity))


def counts_by_score(comparison: Comparison, recipe: str) -> dict[str, Any]:
    """Return counts of held-out rows with a score above each of some thresholds, as means over repeats.

    ``thresholds`` fall from 1 to 0; ``caught`` and ``false`` are the rows above of the positive class and of others, of
    ``positives`` and ``negatives``.
    """
    read = InTerms.of(comparison, recipe)
    codes, proba, weights = read.joined(read.folds)
    scores, is_positive = proba[:, read.positive], codes == read.positive
    repeats = len({fold.repeat for fold in read.folds})
    values = np.unique(scores)
    if len(values) > _MOST_POINTS:  # half of the points among the positive rows, which are where decisions are made
        half = np.linspace(0, 1, _MOST_POINTS // 2)
        values = np.unique([*np.quantile(scores, half), *np.quantile(scores[is_positive], half)])
    cuts = np.unique(np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [1.0]]))[::-1]
    caught, false = (
        np.append(weight_above(scores[part], weights[part], cuts[:-1]), weights[part].sum()) / repeats
        for part in (is_positive, ~is_positive)
    )
    return {
        "thresholds": [float(f"{cut:.6g}") for cut in cuts],
        "caught": caught.round(3).tolist(),
        "false": false.round(3).tolist(),
        "positives": float(caught[-1]),
        "negatives": float(false[-1]),
    }


def _base(command: str, recipe: str, winner: str, left_out: set[str] = _TERMS) -> str:
    """Return the command without terms, or without other options; for another recipe than the winner, of it alone."""
    tokens = shlex.split(command)
    if tokens[:2] != ["equipoise", "compare"]:
        return ""
    tokens = _without(tokens, left_out)
    if recipe != winner:
        tokens = [*_without(tokens, {"--recipes"}), "--recipes", recipe]
    return clean(shlex.join(tokens))


def _without(tokens: Sequence[str], options: set[str]) -> list[str]:
    """Drop options with all of their values, in either form, ``--option value`` or ``--option=value``."""
    kept, dropping = [], False
    for token in tokens:
        if token.startswith("--"):
            dropping = token.partition("=")[0] in options
            if dropping and "=" in token:
                dropping = False
                continue
        if not dropping:
            kept.append(token)
    return kept


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
