"""Gains of MUBO set by set, and the ledger of the printed objective."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from equipoise.experiments.scores import METRICS
from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise.reproductions.sources import by_source

_WIDTH = 860
_SHOWN = ("g_mean", "macro_f1", "balanced_brier")


def gain_dots(scores: pd.DataFrame) -> Figure:
    """Gain of the recipe ``mubo`` over ``under`` and ``cost`` on each source, a panel a metric; right is better."""
    n = scores["family"].nunique()
    figure = new_figure(110 + 17 * n, _WIDTH)
    panels = figure.subplots(1, len(_SHOWN), sharey=True)
    order = None
    with drawing():
        for panel, metric in zip(panels, _SHOWN, strict=True):
            calm(panel, grid="x")
            sign = 1 if METRICS[metric].greater_is_better else -1
            table = by_source(scores, metric, ("under", "cost", "mubo"))
            gains = {rival: sign * (table["mubo"] - table[rival]) for rival in ("under", "cost")}
            order = gains["under"].sort_values().index if order is None else order
            for color, (rival, gain) in zip(SERIES, gains.items(), strict=False):
                panel.plot(gain.reindex(order), np.arange(len(order)), "o", color=color, markersize=5, alpha=0.9,
                           label=f"over {rival}")  # fmt: skip
            panel.axvline(0, color=INK, linewidth=1)
            panel.set_yticks(np.arange(len(order)), order)
            panel.set_xlabel(f"gain in {METRICS[metric].title}", color=MUTED)
        legend(figure, panels[0])
    return figure


def ledger_bars(entries: pd.DataFrame) -> Figure:
    """Mean change of the printed objective in an accepted step, split by what it comes from, a panel a set."""
    parts = {"training": "more training", "rows": "the new rows", "sample": "their share of the sample"}
    names = list(dict.fromkeys(entries["set"]))
    figure = new_figure(270, _WIDTH)
    with drawing():
        for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            calm(panel, grid="y")
            of_set = entries[entries["set"] == name]
            for side, part in enumerate((of_set["change"] <= 0, of_set["change"] > 0)):
                means = of_set.loc[part, list(parts)].mean()
                for number, key in enumerate(parts):
                    panel.bar(side + (number - 1) * 0.27, means[key], 0.25, color=SERIES[number],
                              label=parts[key] if side == 0 else None)  # fmt: skip
            panel.axhline(0, color=INK, linewidth=1)
            panel.set_xticks([0, 1], ["accepted", "rejected"])
            panel.set_title(name, fontsize=FONT, color=INK, loc="left")
        legend(figure, figure.axes[0])
    return figure
