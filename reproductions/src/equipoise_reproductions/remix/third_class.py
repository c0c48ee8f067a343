"""Figure 8 of the ReMix paper: rows mixed of two classes that land on a third, drawn and counted.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312),
discussion of multi-class data. The paper does not give the figure's data; those here are made to show the same.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from equipoise.batches import ReMix
from equipoise.reports.plots import FONT, calm, legend
from equipoise.reports.svg import GROUND, INK, MUTED, SERIES
from equipoise.training.draws import RowDraws
from equipoise_reproductions.remix.sketches import ALPHAS, gaussian_classes, wide_figure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def third_class_share(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alphas: Sequence[float] = ALPHAS,
    n_batches: int = 1000,
    batch_size: int = 64,
    random_state: int = 0,
) -> pd.DataFrame:
    """Count the rows mixed of two classes by ReMix that land next to a row of a third."""
    table, codes = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64)
    found = []
    for alpha in alphas:
        mixed = _mixed_pairs(table, codes, alpha, n_batches, batch_size, random_state)[1]
        pairs = mixed.groupby(["a", "b"])["third"].agg(rows="size", on_third="mean").reset_index()
        found.append(pairs.assign(alpha=alpha)[["alpha", "a", "b", "rows", "on_third"]])
    return pd.concat(found, ignore_index=True)


def _mixed_pairs(
    table: Floats, codes: Ints, alpha: float, n_batches: int, batch_size: int, random_state: int
) -> tuple[Floats, pd.DataFrame]:
    """Rows that ReMix mixes of two classes a < b, and whether a third class is nearest."""
    generator = torch.Generator().manual_seed(random_state)
    rows = torch.arange(len(codes))
    draws = RowDraws(rows, torch.from_numpy(codes), None, batch_size, ReMix(alpha=alpha), generator)
    mixture = draws.block(n_batches).mixture
    assert mixture is not None
    first, second, share = (part.flatten().numpy() for part in mixture[:3])
    crossed = codes[first] != codes[second]
    first, second, share = first[crossed], second[crossed], share[crossed, None]
    mixed = share * table[first] + (1 - share) * table[second]
    nearest = codes[KDTree(table).query(mixed)[1]]
    a, b = np.minimum(codes[first], codes[second]), np.maximum(codes[first], codes[second])
    return mixed, pd.DataFrame({"a": a, "b": b, "third": (nearest != a) & (nearest != b)})


def harmful_mixes(
    *,
    alphas: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0),
    n_batches: int = 3000,
    random_state: int = 0,
) -> Figure:
    """Draw three classes in a row: mixes of the outer two land on the middle one, the more the larger alpha is."""
    X, y = gaussian_classes([(-3, 0), (3, 0), (0, 0.5)], [0.55, 0.55, 0.55], [40, 40, 40], 0)
    figure = wide_figure(290)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    for panel in (left, right):
        calm(panel)
    _three_classes(left, X, y, random_state)
    counted = third_class_share(X, y, alphas=alphas, n_batches=n_batches, random_state=random_state)
    of_outer = counted[(counted["a"] == 0) & (counted["b"] == 1)]
    right.plot(of_outer["alpha"], of_outer["on_third"], "o-", color=INK, linewidth=2, markersize=5)
    right.set(ylim=(0, None), xlim=(0, None))
    right.tick_params(pad=7)
    right.set_xlabel("alpha", color=MUTED)
    right.set_title("share of a-b mixes next to class c", color=INK, fontsize=FONT + 1)
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    legend(figure, left)
    return figure


def _three_classes(panel: Axes, X: Floats, y: Ints, random_state: int) -> None:
    mixed, pairs = _mixed_pairs(X, y, 0.3, 24, 16, random_state)
    outer = ((pairs["a"] == 0) & (pairs["b"] == 1)).to_numpy()
    third = pairs["third"].to_numpy()
    for rows, name, colour in zip((X[y == 0], X[y == 1], X[y == 2]), "abc", SERIES):
        panel.scatter(rows[:, 0], rows[:, 1], 20, color=colour, edgecolor=GROUND, linewidth=0.4, label=f"class {name}")
    marks = (mixed[outer & ~third], "a-b mix", MUTED), (mixed[outer & third], "a-b mix next to c", INK)
    for rows, name, colour in marks:
        panel.scatter(rows[:, 0], rows[:, 1], 18, marker="x", color=colour, linewidth=1.2, label=name)
    panel.set(xticks=[], yticks=[])
    panel.set_title("ReMix, alpha 0.3", color=INK, fontsize=FONT + 1)
