"""Standardisation of features to mean 0 and deviation 1."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from equipoise.tables.outliers import within_reach

_NUMBERS_AT_ONCE = 1 << 22


class Standardizer:
    """Standardises rows of any shape: each feature of a vector, each channel of an image.

    The moments are those of scikit-learn's ``StandardScaler``, after isolated numbers in a column of a table were
    clipped (`equipoise.tables.outliers`). Unlike there, ``transform`` always returns arrays, whatever
    ``sklearn.set_config(transform_output=...)`` is.

    Mean and scale are of shape (n_features,) for vectors, (n_channels, 1, ...) for images, else the shape of a row;
    ``clip`` bounds the standardised values, in deviations.

    >>> X = np.array([[0.0, 5.0], [2.0, 5.0]])
    >>> Standardizer.of(X).transform(X)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64], clip: float | None = None) -> None:
        self.mean_, self.scale_, self.clip_ = mean, scale, clip

    @classmethod
    def of(cls, X: NDArray[Any], weights: NDArray[np.float64] | None = None, clip: float | None = None) -> Self:
        """Take the moments of rows ``(n, *features)``; images ``(n, n_channels, height, width)`` have one a channel."""
        is_image = X.ndim > 3
        shape = (X.shape[1], *(1,) * (X.ndim - 2)) if is_image else X.shape[1:]
        if X.ndim == 2 and X.dtype.kind == "f":
            X = within_reach(X)
        scaler = StandardScaler()
        at_once = max(1, _NUMBERS_AT_ONCE // max(1, X[0].size)) if is_image else len(X)
        for start in range(0, len(X), at_once):
            part, own = X[start : start + at_once], None if weights is None else weights[start : start + at_once]
            if is_image:
                part = np.moveaxis(part, 1, -1).reshape(-1, X.shape[1])
                own = None if own is None else own.repeat(X[0].size // X.shape[1])
            scaler.partial_fit(part.reshape(len(part), -1), sample_weight=own)
        return cls(scaler.mean_.reshape(shape), scaler.scale_.reshape(shape), clip)

    def transform(self, X: NDArray[Any]) -> NDArray[Any]:
        """Standardise rows ``(n, *features)``; float32 stays float32, integers become float64."""
        out = np.empty(X.shape, X.dtype if X.dtype.kind == "f" else np.float64)
        np.subtract(X, self.mean_, out=out, casting="same_kind")
        np.divide(out, self.scale_, out=out, casting="same_kind")
        return out if self.clip_ is None else out.clip(-self.clip_, self.clip_, out=out)

    def transform_bytes(self, rows: Tensor, like: Tensor) -> Tensor:
        """Standardise a batch of bytes ``(..., *features)`` on its device, in the type of another tensor."""
        mean, scale = (like.new_tensor(moments) for moments in (self.mean_, self.scale_))
        out = rows.to(like.dtype).sub_(mean).div_(scale)
        return out if self.clip_ is None else out.clamp_(-self.clip_, self.clip_)
