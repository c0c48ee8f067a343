"""How well columns tell classes apart: AUC on held-out rows, of a column alone, of its bins, of a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier


def auc(scores: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the ROC AUC of scores (n, K): of the second of two classes, else one class against the rest, the mean."""
    if scores.shape[1] == 2:
        return float(roc_auc_score(codes, scores[:, 1]))
    return float(np.mean([roc_auc_score(codes == k, scores[:, k]) for k in range(scores.shape[1])]))


def column_auc(values: NDArray[Any], codes: NDArray[np.int64], category: bool) -> float:
    """Return the AUC of a small tree on one column, fitted on one half of the rows and scored on the other."""
    half = np.random.default_rng(0).permutation(len(codes)) % 2 == 0
    if min(np.unique(codes[side]).size for side in (half, ~half)) < np.unique(codes).size:
        return 0.5
    if category:
        shape, prior = (values.max() + 2, codes.max() + 1), np.bincount(codes) / len(codes)  # level -1 first
        counts = np.bincount((values[half] + 1) * shape[1] + codes[half], minlength=shape[0] * shape[1]).reshape(shape)
        scores = ((counts + prior) / (counts.sum(axis=1, keepdims=True) + 1))[values[~half] + 1]
    else:
        filled = np.nan_to_num(values, nan=beyond(values))[:, None]
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=3, class_weight="balanced", random_state=0)
        scores = tree.fit(filled[half], codes[half]).predict_proba(filled[~half])
    if scores.shape[1] != np.unique(codes).size:
        return 0.5
    return auc(scores, codes[~half])


def binned(values: NDArray[Any], train: NDArray[np.bool_], n_bins: int) -> NDArray[np.int64]:
    """Return the bin of each number, by quantiles of the training rows; missing ones come first."""
    filled = np.nan_to_num(values, nan=beyond(values))
    in_order = np.sort(filled[train])
    edges = in_order[np.linspace(0, len(in_order), n_bins, endpoint=False).astype(int)[1:]]
    return np.searchsorted(edges, filled, side="right")


def binned_auc(train: NDArray[np.float64], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the held-out AUC of the class shares of bins, one class against the rest.

    Arrays are of rows by bin and class, (m, n_bins, K), of m ways to bin them.
    """
    prior = train.sum(axis=1, keepdims=True) / train.sum(axis=(1, 2), keepdims=True)
    shares = (train + prior) / (train.sum(axis=2, keepdims=True) + 1)
    found = []
    for k in (1,) if train.shape[2] == 2 else range(train.shape[2]):
        order = np.argsort(shares[:, :, k], axis=1)
        own, all_rows = (np.take_along_axis(rows, order, axis=1) for rows in (test[:, :, k], test.sum(axis=2)))
        others = all_rows - own
        below = np.cumsum(others, axis=1) - others / 2
        pairs = own.sum(axis=1) * others.sum(axis=1)
        found.append(np.where(pairs > 0, (own * below).sum(axis=1) / np.maximum(pairs, 1), 0.5))
    return np.mean(found, axis=0)


def beyond(values: NDArray[Any]) -> float:
    """Return a number below all others, which stands for the missing ones in a tree."""
    known = values[~np.isnan(values)]
    return float(known.min() - 1 - abs(known.min())) if known.size else 0.0
