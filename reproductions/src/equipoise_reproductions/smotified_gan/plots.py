"""F1 of the rare class, set by set and way by way."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, SERIES, drawing
from equipoise_reproductions.smotified_gan.protocol import TITLES
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND, means

_SHOWN = ("none", "smote", "gan", "smotified-gan")
_MARKS = ("o", "s", "^", "D")
_PANELS = (
    ("the authors' split and loss", AUTHORS, "mae"),
    ("logistic loss", AUTHORS, "logistic"),
    ("stratified folds, repaired", SOUND, "logistic"),
)


def f1_dots(scores: pd.DataFrame) -> Figure:
    """Draw the mean F1 of four methods, a row a set and a panel a way to run them."""
    names = list(scores["set"].unique())[::-1]
    with drawing():
        figure = new_figure(120 + 34 * len(names), 860)
        panels = figure.subplots(1, len(_PANELS), sharey=True)
        for panel, (title, split, loss) in zip(panels, _PANELS, strict=True):
            calm(panel, grid="x")
            table = means(scores, split, loss).reindex(names)
            for place, (method, mark, color) in enumerate(zip(_SHOWN, _MARKS, SERIES, strict=True)):
                rows = np.arange(len(names)) + 0.15 * (1.5 - place)  # apart, where scores are equal
                panel.plot(table[method], rows, mark, color=color, markersize=7, alpha=0.9, label=TITLES[method])
            panel.set_xlim(-0.04, 1.04)
            panel.set_yticks(np.arange(len(names)), names)
            panel.set_title(title, fontsize=FONT, color=INK, loc="left")
        legend(figure, panels[0])
    return figure
