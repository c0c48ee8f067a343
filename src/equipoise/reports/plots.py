"""The report's plots, drawn from numbers; in the colours of `equipoise.reports.svg`, without pyplot."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from equipoise.reports.curves import THRESHOLDS, Bins
from equipoise.reports.svg import GROUND, INK, MUTED, RULE, SERIES
from equipoise.text import count

Floats = NDArray[np.float64]
Curve = tuple[str, Floats, Floats, str]
"""A name, x, y and a colour."""

WIDTH = 430  # px: at a phone's width the text is still legible
FONT = 12
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)))


def intervals(
    names: Sequence[str],
    means: Floats,
    lows: Floats,
    highs: Floats,
    *,
    near: NDArray[np.bool_],
    line: float,
    label: str,
) -> Figure:
    """A dot and an interval a recipe, best on top; those not ``near`` the best are hollow."""
    figure, axes = by_name(names, label)
    rows = np.arange(len(names))
    axes.axvline(line, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.hlines(rows, lows, highs, color=SERIES[0], linewidth=2, alpha=0.55)
    axes.scatter(
        means,
        rows,
        s=52,
        color=[SERIES[0] if n else GROUND for n in near],
        edgecolor=SERIES[0],
        linewidth=1.6,
        zorder=3,
    )
    return figure


def dumbbells(names: Sequence[str], decided: Floats, corrected: Floats, tuned: Floats, *, label: str) -> Figure:
    """A recipe's score by its own decision (hollow), prior-corrected (a bar) and with tuned thresholds (filled)."""
    figure, axes = by_name(names, label)
    rows = np.arange(len(names))
    axes.hlines(rows, decided, tuned, color=SERIES[0], linewidth=2, alpha=0.55)
    axes.scatter(decided, rows, s=46, color=GROUND, edgecolor=SERIES[1], linewidth=1.6, zorder=3, label="own decision")
    axes.scatter(tuned, rows, s=46, color=SERIES[0], zorder=3, label="thresholds tuned")
    axes.scatter(corrected, rows, s=110, color=SERIES[1], marker="|", linewidth=2, zorder=4, label="prior-corrected")
    legend(figure, axes)
    return figure


def thresholds(sweep: dict[str, Floats], titles: dict[str, str], *, label: str) -> Figure:
    """Scores of two classes against the threshold on the rare class's probability."""
    figure, axes = _square(label, "score", height=340)
    for (name, values), colour, dash in zip(sweep.items(), SERIES, _DASHES):
        axes.plot(THRESHOLDS, values, color=colour, linestyle=dash, linewidth=2, label=titles[name])
    axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    threshold_axis(axes)
    legend(figure, axes)
    return figure


def precision_recall(curves: Sequence[Curve], prevalence: float) -> Figure:
    """Precision against recall of the rare class, with the precision of guessing."""
    figure, axes = _square("recall", "precision", height=360)
    for (name, recall, precision, colour), dash in zip(curves, _DASHES):
        axes.plot(recall, precision, color=colour, linestyle=dash, linewidth=2, drawstyle="steps-post", label=name)
    axes.axhline(prevalence, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), label="guessing")
    axes.set_xlim(-0.01, 1.01)
    legend(figure, axes)
    return figure


def by_size(points: Sequence[Curve], bounds: Sequence[float]) -> Figure:
    """A dot a class and recipe: recall against training rows, on a log scale; lines where groups of sizes begin."""
    figure, axes = _square("training images of the class", "recall", height=360)
    for bound in bounds:
        axes.axvline(bound, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    for (name, rows, recall, colour), marker in zip(points, "osD^"):
        axes.scatter(rows, recall, s=34, marker=marker, facecolor="none", edgecolor=colour, linewidth=1.6, label=name)
    axes.set_xscale("log")
    legend(figure, axes)
    return figure


def reliability(bins: Bins, colour: str, *, label: str) -> Figure:
    """Observed share against predicted probability, and how many rows each bin holds."""
    figure = new_figure(400)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    calm(top)
    calm(bottom)
    top.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    top.vlines(bins.predicted, bins.low, bins.high, color=colour, linewidth=2, alpha=0.55)
    top.plot(bins.predicted, bins.observed, "o-", color=colour, linewidth=2, markersize=6)
    top.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
    top.set_ylabel("observed share", color=MUTED)
    bottom.bar(bins.predicted, bins.rows, width=0.035, color=colour)
    bottom.set_yscale("log")
    bottom.set_ylim(0.7, bins.rows.max() * 6)
    bottom.set_yticks([])
    bottom.set_yticks([], minor=True)
    for x, rows in zip(bins.predicted, bins.rows):
        brief = count(rows) if rows < 1000 else f"{rows / 1000:.{int(rows < 10_000)}f}k"
        bottom.text(x, rows * 1.25, brief, ha="center", va="bottom", fontsize=9.5, color=MUTED)
    bottom.set_ylabel("rows", color=MUTED)
    bottom.set_xlabel(label, color=MUTED, parse_math=False)
    return figure


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Make an empty figure of so many pixels."""
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def calm(axes: Axes, grid: str = "both") -> None:
    """Leave of an axes what helps to read it: a faint grid and muted labels."""
    axes.spines[:].set_visible(False)
    axes.grid(axis=grid, color=RULE, linewidth=1)  # type: ignore[arg-type]
    axes.tick_params(length=0, labelsize=FONT, colors=MUTED, which="both")
    axes.set_axisbelow(True)
    axes.xaxis.label.set_fontsize(FONT)
    axes.yaxis.label.set_fontsize(FONT)


def panel(height: float, grid: str = "both") -> tuple[Figure, Axes]:
    """Make a figure of so many pixels with one axes."""
    figure = new_figure(height)
    axes = figure.add_subplot()
    calm(axes, grid)
    return figure, axes


def threshold_axis(axes: Axes) -> None:
    """Let x be thresholds on a probability, those of 0.001 as far apart as those of a half."""
    axes.set_xscale("logit")
    ticks = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(THRESHOLDS[0], THRESHOLDS[-1])


def _square(x: str, y: str, height: float) -> tuple[Figure, Axes]:
    figure, axes = panel(height)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(x, color=MUTED, parse_math=False)
    axes.set_ylabel(y, color=MUTED)
    return figure, axes


def by_name(names: Sequence[str], label: str) -> tuple[Figure, Axes]:
    """Make an axes with a row a name, the first on top."""
    figure, axes = panel(74 + 26 * len(names), grid="x")
    axes.set_yticks(np.arange(len(names)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(label, color=MUTED, parse_math=False)
    axes.locator_params(axis="x", nbins=5)
    return figure, axes


def legend(figure: Figure, axes: Axes) -> None:
    """Put the legend of an axes above the figure, in as many columns as fit."""
    handles, names = axes.get_legend_handles_labels()
    fitting = int(figure.bbox.width / (FONT * 0.58 * max(map(len, names)) + 40))
    figure.legend(
        handles,
        names,
        loc="outside upper left",
        ncols=max(1, min(len(names), fitting)),
        frameon=False,
        fontsize=FONT,
        labelcolor=INK,
        handlelength=2,
        columnspacing=1.4,
        borderpad=0,
    )
