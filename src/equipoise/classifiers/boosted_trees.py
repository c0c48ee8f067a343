"""Small boosted trees as tables of bits, which predict several times as fast as node by node.

QuickScorer (Lucchese et al., "QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of Regression
Trees", SIGIR 2015): a row starts with all leaves of a tree, each split that it fails takes the leaves on its left away,
and the first leaf that is left is the row's. Here all splits on a feature are one table: the bits that are left of each
tree, by the number of cuts below the value.
"""

from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.ensemble import HistGradientBoostingClassifier

MOST_LEAVES = 16
"""Leaves of a tree, at most: each is a bit of a number."""

_ALL = np.uint16(0xFFFF)
_TREES_AT_ONCE = 1 << 17  # of all rows together: what is left of them stays in fast caches
_PRODUCT, _SHIFT = np.uint16(0x0F65), np.uint16(12)  # of de Bruijn: 16 powers of two, 16 different places


def _places(lowest: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Turn powers of two into their places among the values of a tree, in place."""
    lowest *= _PRODUCT
    lowest >>= _SHIFT
    return lowest


class BoostedTrees:
    """What `HistGradientBoostingClassifier` predicts from numbers without gaps, for trees of at most 16 leaves.

    Probabilities are the same up to rounding. Raises ValueError for larger trees.
    """

    def __init__(self, boosting: HistGradientBoostingClassifier) -> None:
        trees = [predictor.nodes for of_round in boosting._predictors for predictor in of_round]
        sizes = np.array([len(tree) for tree in trees])
        nodes, tree = np.concatenate(trees), np.repeat(np.arange(len(trees)), sizes)
        offset = (sizes.cumsum() - sizes)[tree]
        left, right = (nodes[side].astype(np.int64) + offset for side in ("left", "right"))
        is_leaf = nodes["is_leaf"] > 0
        n_leaves, first = _leaves(nodes["depth"], left, right, is_leaf)
        if n_leaves.max() > MOST_LEAVES:
            raise ValueError(f"Trees of at most {MOST_LEAVES} leaves are read, got one of {n_leaves.max()}.")
        self.n_trees, self._n_sums = len(trees), boosting.n_trees_per_iteration_
        self._baseline = boosting._baseline_prediction
        self._values = np.zeros((len(trees), MOST_LEAVES))
        ends, inner = np.flatnonzero(is_leaf), np.flatnonzero(~is_leaf)
        bits = np.uint16(1) << np.arange(MOST_LEAVES, dtype=np.uint16)
        self._values[tree[ends], _places(bits[first[ends]])] = nodes["value"][ends]
        kept = _ALL ^ (((1 << n_leaves[left[inner]]) - 1) << first[inner]).astype(np.uint16)
        splits = nodes["feature_idx"][inner], nodes["num_threshold"][inner], tree[inner], kept
        self._tables = [
            (feature, *self._table(*(part[splits[0] == feature] for part in splits[1:])))
            for feature in np.unique(splits[0])
        ]

    @classmethod
    def of(cls, boosting: HistGradientBoostingClassifier) -> Self:
        """Return the tables of a boosting, kept from call to call as long as it has as many trees."""
        found = _KEPT.get(boosting)
        if found is None or found.n_trees != sum(map(len, boosting._predictors)):
            found = _KEPT[boosting] = cls(boosting)
        return found

    def _table(
        self, thresholds: NDArray[np.float64], trees: NDArray[np.int64], kept: NDArray[np.uint16]
    ) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
        """Return the cuts of a feature, and the leaves (n_cuts + 1, n_trees) that are left above so many of them."""
        cuts, rank = np.unique(thresholds, return_inverse=True)
        table = np.full((len(cuts) + 1, self.n_trees), _ALL)
        np.bitwise_and.at(table, (rank + 1, trees), kept)
        return cuts, np.bitwise_and.accumulate(table, axis=0)

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities (n, n_classes) of rows (n, n_features)."""
        below = [(cuts.searchsorted(X[:, feature]), table) for feature, cuts, table in self._tables]
        raw = np.empty((len(X), self._n_sums))
        of_tree = np.arange(0, self._values.size, MOST_LEAVES)
        at_once = -(-_TREES_AT_ONCE // self.n_trees)
        for start in range(0, len(X), at_once):
            part = slice(start, start + at_once)
            left = np.full((len(raw[part]), self.n_trees), _ALL)
            of_feature = np.empty_like(left)
            for n_below, table in below:
                left &= table.take(n_below[part], axis=0, out=of_feature, mode="clip")
            left &= np.negative(left, out=of_feature)  # the lowest bit
            values = self._values.take(_places(left) + of_tree)
            raw[part] = values.reshape(len(left), -1, self._n_sums).sum(axis=1)
        raw += self._baseline
        if self._n_sums > 1:
            return softmax(raw, axis=1)
        proba = expit(raw)
        return np.concatenate([1 - proba, proba], axis=1)


_KEPT: WeakKeyDictionary[HistGradientBoostingClassifier, Any] = WeakKeyDictionary()


def _leaves(
    depth: NDArray[np.integer], left: NDArray[np.int64], right: NDArray[np.int64], is_leaf: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of each node the number of leaves below it, and that of the leaves to its left."""
    n_leaves, first = is_leaf.astype(np.int64), np.zeros(len(depth), dtype=np.int64)
    levels = [np.flatnonzero(~is_leaf & (depth == level)) for level in range(depth.max())]
    for nodes in reversed(levels):
        n_leaves[nodes] = n_leaves[left[nodes]] + n_leaves[right[nodes]]
    for nodes in levels:
        first[left[nodes]] = first[nodes]
        first[right[nodes]] = first[nodes] + n_leaves[left[nodes]]
    return n_leaves, first
