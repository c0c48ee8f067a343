"""Forests and histogram boosting of scikit-learn as tree ensembles of ONNX."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from equipoise.onnx_export.graph import Graph


@dataclass(frozen=True)
class _Tree:
    """Nodes of a tree, the root first."""

    left: NDArray[Any]  # (n_nodes,)
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[np.float64]  # (n_nodes,): rows of at most this go left
    is_leaf: NDArray[np.bool_]  # (n_nodes,)
    values: NDArray[np.float64]  # (n_nodes, n_targets): what a leaf adds to each target
    first_target: int = 0


def tree_probabilities(graph: Graph, model: Any, rows: str) -> str:
    """Add probabilities (n, n_classes), double, of float rows (n, n_features) without missing cells.

    Raises ValueError if the model is no such ensemble, or has categorical splits.
    """
    if isinstance(model, ExtraTreesClassifier):
        return graph.cast(_ensemble(graph, _of_forest(model), rows, len(model.classes_)), np.float64)
    if not isinstance(model, HistGradientBoostingClassifier):
        raise ValueError(f"{type(model).__name__} has no ONNX graph.")
    n_targets = model.n_trees_per_iteration_
    raw = graph.cast(_ensemble(graph, _of_boosting(model), rows, n_targets), np.float64)
    raw = graph.add("Add", raw, graph.constant(model._baseline_prediction, np.float64))
    if n_targets == 1:  # of two classes, the log odds of the second
        half = graph.add("Mul", raw, graph.constant(0.5, np.float64))
        raw = graph.add("Concat", graph.add("Neg", half), half, axis=1)
    return graph.add("Softmax", raw, axis=-1)


def _of_forest(forest: ExtraTreesClassifier) -> Iterable[_Tree]:
    for estimator in forest.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) / len(forest.estimators_)
        is_leaf = tree.children_left < 0
        yield _Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, is_leaf, shares)


def _of_boosting(boosting: HistGradientBoostingClassifier) -> Iterable[_Tree]:
    for of_round in boosting._predictors:
        for target, predictor in enumerate(of_round):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise ValueError("Boosting with native categorical splits has no ONNX graph.")
            splits = nodes["left"], nodes["right"], nodes["feature_idx"], nodes["num_threshold"]
            yield _Tree(*splits, nodes["is_leaf"] > 0, nodes["value"][:, None], target)


def _ensemble(graph: Graph, trees: Iterable[_Tree], rows: str, n_targets: int) -> str:
    """Add the sums of the trees' leaves, (n, n_targets), float."""
    nodes: dict[str, list[NDArray[Any]]] = {}
    leaves: dict[str, list[NDArray[Any]]] = {}
    for number, tree in enumerate(trees):
        n_nodes, n_values = tree.values.shape
        inner = ~tree.is_leaf
        columns = {
            "treeids": np.full(n_nodes, number),
            "nodeids": np.arange(n_nodes),
            "featureids": np.where(inner, tree.feature, 0),
            "values": np.where(inner, _rounded_down(tree.threshold), np.float32(0)),
            "modes": np.where(inner, "BRANCH_LEQ", "LEAF"),
            "truenodeids": np.where(inner, tree.left, 0),
            "falsenodeids": np.where(inner, tree.right, 0),
        }
        ends = np.flatnonzero(tree.is_leaf)
        of_leaves = {
            "treeids": np.full(len(ends) * n_values, number),
            "nodeids": ends.repeat(n_values),
            "ids": np.tile(tree.first_target + np.arange(n_values), len(ends)),
            "weights": tree.values[ends].ravel().astype(np.float32),
        }
        for into, found in ((nodes, columns), (leaves, of_leaves)):
            for name, values in found.items():
                into.setdefault(name, []).append(values)
    attributes = {f"nodes_{name}": np.concatenate(parts).tolist() for name, parts in nodes.items()}
    attributes |= {f"target_{name}": np.concatenate(parts).tolist() for name, parts in leaves.items()}
    return graph.add("TreeEnsembleRegressor", rows, domain="ai.onnx.ml", n_targets=n_targets, **attributes)


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest floats of 32 bits that are not larger: rows of 32 bits fall on the same side of them."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
