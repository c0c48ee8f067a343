"""A confusion matrix of many classes as one image, and its largest confusions in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from equipoise.experiments import Comparison
from equipoise.metrics import Floats
from equipoise.reports.text import short_within
from equipoise.text import count, percent

MOST_IN_A_TABLE = 20
"""Classes up to which a confusion matrix is a table of numbers."""

_LARGEST = 15  # confusions in words
_CELL, _FONT, _LETTER = 10, 9, 5.2  # pixels
_LONGEST = 22  # letters of a label
_SHADES = 8


def heat_map(comparison: Comparison, recipe: str, counts: Floats) -> Markup:
    """Draw the shares of each true class that are predicted as each class, the largest class first."""
    order = by_size(comparison)
    shares = _shares(counts)[np.ix_(order, order)]
    labels = [short_within(comparison.classes[code], _LONGEST) for code in order]
    margin = round(max(map(len, labels)) * _LETTER) + 8
    side = margin + _CELL * len(labels)
    parts = [*_cells(shares, margin), *_labels(labels, margin)]
    hits = np.diag(shares)
    told = (
        f"Confusion matrix of {recipe}, {len(labels)} classes from the largest to the smallest; rows are true, columns "
        f"predicted classes. Mean share on the diagonal {percent(float(np.nanmean(hits)))}. The largest confusions "
        "stand in the table below."
    )
    return Markup(
        f'<svg class="heat-map" role="img" aria-label="{escape(told)}" viewBox="0 0 {side} {side}" '
        f'style="width: {side}px">{"".join(parts)}</svg>'
    )


def by_size(comparison: Comparison) -> NDArray[np.intp]:
    """Return the classes' codes, the largest class first."""
    return np.argsort(-np.asarray(comparison.problem["counts"]), kind="stable")


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)


def _cells(shares: NDArray[np.float64], margin: int) -> list[str]:
    """Draw the cells of a shade as one path, so that thousands of them are few bytes."""
    levels = np.ceil(shares * _SHADES).astype(int)
    parts = []
    for level in range(1, _SHADES + 1):
        cells = np.argwhere(levels == level)
        path = "".join(f"M{margin + _CELL * j} {margin + _CELL * i}h{_CELL}v{_CELL}h-{_CELL}z" for i, j in cells)
        if path:
            alpha = 0.12 + 0.88 * level / _SHADES
            parts.append(f'<path d="{path}" style="fill: rgba(var(--heat), {alpha:.2f})"/>')
    length = _CELL * len(shares)
    frame = f"M{margin} {margin}h{length}v{length}h-{length}zl{length} {length}"
    return [*parts, f'<path d="{frame}" style="fill: none; stroke: var(--rule)"/>']


def _labels(labels: Sequence[str], margin: int) -> list[str]:
    parts = [f'<g style="fill: var(--ink); font-size: {_FONT}px">']
    for i, label in enumerate(labels):
        at = margin + _CELL * i + _CELL - 2
        parts.append(f'<text x="{margin - 4}" y="{at}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<text transform="translate({at} {margin - 4}) rotate(-90)">{escape(label)}</text>')
    return [*parts, "</g>"]


def largest_confusions(comparison: Comparison, counts: Floats) -> list[dict[str, Any]]:
    """Return the pairs of a true and another predicted class with the most rows."""
    shares, wrong = _shares(counts), counts * (1 - np.eye(len(counts)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LARGEST]
    pairs = [divmod(int(place), len(counts)) for place in order if wrong.flat[place] > 0]
    return [
        {
            "true": comparison.classes[i],
            "predicted": comparison.classes[j],
            "count": count(counts[i, j]),
            "share": percent(shares[i, j]),
        }
        for i, j in pairs
    ]
