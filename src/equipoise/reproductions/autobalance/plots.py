"""The trade-off of error and fairness, and what either side of a split says along a search."""

import pandas as pd
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise.reproductions.autobalance.arms import LAMBDAS, TITLES, blend
from equipoise.reproductions.autobalance.splits import SHARES, SIDES

_WIDTH = 860
_MARKS = "s^DvPX"


def trade_off(scores: pd.DataFrame) -> Figure:
    """DEO against balanced error, means over folds: a line along lambda, a mark for every other method."""
    means = scores.groupby("method")[["error", "deo"]].mean()
    swept = [blend(weight) for weight in LAMBDAS]
    figure = new_figure(380, _WIDTH)
    with drawing():
        axes = figure.add_subplot()
        calm(axes)
        axes.plot(means.loc[swept, "error"], means.loc[swept, "deo"], "o-", color=SERIES[0], linewidth=2,
                  label="AutoBalance by sex, along lambda")  # fmt: skip
        for weight in LAMBDAS:
            axes.annotate(f"{weight:g}", tuple(means.loc[blend(weight)]), (-7, -12), textcoords="offset points",
                          color=MUTED, fontsize=FONT - 2)  # fmt: skip
        for mark, (name, point) in zip(_MARKS, means.drop(index=swept).iterrows()):
            axes.plot(point["error"], point["deo"], mark, color=SERIES[1], markersize=8, label=TITLES[str(name)])
        axes.set_xlabel("balanced error", color=MUTED)
        axes.set_ylabel("DEO", color=MUTED)
        axes.margins(0.1)
        legend(figure, axes)
    return figure


def courses(looks: pd.DataFrame, searched: str) -> Figure:
    """Fairness on the training, validation and test rows along searches, a row a set and a panel a share."""
    names = list(dict.fromkeys(looks["set"]))
    figure = new_figure(250 * len(names) + 30, _WIDTH)
    panels = figure.subplots(len(names), len(SHARES), squeeze=False, sharex=True, sharey="row")
    with drawing():
        for row, name in zip(panels, names, strict=True):
            for panel, share in zip(row, SHARES, strict=True):
                calm(panel)
                part = looks[(looks["set"] == name) & (looks["share"] == share) & (looks["searched"] == searched)]
                means = part.pivot_table(index="step", columns="side", values="value")
                for side, color in zip(SIDES, SERIES):
                    panel.plot(means.index, means[side], color=color, linewidth=2, label=side)
                panel.set_title(f"{name}, {share} of the rows choose", fontsize=FONT, color=INK, loc="left")
            row[0].set_ylabel(part["fairness"].iloc[0], color=MUTED)
        for panel in panels[-1]:
            panel.set_xlabel("training step", color=MUTED)
        legend(figure, panels[0, 0])
    return figure
