"""The history of a row search as a chart: accepted steps, objective and subset size."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import GROUND, INK, MUTED, RULE, SERIES, drawing
from equipoise.text import listed

_WIDTH, _HEIGHT = 860, 520  # px
_WIDE_RANGE = 30.0  # objectives that differ by a greater factor are drawn on a logarithmic axis
_ON_PAPER = {
    INK: "#1a1d21",
    MUTED: "#5b636d",
    RULE: "#e3e6ea",
    GROUND: "#ffffff",
    SERIES[0]: "#0a6ab8",
    SERIES[1]: "#c8540a",
}


def search_chart(history: pd.DataFrame) -> Figure:
    """Draw the history of a row search such as MUBO's.

    The upper panel shows the objective of every outer step: a line joins the accepted steps of each restart, crosses
    mark rejected steps. The lower panel shows the number of majority-class rows accepted so far by each restart.

    Parameters
    ----------
    history : DataFrame
        As `equipoise.MUBO.history_`: one row per step of each restart, with columns ``restart``, ``step``,
        ``accepted``, ``objective`` and ``size``.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for a notebook, or to be saved with ``savefig``.

    Raises
    ------
    ValueError
        If the history has no rows, or lacks a column.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import MUBO
    >>> from equipoise.reports.search import search_chart
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> mubo = MUBO(max_iter=5, max_epochs=1, random_state=0)
    >>> X_small, y_small = mubo.fit_resample(X, y)
    >>> len(search_chart(mubo.history_).axes)
    2
    """
    figure = search_figure(history)
    for panel in figure.axes:
        panel.tick_params(colors=_ON_PAPER[MUTED], grid_color=_ON_PAPER[RULE], which="both")
    for artist in figure.findobj():
        _paint(artist)
    return figure


def search_figure(history: pd.DataFrame) -> Figure:
    """Draw a `search_chart` in placeholder colours, which a page replaces with its own."""
    _check(history)
    with drawing():
        figure = new_figure(_HEIGHT, _WIDTH)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
        for panel, title in ((above, "objective"), (below, "majority-class rows accepted")):
            calm(panel)
            panel.set_title(title, fontsize=FONT, color=INK, loc="left")
        for number, (_, steps) in enumerate(history.groupby("restart")):
            _objective(above, steps.sort_values("step"), first=number == 0)
            _size(below, steps.sort_values("step"))
        below.set_xlabel("outer step", color=MUTED)
        below.set_ylim(bottom=0)
        known = history["objective"]
        if known.min() > 0 and known.max() > _WIDE_RANGE * known.min():
            above.set_yscale("log")
        legend(figure, above)
    return figure


def _check(history: pd.DataFrame) -> None:
    lacking = {"restart", "step", "accepted", "objective", "size"} - set(history.columns)
    if lacking:
        raise ValueError(
            f"history must be the history of a row search, but it lacks the columns {listed(sorted(lacking))}."
        )
    if history.empty:
        raise ValueError("history must have at least one row, one per outer step, but it is empty.")


def _objective(panel: Axes, steps: pd.DataFrame, *, first: bool) -> None:
    accepted = steps["accepted"].to_numpy(dtype=bool)
    x, y = steps["step"].to_numpy(), steps["objective"].to_numpy()
    kinds: tuple[tuple[Any, str, str, dict[str, Any]], ...] = (
        (accepted, "o-", "accepted (one line per restart)", {"linewidth": 1.4, "markersize": 5, "alpha": 0.8}),
        (~accepted, "x", "rejected", {"markersize": 4.5, "markeredgewidth": 1.2, "alpha": 0.7}),
    )
    for (rows, mark, label, style), colour in zip(kinds, SERIES):
        panel.plot(x[rows], y[rows], mark, color=colour, label=label if first else None, **style)


def _size(panel: Axes, steps: pd.DataFrame) -> None:
    """The size stands after a step, so it changes there; restarts that end early end with a dot."""
    x, y = steps["step"].to_numpy(), steps["size"].to_numpy()
    first = steps.iloc[0]
    brought = first["proposed"] if first["accepted"] and "proposed" in steps else 0
    before = np.r_[x[0] - 1, x], np.r_[y[0] - brought, y]
    panel.step(*before, where="post", color=SERIES[0], linewidth=1.4, alpha=0.8)
    panel.plot(x[-1:], y[-1:], "o", color=SERIES[0], markersize=4)


def _paint(artist: Any) -> None:
    """Give an artist that is drawn in a page's colours those of the page in the light."""
    for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
        if not hasattr(artist, f"get_{name}"):
            continue
        try:
            colour = to_hex(getattr(artist, f"get_{name}")())
        except (TypeError, ValueError):  # of many parts, or of none
            continue
        if colour in _ON_PAPER:
            getattr(artist, f"set_{name}")(_ON_PAPER[colour])
