"""Samplers that read rows in any container, and weights beside them."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from equipoise.containers import readable, restored
from equipoise.sklearn_private import check_sample_weight


class _Resamples(Protocol):
    def fit_resample(self, X: Any, y: Any, **params: Any) -> tuple[Any, Any]: ...


class AnyContainer:
    """Lets a sampler of imbalanced-learn's kind read rows in any container, and weights beside them.

    The class comes before imbalanced-learn's base; `_fit_resample` is given ``sample_weight`` where there are weights.
    """

    def fit_resample(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> tuple[Any, Any]:
        """Resample the rows.

        Parameters
        ----------
        X : array-like, sparse matrix, torch tensor or data frame of shape (n, n_features)
            Rows.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows; `sample_weight_` holds those of the resampled rows.

        Returns
        -------
        (X, y)
            Resampled rows and labels, each in the container that was given.

        Raises
        ------
        ValueError
            If rows, labels or weights are invalid.
        """
        return self._resampled(X, y, sample_weight)

    def _resampled(self, X: Any, y: Any, sample_weight: ArrayLike | None, **others: Any) -> tuple[Any, Any]:
        """Resample the rows; what others there are is passed on to `_fit_resample`."""
        rows, labels = readable(X), readable(y)
        if sample_weight is not None:
            others["sample_weight"] = check_sample_weight(
                readable(sample_weight), rows, dtype=np.float64, ensure_non_negative=True
            )
        base: _Resamples = super()  # type: ignore[assignment]
        X_new, y_new = base.fit_resample(rows, labels, **others)
        return restored(X_new, X), restored(y_new, y)
