"""The ring data of the ReMix paper's Figure 1, and their true probabilities.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312),
Figure 1, with the sizes and seeds of the authors' published demonstration. The rows that stay of the rare
class are unseeded there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from equipoise.training import Table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NOISE, _INNER = 0.1, 0.1  # deviation of the rows from their circle, and radius of the rare one; the other's is 1
_N_RARE = 25


@dataclass(frozen=True, eq=False)
class Ring:
    """Rows on a circle (class 0) and near its centre (class 1, rare), standardised by the training side.

    Attributes
    ----------
    table : Table
        The training side, before the rare class is cut.
    X, y : ndarray of shape (n, 2) and (n,)
        The test side.
    scaler : StandardScaler
    """

    table: Table
    X: Floats
    y: Ints
    scaler: StandardScaler

    @classmethod
    def make(cls) -> "Ring":
        """Draw the authors' rows."""
        X, y = make_circles(1000, noise=_NOISE, factor=_INNER, random_state=1)
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=42)
        scaler = StandardScaler().fit(X_train)
        table = Table(scaler.transform(X_train), y_train.astype(np.int64), n_classes=2)
        return cls(table, scaler.transform(X_test), y_test.astype(np.int64), scaler)

    def rows(self, seed: int) -> Ints:
        """Training rows of one run: all of the majority, and as many rare ones as the authors keep."""
        rare = np.flatnonzero(self.table.y == 1)
        kept = np.random.default_rng(seed).choice(rare, _N_RARE, replace=False)
        return np.sort(np.concatenate([np.flatnonzero(self.table.y == 0), kept]))

    def log_odds(self, X: Floats) -> Floats:
        """True log odds of the rare class where both are equally frequent, of shape (n,).

        A row is a point of a circle of radius c with Gaussian noise of deviation s, so that its density at
        distance r is proportional to ``exp(-(r^2 + c^2) / (2 s^2)) I0(r c / s^2)``.
        """
        distance = np.linalg.norm(self.scaler.inverse_transform(X), axis=1)
        rare, majority = (_log_density(distance, radius) for radius in (_INNER, 1.0))
        return rare - majority


def _log_density(distance: Floats, radius: float) -> Floats:
    # i0e(z) is exp(-z) I0(z), which completes the square.
    return np.log(i0e(distance * radius / _NOISE**2)) - (distance - radius) ** 2 / (2 * _NOISE**2)
