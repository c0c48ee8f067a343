"""The trade-off of error and fairness, either side of a split along a search, and classes of images by frequency."""

from itertools import product
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, MUTED, SERIES, drawing
from equipoise_reproductions.autobalance.arms import DEFAULT, LAMBDAS, SOLVERS, STARTS, TITLES, autobalance, blend
from equipoise_reproductions.autobalance.splits import SHARES, SIDES

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
        axes.plot(
            means.loc[swept, "error"],
            means.loc[swept, "deo"],
            "o-",
            color=SERIES[0],
            linewidth=2,
            label="AutoBalance by sex, along lambda",
        )
        for weight in LAMBDAS:
            axes.annotate(
                f"{weight:g}",
                tuple(means.loc[blend(weight)]),
                (-7, -12),
                textcoords="offset points",
                color=MUTED,
                fontsize=FONT - 2,
            )
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


def by_class(classes: pd.DataFrame) -> Figure:
    """Error of each class against its training images, means over seeds, of four methods."""
    figure = new_figure(360, _WIDTH)
    axes = figure.add_subplot()
    with drawing():
        for name, color in zip(("none", "la-tuned", "ldam-drw", DEFAULT), SERIES, strict=True):
            _against_images(axes, classes[classes["method"] == name], "error", color=color, label=TITLES[name])
        axes.set_ylabel("error", color=MUTED)
        legend(figure, axes)
    return figure


def found(classes: pd.DataFrame) -> Figure:
    """The offsets and multipliers that searches found, means over seeds: a colour a start, CG dashed."""
    figure = new_figure(330, _WIDTH)
    panels = figure.subplots(1, 2)
    with drawing():
        for axes, (column, label) in zip(panels, {"l": "offset l", "delta": "multiplier delta"}.items(), strict=True):
            for (start, color), (solver, dash) in product(zip(STARTS, SERIES), zip(SOLVERS, ("-", (0, (3, 2))))):
                name = autobalance(start, solver)
                part = classes[classes["method"] == name]
                _against_images(axes, part, column, color=color, linestyle=dash, label=TITLES[name])
            axes.set_ylabel(label, color=MUTED)
        legend(figure, panels[0])
    return figure


def _against_images(axes: Axes, classes: pd.DataFrame, column: str, **style: Any) -> None:
    calm(axes)
    means = classes.groupby("images")[column].mean()
    axes.plot(means.index, means, marker="o", linewidth=2, **style)
    axes.set_xscale("log")
    axes.xaxis.set_inverted(True)
    axes.set_xlabel("training images of the class", color=MUTED)
