"""Kinds of networks of `AutoClassifier`, and their inputs."""

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
    """Inputs and training of a network.

    Attributes
    ----------
    codes : bool
        Whether piecewise-linear codes are among its inputs.
    sharpness : float
        Power of the feature importance that scales features and codes.
    dropout : float, in [0, 1)
    share_of_steps : float
        Of the gradient steps of the kind that trains longest.
    alpha : float
        Of MixUp.
    """

    codes: bool
    sharpness: float
    dropout: float = 0.0
    share_of_steps: float = 1.0
    alpha: float = 0.3


class FoldInputs:
    """Inputs of the networks of a fold, fitted on its training rows only.

    Attributes
    ----------
    feature_importances_ : ndarray of shape (n_features,)
        Of mean 1, see `feature_relevance`.
    encoder_ : PiecewiseLinearEncoder or None
        None if no network reads codes.
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
        """Fit on training rows (n, n_features) and their classes."""
        relevance = feature_relevance(X, codes, weights, seed, max_time)
        encoder = PiecewiseLinearEncoder(BINS, bins="tree").fit(X, codes) if coded else None
        return cls(relevance.astype(X.dtype), encoder)

    def scales(self, kind: Kind) -> Rows:
        """Scale of each input column of a kind of network."""
        scales = self.feature_importances_**kind.sharpness
        if not kind.codes or self.encoder_ is None:
            return scales
        return np.concatenate([scales, scales[self.encoder_.columns_]])

    def view(self, X: Rows, kind: Kind) -> Rows:
        """Rows (n, n_features) as inputs of a kind of network."""
        return (self.encoder_.encode(X) if kind.codes and self.encoder_ is not None else X) * self.scales(kind)
