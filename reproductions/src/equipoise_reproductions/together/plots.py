"""Gains of the parts and of their interactions, with intervals."""

import pandas as pd
from matplotlib.figure import Figure

from equipoise.experiments.scores import METRICS
from equipoise.reports.plots import calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise_reproductions.together.design import READINGS, SCORED, TERMS

_WIDTH = 1000


def effect_chart(found: pd.DataFrame) -> Figure:
    """Draw every main effect and interaction with its interval, a panel a metric; right of the line it is a gain."""
    figure = new_figure(330, _WIDTH)
    with drawing():
        for panel, name in zip(figure.subplots(1, len(SCORED), sharey=True), SCORED, strict=True):
            calm(panel, grid="x")
            for number, (reading, title) in enumerate(READINGS.items()):
                lines = (
                    found[(found["reading"] == reading) & (found["metric"] == name)].set_index("term").loc[list(TERMS)]
                )
                places = [len(TERMS) - 1 - i + (0.5 - number) * 0.3 for i in range(len(TERMS))]
                panel.hlines(places, lines["low"], lines["high"], color=SERIES[number], linewidth=2)
                panel.plot(lines["gain"], places, "o", color=SERIES[number], markersize=5, label=title)
            panel.axvline(0, color=INK, linewidth=1)
            panel.set_yticks(range(len(TERMS)), [term.replace("+", " x ") for term in reversed(TERMS)])
            panel.set_xlabel(f"gain in {METRICS[name].title}", color=MUTED)
        legend(figure, figure.axes[0])
    return figure
