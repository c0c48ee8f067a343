"""The parameters of a searched loss, from their start on."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise.reports.plots import WIDTH, calm, new_figure
from equipoise.reports.svg import MUTED

_TITLES = {"w": "weight", "offset": "offset", "delta": "multiplier"}
_LABELLED = 12  # lines that each have their name beside them, at most


def parameter_chart(history: pd.DataFrame) -> Figure:
    """Draw every parameter that changed against the training step, a panel each, a line a class.

    Parameters
    ----------
    history : DataFrame
        Of `AutoBalance`'s search: ``step``, ``parameter``, ``class``, ``value``, and ``group`` or ``replica`` where
        there are any. The mean over replicas is drawn.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.reports.parameter_chart import parameter_chart
    >>> rows = [(step, "offset", k, sign * step / 10) for step in (0, 5, 10) for k, sign in enumerate((1, -1))]
    >>> figure = parameter_chart(pd.DataFrame(rows, columns=["step", "parameter", "class", "value"]))
    >>> [line.get_ydata().tolist() for line in figure.axes[0].lines]
    [[0.0, 0.5, 1.0], [0.0, -0.5, -1.0]]
    """
    lines = [name for name in ("class", "group") if name in history]
    table = history.pivot_table(index="step", columns=["parameter", *lines], values="value", aggfunc="mean")
    found = table.columns.get_level_values("parameter")
    known = [*(name for name in _TITLES if name in found), *(name for name in found.unique() if name not in _TITLES)]
    shown = [name for name in known if np.ptp(table[name].to_numpy(), axis=0).any()] or known
    figure = new_figure(190 * len(shown) + 30)
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, shown):
        _panel(axes, table.loc[:, [name]].droplevel("parameter", axis=1))
        axes.set_ylabel(_TITLES.get(name, name.replace("_", " ")), color=MUTED)
    panels[-1].set_xlabel("training step", color=MUTED)
    return figure


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    calm(axes)
    shades = np.linspace(0.95, 0.25, table.shape[1])  # of one ink, as classes may be many
    for (name, values), shade in zip(table.items(), shades):
        axes.plot(table.index, values, color=MUTED, alpha=shade, linewidth=2)
        if table.shape[1] <= _LABELLED:
            label = ", group ".join(map(str, name)) if isinstance(name, tuple) else str(name)
            axes.annotate(
                f" {label}",
                (table.index[-1], values.iloc[-1]),
                color=MUTED,
                fontsize=WIDTH // 40,
                va="center",
                annotation_clip=False,
            )
