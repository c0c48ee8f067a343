"""The networks of `AutoClassifier`: of some kinds, and what each of them sees of a row."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from equipoise.relevance import feature_relevance
from equipoise.tables import PiecewiseLinearEncoder

Rows = NDArray[np.float32]

BINS = 12


@dataclass(frozen=True)
class Kind:
    """How a network is trained, and on what.

    Attributes
    ----------
    codes : bool
        Whether it sees piecewise-linear codes beside the features.
    sharpness : float
        Features and codes are multiplied by the feature's relevance to this power.
    dropout : float, in [0, 1)
    share_of_steps : float
        Of the gradient steps of the longest kind.
    alpha : float
        Of MixUp.
    """

    codes: bool
    sharpness: float
    dropout: float = 0.0
    share_of_steps: float = 1.0
    alpha: float = 0.3


class FoldInputs:
    """What the networks of a fold see: made from the rows that they train on, and from no other.

    Attributes
    ----------
    feature_importances_ : ndarray of shape (n_features,)
        Of mean 1, see `feature_relevance`.
    encoder_ : PiecewiseLinearEncoder or None
        None where no network sees codes.
    """

    def __init__(self, relevance: NDArray[np.float32], encoder: PiecewiseLinearEncoder | None) -> None:
        self.feature_importances_, self.encoder_ = relevance, encoder

    @classmethod
    def of(
        cls,
        X: Rows,
        codes: NDArray[np.int64],
        weights: NDArray[np.float64] | None,
        seed: int,
        max_time: float | None = None,
        *,
        coded: bool = True,
    ) -> Self:
        """Look at training rows (n, n_features) and their classes."""
        relevance = feature_relevance(X, codes, weights, seed, max_time)
        encoder = PiecewiseLinearEncoder(BINS, bins="tree").fit(X, codes) if coded else None
        return cls(relevance.astype(X.dtype), encoder)

    def scales(self, kind: Kind) -> Rows:
        """Factor of each column that a kind of network sees."""
        scales = self.feature_importances_**kind.sharpness
        if not kind.codes or self.encoder_ is None:
            return scales
        return np.concatenate([scales, scales[self.encoder_.columns_]])

    def view(self, X: Rows, kind: Kind) -> Rows:
        """Rows (n, n_features) as a kind of network sees them."""
        return (self.encoder_.encode(X) if kind.codes and self.encoder_ is not None else X) * self.scales(kind)
