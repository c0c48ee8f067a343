"""Plots of the MUBO reproduction: what a limit on the epochs of the inner loop does."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise_reproductions.mubo.claims import by_run
from equipoise_reproductions.mubo.protocol import CURVES, PAPER, Source, at_epochs
from equipoise_reproductions.mubo.results import NATURAL


def by_epochs(scores: pd.DataFrame, source: Source) -> pd.DataFrame:
    """F1 of MUBO as printed, natural test rows: a row a run and a column a limit on the epochs."""
    table = by_run(scores, source, NATURAL, "f1")
    limits = {at_epochs(epochs).name: epochs for epochs in CURVES.get(source.name, ())} | {PAPER.name: source.epochs}
    return table[[name for name in limits if name in table]].rename(columns=limits).sort_index(axis=1)


def epochs_curves(scores: pd.DataFrame, sources: Sequence[Source]) -> Figure:
    """Draw F1 against the limit on the epochs, a panel a data set: a dot a run, a line through their means."""
    with drawing():
        figure = new_figure(300, 860)
        for panel, source in zip(figure.subplots(1, len(sources), squeeze=False)[0], sources, strict=True):
            calm(panel)
            table = by_epochs(scores, source)
            panel.plot(table.columns, table.T, "o", color=SERIES[0], markersize=5, alpha=0.5)
            panel.plot(table.columns, table.mean(), color=SERIES[0], linewidth=2)
            panel.set_xscale("log")
            panel.set_xticks(list(table.columns), [f"{limit:g}" for limit in table.columns])
            panel.set_xticks([], minor=True)
            panel.set_xlabel("epochs of the inner loop, at most", color=MUTED)
            panel.set_title(f"macro-F1, {source.title}", fontsize=FONT, color=INK, loc="left")
    return figure
