"""The augmentation that a search found: classes against operations."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from equipoise.reports.plots import calm, new_figure
from equipoise.reports.svg import INK, SERIES

_KINDS = ("strength", "probability")
_ROW, _AROUND = 24, 90  # pixels of a class, and of titles and names of operations
_NUMBERED = 20  # classes whose numbers are written in the cells, at most
_DARKEST = 0.6  # so that numbers can be read


def augmentation_chart(history: pd.DataFrame) -> Figure:
    """Draw strength and probability of each operation for each class at the end of a search, from 0 to 1.

    Parameters
    ----------
    history : DataFrame
        Of a search with `ClassAugmentation`: ``step``, ``parameter``, ``class``, ``value``, and ``group``, ``replica``
        or ``member`` where there are any. The mean over replicas and members is drawn.

    Returns
    -------
    Figure
        A panel of strengths above one of probabilities: a row for each class, or class and group, a column for each
        operation.

    Raises
    ------
    ValueError
        If the history has no strengths.

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.reports.augmentation_chart import augmentation_chart
    >>> rows = [(9, f"{kind}_blur", k, 0.5 + k / 4) for kind in ("strength", "probability") for k in (0, 1)]
    >>> figure = augmentation_chart(pd.DataFrame(rows, columns=["step", "parameter", "class", "value"]))
    >>> [axes.get_title() for axes in figure.axes]
    ['strength', 'probability']
    """
    last = history[history["step"] == history["step"].max()]
    found = last[last["parameter"].str.match("strength_|probability_")]
    if found.empty:
        raise ValueError(
            "The history has no strengths of operations: give that of a search with "
            "AutoBalance(augmentation=ClassAugmentation())."
        )
    lines = [name for name in ("class", "group") if name in found]
    table = found.pivot_table(index=lines, columns="parameter", values="value", aggfunc="mean", sort=False)
    figure = new_figure(2 * (_AROUND + _ROW * len(table)))
    for axes, kind in zip(figure.subplots(2, 1), _KINDS):
        _panel(axes, table.filter(regex=f"^{kind}_").rename(columns=lambda name: name.partition("_")[2]))
        axes.set_title(kind, color=INK)
    return figure


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    calm(axes)
    axes.grid(visible=False)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=SERIES[0], alpha=_DARKEST * value, linewidth=0))
        if len(table) <= _NUMBERED:
            axes.text(column, row, f"{value:.2f}", color=INK, ha="center", va="center")
    names = [", group ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in table.index]
    axes.set_xticks(range(table.shape[1]), [name.replace("_", " ") for name in table.columns])
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlim=(-0.5, table.shape[1] - 0.5), ylim=(len(names) - 0.5, -0.5))
