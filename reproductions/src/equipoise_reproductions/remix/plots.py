"""Figures 5 and 7: gains over the baseline by ratio, and what alpha does."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise.experiments.statistics import corrected_interval
from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise_reproductions.remix.claims import KINDS, by_alpha
from equipoise_reproductions.remix.tables import METRIC_TITLES, TITLES, gains

_BAR = 0.2
_WIDTH = 860


def gain_bars(scores: pd.DataFrame) -> Figure:
    """Figure 5: mean gain of each method over the baseline by ratio; G-mean above, balanced Brier below."""
    kinds = [kind for kind in KINDS if kind in set(scores["kind"])]
    figure = new_figure(560, _WIDTH)
    panels = figure.subplots(2, len(kinds), squeeze=False)
    with drawing():
        for row, metric in enumerate(("g_mean", "bbs")):
            for column, kind in enumerate(kinds):
                panel, table = panels[row, column], gains(scores, metric, kind)
                calm(panel, grid="y")
                places = np.arange(len(table.columns))
                for number, (name, values) in enumerate(table.iterrows()):
                    offset = (number - (len(table) - 1) / 2) * _BAR
                    panel.bar(places + offset, values, _BAR * 0.92, color=SERIES[number], label=TITLES[str(name)])
                panel.axhline(0, color=INK, linewidth=1)
                panel.set_xticks(places, table.columns)
                panel.set_title(f"{METRIC_TITLES[metric]} gain, {kind}", fontsize=FONT, color=INK, loc="left")
        legend(figure, panels[0, 0])
    return figure


def alpha_curves(scores: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Figure 7: G-mean and balanced Brier against alpha, a panel a data set and a curve a ratio, with intervals."""
    figure = new_figure(560, _WIDTH)
    panels = figure.subplots(2, len(titles), squeeze=False, sharex=True)
    with drawing():
        for row, metric in enumerate(("g_mean", "bbs")):
            for column, (start, title) in enumerate(titles.items()):
                panel = panels[row, column]
                calm(panel)
                part = scores[scores["problem"].str.startswith(start)]
                _curves(panel, {str(ratio): by_alpha(p, metric) for ratio, p in part.groupby("ratio")})
                panel.set_title(f"{METRIC_TITLES[metric]}, {title}", fontsize=FONT, color=INK, loc="left")
        for panel in panels[-1]:
            panel.set_xlabel("alpha", color=MUTED)
        legend(figure, panels[0, 0])
    return figure


def _curves(panel: Axes, by_ratio: dict[str, pd.DataFrame]) -> None:
    for (ratio, table), colour in zip(by_ratio.items(), SERIES):
        mean, low, high = np.transpose([corrected_interval(table[alpha], test_share=0.5) for alpha in table])
        panel.plot(table.columns, mean, "o-", color=colour, linewidth=2, markersize=5, label=f"N+/N- = {ratio}")
        if len(table) > 2:  # an interval from two halves is wider than the panel
            panel.fill_between(table.columns, low, high, color=colour, alpha=0.15, linewidth=0)
