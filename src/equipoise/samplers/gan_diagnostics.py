"""Diagnostics of a GAN: whether its synthetic rows are like the real ones.

A discriminator that has barely trained has the loss ln 2 of a perfect generator, so losses prove nothing. The figures
here compare rows with rows, features scaled to 0..1.
"""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Rows = NDArray[np.float64]

_COMPARED = 512  # rows of each kind, at most
_MOST_PARTS = 8
_COLLAPSED, _APART, _OUT_OF_REACH = 0.5, 0.95, 0.01


class GANDiagnosticsWarning(UserWarning):
    """Synthetic rows of a GAN have collapsed, or lie off the data."""


def two_sample_accuracy(real: Rows, synthetic: Rows) -> float:
    """Share of rows whose nearest other row is of their own kind, among as many real rows as synthetic ones.

    It is 0.5 where the two are indistinguishable; below, synthetic rows are copies of real ones or lie between them;
    near 1 they lie off the data or on one spot. Rows are in random order: at most 512 of each are compared at once, and
    the mean over parts is taken. Where several rows are nearest, each counts for a part.

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests" (2017), section 3, with a 1-nearest-neighbour
    classifier left one out.

    >>> two_sample_accuracy(np.array([[0.0], [1.0]]), np.array([[7.0], [8.0]]))
    1.0
    """
    size = min(len(real), len(synthetic), _COMPARED)
    parts = [[rows[i : i + size] for i in range(0, len(rows) - size + 1, size)] for rows in (real, synthetic)]
    n_parts = min(_MOST_PARTS, max(map(len, parts)))
    pairs = zip(cycle(parts[0]), cycle(parts[1]), range(n_parts), strict=False)
    return float(np.mean([_nearest_neighbour_accuracy(a, b) for a, b, _ in pairs]))


def _nearest_neighbour_accuracy(real: Rows, synthetic: Rows) -> float:
    rows, is_synthetic = np.concatenate([real, synthetic]), np.arange(2 * len(real)) >= len(real)
    distance = cdist(rows, rows)
    np.fill_diagonal(distance, np.inf)
    nearest = distance == distance.min(axis=1, keepdims=True)
    right = (nearest & (is_synthetic[:, None] == is_synthetic)).sum(axis=1)
    return float(np.mean(right / nearest.sum(axis=1)))


def energy_distance(real: Rows, synthetic: Rows) -> float:
    """Squared energy distance, 0 or more: twice the mean distance across less those within each sample.

    It falls smoothly as synthetic rows become like real ones, where `two_sample_accuracy` stays near 1 for long.

    Székely and Rizzo, "Energy statistics: A class of statistics based on distances" (2013), equation 2.

    >>> energy_distance(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]))
    1.0
    """
    return float(2 * cdist(real, synthetic).mean() - cdist(real, real).mean() - cdist(synthetic, synthetic).mean())


def spread_ratio(real: Rows, synthetic: Rows) -> float:
    """Mean standard deviation of the synthetic rows' features over that of the real rows'; NaN if that is 0.

    Well below 1 the synthetic rows have collapsed.

    >>> spread_ratio(np.array([[0.0], [4.0]]), np.array([[1.0], [2.0]]))
    0.25
    """
    of_real = real.std(axis=0).mean()
    return float(synthetic.std(axis=0).mean() / of_real) if of_real else np.nan


def out_of_range(real: Rows, synthetic: Rows) -> float:
    """Share of the synthetic values that lie outside the range of the same feature among the real rows.

    Of rows like the real ones it is about ``2 / (n + 1)`` for n real rows.

    >>> out_of_range(np.array([[0.0], [4.0]]), np.array([[1.0], [5.0]]))
    0.5
    """
    return float(np.mean((synthetic < real.min(axis=0)) | (synthetic > real.max(axis=0))))


def unreachable(inputs: Rows) -> float:
    """Share of the values that a sigmoid cannot give, outside 0 and 1.

    >>> unreachable(np.array([[0.5, 3.0]]))
    0.5
    """
    return float(np.mean((inputs < 0) | (inputs > 1)))


def caution(figures: Mapping[str, Any]) -> str | None:
    """Describe the faults of the synthetic rows of a class, if there are any.

    The figures are those of a row of `diagnostics_`, NaN where unknown.
    """
    faults = []
    if figures["spread_ratio"] < _COLLAPSED:
        faults.append(f"they have collapsed: their spread is {figures['spread_ratio']:.2f} of the real rows'")
    if figures["two_sample_accuracy"] > _APART:
        accuracy = figures["two_sample_accuracy"]
        faults.append(f"they lie off the data: a nearest neighbour recognises {accuracy:.0%} of them as synthetic")
    if figures["unreachable"] > _OUT_OF_REACH:
        share = figures["unreachable"]
        faults.append(f"{share:.0%} of the real values are outside 0 to 1, which the generator cannot reach")
    if not faults:
        return None
    return (
        f"The synthetic rows of class {figures['class']!r} are not like its real rows: {'; '.join(faults)}. See "
        "diagnostics_; train longer, scale the features to 0..1, or use SMOTE."
    )
