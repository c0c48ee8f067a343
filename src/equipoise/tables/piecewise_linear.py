"""Piecewise-linear codes of numbers: what trees get from cuts, a network gets from them.

Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning" (NeurIPS 2022),
equation 1, with bins between quantiles (their section 3.2.1) or between the cuts of a tree (3.2.2).
"""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from equipoise.sklearn_private import Interval, StrOptions, check_feature_names_in, fit_context

_LEAF = 5  # rows between two cuts of a tree, at least


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    """Put codes of each feature beside it: how far its value has come through each bin, from 0 to 1.

    A value has passed the bins below it (1), is on its way through its own, and has not begun those above it (0). A
    linear function of the codes is a piecewise linear function of the feature. Beyond the outermost bins codes do not
    change; the feature itself does.

    Parameters
    ----------
    n_bins : int, default=12
        Bins of a feature, at most. A feature of one bin gets no codes.
    bins : {"quantile", "tree"}, default="quantile"
        Where bins end: at quantiles of the rows seen by `fit`, of which equal ones are one; or at the cuts of a
        decision tree on the feature alone, which tells the classes apart as if they were equally frequent.

    Attributes
    ----------
    columns_ : ndarray of int, of shape (n_codes,)
        Feature that each code is of.
    starts_, widths_ : ndarray of shape (n_codes,)
        Where its bin begins, and how wide it is.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.tables import PiecewiseLinearEncoder
    >>> encoder = PiecewiseLinearEncoder(n_bins=2).fit([[0.0], [1.0], [3.0]])
    >>> encoder.transform([[0.5], [2.0], [9.0]])
    array([[0.5, 0.5, 0. ],
           [2. , 1. , 0.5],
           [9. , 1. , 1. ]])
    """

    _parameter_constraints = {
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "bins": [StrOptions({"quantile", "tree"})],
    }

    def __init__(self, n_bins: int = 12, *, bins: str = "quantile") -> None:
        self.n_bins = n_bins
        self.bins = bins

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> "PiecewiseLinearEncoder":
        """Find the bins of rows (n, n_features); labels `y` (n,) are needed for those of trees.

        Raises
        ------
        ValueError
            If ``bins="tree"`` and there are no labels.
        """
        rows: Any = validate_data(self, X, dtype=[np.float64, np.float32])
        if self.bins == "tree" and y is None:
            raise ValueError('bins="tree" needs the labels of the rows, but y is None: give y, or bins="quantile".')
        edges = self._quantiles(rows) if self.bins == "quantile" else self._cuts(rows, np.asarray(y))
        bins = [len(e) - 1 if len(e) > 2 else 0 for e in edges]
        self.columns_ = np.repeat(np.arange(len(edges)), bins)
        kept = [e for e, n in zip(edges, bins, strict=True) if n]
        self.starts_ = np.concatenate([rows[0, :0], *(e[:-1] for e in kept)])
        self.widths_ = np.concatenate([rows[0, :0], *(np.diff(e) for e in kept)])
        return self

    def _quantiles(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        ranks = -(-len(rows) * np.arange(self.n_bins + 1) // self.n_bins) - 1  # of values that occur, not between them
        return [np.unique(column) for column in np.sort(rows, axis=0)[ranks.clip(0)].T]

    def _cuts(self, rows: NDArray[Any], labels: NDArray[Any]) -> list[NDArray[Any]]:
        from sklearn.tree import DecisionTreeClassifier  # slow to import, and only these codes need it

        tree = DecisionTreeClassifier(
            max_leaf_nodes=self.n_bins, min_samples_leaf=_LEAF, class_weight="balanced", random_state=0
        )
        edges = []
        for column in rows.T:
            ends = np.array([column.min(), column.max()])
            if np.isin(column, ends).all():  # of two values, which need no codes: the feature is one
                edges.append(ends)
                continue
            found = tree.fit(column[:, None], labels).tree_
            inner = found.threshold[found.feature >= 0].astype(rows.dtype)
            edges.append(np.unique(np.concatenate([ends, inner])))
        return edges

    def transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the features and then their codes, of shape (n, n_features + n_codes)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self.encode(rows)

    def encode(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return what `transform` does for an array that needs no check, always as an array, in Fortran's order."""
        n_features = rows.shape[1]
        columns = np.empty((n_features + len(self.columns_), len(rows)), dtype=rows.dtype)  # each in one piece is fast
        columns[:n_features] = rows.T
        codes = columns[:n_features].take(self.columns_, axis=0, out=columns[n_features:], mode="clip")
        np.subtract(codes, self.starts_[:, None], out=codes, casting="same_kind")
        np.divide(codes, self.widths_[:, None], out=codes, casting="same_kind")
        codes.clip(0, 1, out=codes)
        return columns.T

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the features, then the codes by feature and number of the bin."""
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        numbers = np.arange(len(self.columns_)) - np.searchsorted(self.columns_, self.columns_)
        codes = [f"{names[column]} bin {number}" for column, number in zip(self.columns_, numbers, strict=True)]
        return np.array([*names, *codes], dtype=object)
