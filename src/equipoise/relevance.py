"""How much each feature tells of the classes, by extremely randomised trees.

Geurts, Ernst and Wehenkel, "Extremely Randomized Trees" (Machine Learning 63, 2006): the decrease of
impurity that the splits on a feature bring. Cuts are drawn, not searched for, so that a feature without meaning
gains little by having many values.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_sample_weight

_TREES, _AT_ONCE = 200, 25
_MOST_ROWS = 10_000  # that the trees look at
_LEAF = 2  # rows of a leaf, at least


def feature_relevance(
    X: NDArray[Any],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    seed: int,
    max_time: float | None = None,
) -> NDArray[np.float64]:
    """Return the relevance of each feature, of mean 1.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    codes : ndarray of shape (n,)
        Class of each row, 0 to K - 1; classes count alike, however rare they are.
    weights : ndarray of shape (n,) or None
    seed : int
    max_time : float, optional
        Seconds, after which no more trees are grown; a few of them always are.

    Returns
    -------
    ndarray of shape (n_features,)
        Not negative; all 1 where no feature tells anything.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.relevance import feature_relevance
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> int(feature_relevance(X, (X[:, 1] > 0).astype(int), None, seed=0).argmax())
    1
    """
    if len(X) > _MOST_ROWS:
        rows, _ = train_test_split(np.arange(len(X)), train_size=_MOST_ROWS, random_state=seed)
        rows = np.union1d(rows, _some_of_each(codes, _MOST_ROWS // 20))
        X, codes, weights = X[rows], codes[rows], None if weights is None else weights[rows]
    weights = compute_sample_weight("balanced", codes) * (1.0 if weights is None else weights)
    trees = ExtraTreesClassifier(0, min_samples_leaf=_LEAF, warm_start=True, random_state=seed)
    started = time.monotonic()
    for n_trees in range(_AT_ONCE, _TREES + 1, _AT_ONCE):
        trees.set_params(n_estimators=n_trees).fit(X, codes, sample_weight=weights)
        if max_time is not None and time.monotonic() - started > max_time:
            break
    told = trees.feature_importances_
    return told * len(told) if told.any() else np.ones(len(told))


def _some_of_each(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Positions of the first rows of each class, so that a sample of rows does not lose a rare one."""
    return np.concatenate([np.flatnonzero(codes == code)[:most] for code in np.unique(codes)])
