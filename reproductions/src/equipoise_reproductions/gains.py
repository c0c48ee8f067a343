"""Gains of methods over rivals, source by source."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from equipoise.experiments.scores import METRICS
from equipoise.reports.plots import calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise_reproductions.tables import by_family

_WIDTH = 860


def gain_dots(scores: pd.DataFrame, metrics: Sequence[str], pairs: Mapping[str, tuple[str, str]]) -> Figure:
    """Draw the gain of a method over a rival on each source, a panel a metric; right of the line it is better."""
    n = scores["family"].nunique()
    figure = new_figure(110 + 17 * n, _WIDTH)
    methods = sorted({method for pair in pairs.values() for method in pair})
    order = pd.Index([])
    with drawing():
        for panel, metric in zip(figure.subplots(1, len(metrics), sharey=True), metrics, strict=True):
            calm(panel, grid="x")
            table = by_family(scores, metric, methods)
            for color, (label, (method, rival)) in zip(SERIES, pairs.items(), strict=False):
                gain = METRICS[metric].sign * (table[method] - table[rival])
                order = order if len(order) else gain.sort_values().index
                panel.plot(
                    gain.reindex(order), np.arange(len(order)), "o", color=color, markersize=5, alpha=0.9, label=label
                )
            panel.axvline(0, color=INK, linewidth=1)
            panel.set_yticks(np.arange(len(order)), order)
            panel.set_xlabel(f"gain in {METRICS[metric].title}", color=MUTED)
        legend(figure, figure.axes[0])
    return figure
