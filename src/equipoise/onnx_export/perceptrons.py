"""Perceptrons in a graph, and what stands around them: scaled rows, columns and shares of probabilities."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.preprocessing import StandardScaler

from equipoise.networks.cosine import LEAST_NORM
from equipoise.onnx_export.graph import Graph
from equipoise.training.scaling import Standardizer

Weights = dict[str, np.ndarray]


def matrix(graph: Graph, model: Any, rows: str | None) -> str:
    """Return rows as double; the input of a graph of numbers is X."""
    return graph.input("X", "matrix", model.n_features_in_) if rows is None else graph.cast(rows, np.float64)


def standardized(graph: Graph, value: str, scaler: StandardScaler | Standardizer, dtype: DTypeLike = np.float64) -> str:
    """Return rows of mean 0 and deviation 1."""
    if scaler.mean_ is not None and getattr(scaler, "with_mean", True):
        value = graph.add("Sub", value, graph.constant(scaler.mean_, dtype))
    if scaler.scale_ is not None:
        value = graph.add("Div", value, graph.constant(scaler.scale_, dtype))
    return value


def clipped(graph: Graph, value: str, scaler: Standardizer | None, dtype: DTypeLike = np.float64) -> str:
    """Return standardised rows, within the bounds of the scaler."""
    if scaler is None:
        return value
    value = standardized(graph, value, scaler, dtype)
    if scaler.clip_ is None:
        return value
    return graph.add("Clip", value, *(graph.constant(bound, dtype) for bound in (-scaler.clip_, scaler.clip_)))


def networks(graph: Graph, weights: Weights, rows: str) -> str:
    """Mean probability of the members: one matrix product a layer for all, as in `MLPStack`."""
    value = graph.cast(rows, weights["weights.0"].dtype)
    depth = sum(name.startswith("weights.") for name in weights)
    for i in range(depth):
        if i:
            value = graph.add("Relu", value)
        layer = weights[f"weights.{i}"]
        if "scale" in weights and i == depth - 1:
            value = _cosines(graph, value, layer, weights["scale"])
        else:
            product = graph.add("MatMul", value, graph.constant(layer))
            value = graph.add("Add", product, graph.constant(weights[f"biases.{i}"]))
    proba = graph.add("Softmax", graph.cast(value, np.float64), axis=-1)
    return graph.add("ReduceMean", proba, graph.constant([0], np.int64), keepdims=0)


def _cosines(graph: Graph, value: str, layer: np.ndarray, scale: np.ndarray) -> str:
    least = graph.constant(LEAST_NORM, layer.dtype)
    norms = graph.add("ReduceL2", value, graph.constant([-1], np.int64), keepdims=1)
    lengths = np.maximum(np.linalg.norm(layer, axis=-2, keepdims=True), LEAST_NORM)
    columns = graph.constant(scale * layer / lengths, layer.dtype)
    return graph.add("Div", graph.add("MatMul", value, columns), graph.add("Max", norms, least))


def column(graph: Graph, value: str, code: int) -> str:
    """Return a column, of shape (n, 1)."""
    return graph.add("Gather", value, graph.constant([code], np.int64), axis=1)


def normalized(graph: Graph, value: str) -> str:
    """Return rows divided by their sums."""
    return graph.add("Div", value, graph.add("ReduceSum", value, graph.constant([-1], np.int64), keepdims=1))
