"""Figures 2, 3 and 4 of the ReMix paper, from rows drawn on the spot and mixed by this package.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312).
The paper does not give the data of these figures; those here are made to show the same things.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.stats import gaussian_kde

from equipoise.batches import BatchSMOTE, ReMix
from equipoise.batches.transform import MixingTransform
from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import GROUND, INK, MUTED, SERIES
from equipoise.text import percent
from equipoise_reproductions.remix.hull import in_hull

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5)
_MAJORITY, _RARE, _MIXED = SERIES[0], SERIES[1], SERIES[2]


def wide_figure(height: float) -> Figure:
    """Make an empty figure for panels side by side, legible from a phone's width on."""
    figure = new_figure(height, width=560)
    figure.set_layout_engine("constrained", h_pad=0.1)
    return figure


def gaussian_classes(
    centres: Sequence[Sequence[float]], deviations: Sequence[float], counts: Sequence[int], random_state: int
) -> tuple[Floats, Ints]:
    """Gaussian classes, one after the other."""
    rng = np.random.default_rng(random_state)
    parts = [rng.normal(c, s, size=(n, len(c))) for c, s, n in zip(centres, deviations, counts, strict=True)]
    return np.concatenate(parts), np.repeat(np.arange(len(counts)), counts)


# Figures 2 and 3


def made_rows(*, n_batches: int = 1, alpha: float = 0.3, random_state: int = 4) -> Figure:
    """Draw a mini-batch as it is, after in-batch SMOTE and after ReMix, coloured by label."""
    X, y = gaussian_classes([(0, 0), (3.2, 1.6)], [1.0, 0.55], [56, 8], 3)
    smote = BatchSMOTE(num_classes=2, batch_dims=1, generator=torch.Generator().manual_seed(random_state))
    remix = ReMix(alpha=alpha, num_classes=2, batch_dims=1, generator=torch.Generator().manual_seed(random_state))
    drawn = {
        "mini-batch": (X, y.astype(float)),
        "in-batch SMOTE": _made(smote, X, y, n_batches),
        f"ReMix, alpha {alpha:g}": _made(remix, X, y, n_batches),
    }
    figure = wide_figure(290)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    for panel, (title, (rows, rare)) in zip(panels, drawn.items()):
        calm(panel)
        panel.set(xticks=[], yticks=[])
        panel.set_title(title, color=INK, fontsize=FONT + 1)
        _labelled_rows(panel, rows, rare, size=26 if n_batches == 1 else 10)
        _hull(panel, rows[rare >= 0.5], X[y == 1])
    figure.legend(handles=_key(), loc="outside upper left", ncols=3, frameon=False, fontsize=FONT, labelcolor=INK)
    return figure


def _made(transform: MixingTransform, X: Floats, y: Ints, n_batches: int) -> tuple[Floats, Floats]:
    """Rows that a transform makes of the same batch again and again, and how rare their labels say they are."""
    rows, soft = transform(torch.from_numpy(X).expand(n_batches, *X.shape), torch.from_numpy(y).expand(n_batches, -1))
    return rows.flatten(0, 1).numpy(), soft.flatten(0, 1)[:, 1].double().numpy()


def _labelled_rows(panel: Axes, rows: Floats, rare: Floats, size: float) -> None:
    # Rare upon majority, as opaque as the label is rare: the colours mix on a light page and on a dark one.
    colours = to_rgba_array([_RARE] * len(rows))
    colours[:, 3] = rare
    under, over = rare < 1, rare > 0
    panel.scatter(rows[under, 0], rows[under, 1], size, color=_MAJORITY, edgecolor=GROUND, linewidth=0.4, zorder=3)
    panel.scatter(rows[over, 0], rows[over, 1], size, color=colours[over], linewidth=0, zorder=4)


def _hull(panel: Axes, rows: Floats, real: Floats) -> None:
    """Outline the rows of the rare class, and say how many of those made lie without."""
    corners = real[ConvexHull(real).vertices]
    panel.fill(*corners.T, facecolor="none", edgecolor=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    outside = (~in_hull(rows, real)).mean()
    panel.set_xlabel(f"{len(rows)} rows at least half rare,\n{percent(outside)} of them outside the hull", color=MUTED)


def _key() -> list[Line2D]:
    shades = zip(("majority", "rare"), (_MAJORITY, _RARE))
    dots = [Line2D([], [], marker="o", linestyle="", color=colour, markersize=5, label=name) for name, colour in shades]
    return [*dots, Line2D([], [], color=MUTED, linewidth=1, linestyle=(0, (3, 3)), label="hull of the rare rows")]


# Figure 4


def densities(*, alphas: Sequence[float] = ALPHAS, n_batches: int = 1000, random_state: int = 0) -> Figure:
    """Draw kernel densities of ReMixed features and labels, the fuller the larger alpha is.

    Below them are the training rows, and how many labels lie between the classes.
    """
    X, y = gaussian_classes([(0,), (5,)], [1.0, 0.6], [57, 7], 0)
    mixed = []
    for alpha in alphas:
        remix = ReMix(alpha=alpha, num_classes=2, batch_dims=1, generator=torch.Generator().manual_seed(random_state))
        mixed.append(_made(remix, X, y, n_batches))
    features, labels = zip(*mixed)
    figure = wide_figure(330)
    left, right = figure.subplots(1, 2)
    right.set_yscale("log")
    _densities(left, X[:, 0], [rows[:, 0] for rows in features], alphas, np.linspace(-3.5, 7.5, 221), 0.25)
    _densities(right, y, labels, alphas, np.linspace(-0.1, 1.1, 241), 0.02)
    left.set_ylim(-0.1 * left.get_ylim()[1], None)
    right.set_ylim(0.02, 50)
    between = [percent(float(((rare > 0.1) & (rare < 0.9)).mean())) for rare in (labels[0], labels[-1])]
    left.set_xlabel("feature", color=MUTED)
    right.set_xlabel(
        f"label, share of rare (log scale);\n0.1 to 0.9: {between[0]} of rows at alpha {alphas[0]:g},\n"
        f"{between[1]} at alpha {alphas[-1]:g}",
        color=MUTED,
    )
    for panel, values in ((left, X[:, 0]), (right, y)):
        _rug(panel, values, y)
    left.set_ylabel("density", color=MUTED)
    legend(figure, left)
    return figure


def _densities(
    panel: Axes, real: NDArray[Any], mixed: Sequence[Floats], alphas: Sequence[float], at: Floats, width: float
) -> None:
    calm(panel, grid="x")
    lines = [("training rows", real, MUTED, 1.0)]
    opacities = np.linspace(0.3, 1.0, len(alphas))
    lines += [(f"alpha {a:g}", values, _MIXED, opacity) for a, values, opacity in zip(alphas, mixed, opacities)]
    for name, values, colour, opacity in lines:
        density = gaussian_kde(values, bw_method=width / values.std(ddof=1))(at)
        panel.plot(at, density, color=colour, alpha=opacity, linewidth=2, label=name)
    panel.set_yticks([])
    panel.set_yticks([], minor=True)


def _rug(panel: Axes, values: NDArray[Any], y: Ints) -> None:
    """Mark the rows of each class at the foot of an axes."""
    for code, colour in ((0, _MAJORITY), (1, _RARE)):
        panel.vlines(values[y == code], 0.01, 0.06, colors=colour, linewidth=1, transform=panel.get_xaxis_transform())
