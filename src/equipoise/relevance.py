"""Feature importances by extremely randomised trees.

Geurts, Ernst and Wehenkel, "Extremely Randomized Trees" (Machine Learning 63, 2006): the decrease of impurity by the
splits on a feature. Cuts are random, so an uninformative feature with many values gains little.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_sample_weight

_TREES, _AT_ONCE = 200, 25
_MOST_ROWS = 10_000  # of a tree
_LEAF = 2  # fewest rows of a leaf


def feature_relevance(
    X: NDArray[Any],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    seed: int,
    max_time: float | None = None,
) -> NDArray[np.float64]:
    """Return the importance of each feature, scaled to mean 1.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    codes : ndarray of shape (n,)
        Class of each row, 0 to K - 1. All classes have equal weight.
    weights : ndarray of shape (n,) or None
    seed : int
    max_time : float, optional
        Time limit in seconds, after the first trees.

    Returns
    -------
    ndarray of shape (n_features,)
        Not negative; all 1 if no feature is informative.

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
    found = trees.feature_importances_
    return found * len(found) if found.any() else np.ones(len(found))


def _some_of_each(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Positions of the first rows of each class, to keep minority classes in a sample."""
    return np.concatenate([np.flatnonzero(codes == code)[:most] for code in np.unique(codes)])
