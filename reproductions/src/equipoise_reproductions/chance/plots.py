"""The ledger of the printed objective."""

import pandas as pd
from matplotlib.figure import Figure

from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, SERIES, drawing

_WIDTH = 860


def ledger_bars(entries: pd.DataFrame) -> Figure:
    """Mean change of the printed objective in an accepted step, split by what it comes from, a panel a set."""
    parts = {"training": "more training", "rows": "the new rows", "sample": "their share of the sample"}
    names = list(dict.fromkeys(entries["set"]))
    figure = new_figure(270, _WIDTH)
    with drawing():
        for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            calm(panel, grid="y")
            of_set = entries[entries["set"] == name]
            for side, part in enumerate((of_set["change"] <= 0, of_set["change"] > 0)):
                means = of_set.loc[part, list(parts)].mean()
                for number, key in enumerate(parts):
                    panel.bar(
                        side + (number - 1) * 0.27,
                        means[key],
                        0.25,
                        color=SERIES[number],
                        label=parts[key] if side == 0 else None,
                    )
            panel.axhline(0, color=INK, linewidth=1)
            panel.set_xticks([0, 1], ["accepted", "rejected"])
            panel.set_title(name, fontsize=FONT, color=INK, loc="left")
        legend(figure, figure.axes[0])
    return figure
