"""Graphs of probabilities, one function a type of classifier."""

from functools import singledispatch
from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier, ResampledClassifier
from equipoise.decisions import (
    CalibratedClassifier,
    CapacityClassifier,
    PriorCorrectedClassifier,
    TunedThresholdsClassifier,
)
from equipoise.decisions.pool import FLOOR, TINY
from equipoise.images import ImageReader
from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.images import image_graph, networks_on_images
from equipoise.onnx_export.inclusion import inclusion_graph
from equipoise.onnx_export.perceptrons import clipped, column, matrix, networks, normalized, standardized
from equipoise.onnx_export.table import table_graph
from equipoise.onnx_export.trees import tree_probabilities
from equipoise.tables import PiecewiseLinearEncoder, TablePreprocessor
from equipoise.training import FittedEnsemble

_TINY = 1e-12  # added by scikit-learn to probabilities before the logarithm


@runtime_checkable
class HasGraph(Protocol):
    """A custom classifier with its own graph."""

    def onnx_graph(self, graph: Graph, rows: str | None) -> str:
        """Add double probabilities (n, n_classes) of rows (n, n_features), or of the graph's input if None."""


@singledispatch
def probabilities(model: Any, graph: Graph, rows: str | None) -> str:
    """Add a classifier to a graph.

    Returns a double value of shape (n, n_classes); ``rows`` are (n, n_features), or None for the input of the graph.
    Raises ValueError if the model has no graph.
    """
    if isinstance(model, HasGraph):
        return model.onnx_graph(graph, rows)
    raise ValueError(f"{type(model).__name__} has no ONNX graph. Export `auto` or a recipe that trains networks.")


@probabilities.register
def _(model: Pipeline, graph: Graph, rows: str | None) -> str:
    for _, step in model.steps[:-1]:
        if isinstance(step, TablePreprocessor) and rows is None:
            rows = table_graph(graph, step)
        elif isinstance(step, ImageReader) and rows is None:
            rows = image_graph(graph, step)
        elif isinstance(step, StandardScaler):
            rows = standardized(graph, matrix(graph, step, rows), step)
        elif step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
            raise ValueError(
                f"{type(step).__name__} has no ONNX graph. Before a classifier, use TablePreprocessor as the first "
                "step, or StandardScaler."
            )
    return probabilities(model[-1], graph, rows)


@probabilities.register
def _(model: FrozenEstimator, graph: Graph, rows: str | None) -> str:
    return probabilities(model.estimator, graph, rows)


@probabilities.register
def _(model: NeuralClassifier, graph: Graph, rows: str | None) -> str:
    if model.ensemble_.pattern_ is not None and rows is not None and graph.image_shape is not None:
        return networks_on_images(graph, model, rows, graph.image_shape)
    if model.ensemble_.pattern_ is not None and rows is None and (shape := model.image_shape):
        pixels = graph.input("X", "bytes" if model.reads_bytes_ else "matrix", shape)
        return networks_on_images(graph, model, pixels, shape)
    value = clipped(graph, matrix(graph, model, rows), model.scaler_)
    if model.encoder_ is not None:
        value = _with_codes(graph, graph.cast(value, np.dtype(model.dtype)), model.encoder_)
    return _stack(graph, model.ensemble_, value)


@probabilities.register
def _(model: AutoClassifier, graph: Graph, rows: str | None) -> str:
    """Product of powers of the members' probabilities, with an intercept for each class."""
    features = graph.cast(clipped(graph, matrix(graph, model, rows), model.scaler_), np.float32)
    coded = None if model.encoder_ is None else _with_codes(graph, features, model.encoder_)
    powers = [graph.constant(model.pool_.intercepts, np.float64)]
    for member, weight in zip(model.members_.values(), model.pool_.weights, strict=True):
        if isinstance(member, FittedEnsemble):
            reads_codes = member.weights_["weights.0"].shape[1] > model.n_features_in_
            proba = networks(graph, member.weights_, coded if reads_codes and coded is not None else features)
        else:
            proba = tree_probabilities(graph, member, features)
        logs = graph.add("Log", graph.add("Add", proba, graph.constant(FLOOR, np.float64)))
        powers.append(graph.add("Mul", logs, graph.constant(weight, np.float64)))
    return graph.add("Softmax", graph.add("Sum", *powers), axis=-1)


@probabilities.register
def _(model: MUBOClassifier, graph: Graph, rows: str | None) -> str:
    return _stack(graph, model.ensemble_, matrix(graph, model, rows))


@probabilities.register
def _(model: ResampledClassifier, graph: Graph, rows: str | None) -> str:
    """Odds of the classifier, divided by those of being drawn."""
    proba = probabilities(model.classifier_, graph, rows)
    if model.inclusion_ is None:
        return proba
    columns = [column(graph, proba, code) for code in range(len(model.classes_))]
    for code, chance in inclusion_graph(model, graph, rows).items():
        columns[code] = graph.add("Div", columns[code], chance)
    return normalized(graph, graph.add("Concat", *columns, axis=1))


@probabilities.register
def _(model: TunedThresholdsClassifier | CapacityClassifier, graph: Graph, rows: str | None) -> str:
    return probabilities(model.estimator_, graph, rows)


@probabilities.register
def _(model: CalibratedClassifier, graph: Graph, rows: str | None) -> str:
    """Powers of the probabilities, with an intercept for each class."""
    proba = graph.add("Add", probabilities(model.estimator_, graph, rows), graph.constant(TINY, np.float64))
    scaled = graph.add("Mul", graph.add("Log", proba), graph.constant(model.exponent_, np.float64))
    return graph.add("Softmax", graph.add("Add", scaled, graph.constant(model.intercepts_, np.float64)), axis=-1)


@probabilities.register
def _(model: PriorCorrectedClassifier, graph: Graph, rows: str | None) -> str:
    ratio = graph.constant(model.target_priors_ / model.priors_, np.float64)
    return normalized(graph, graph.add("Mul", probabilities(model.estimator_, graph, rows), ratio))


@probabilities.register
def _(model: CalibratedClassifierCV, graph: Graph, rows: str | None) -> str:
    """Temperature scaling (Guo et al. 2017, section 4.2), averaged over the folds."""
    if model.method != "temperature":
        raise ValueError(f"CalibratedClassifierCV(method={model.method!r}) has no ONNX graph; use 'temperature'.")
    found = []
    for fold in model.calibrated_classifiers_:
        proba = probabilities(fold.estimator, graph, rows)
        logits = graph.add("Log", graph.add("Add", proba, graph.constant(_TINY, np.float64)))
        beta = graph.constant(fold.calibrators[0].beta_, np.float64)
        found.append(graph.add("Softmax", graph.add("Mul", logits, beta), axis=-1))
    total = graph.add("Sum", *found)
    return graph.add("Div", total, graph.constant(len(found), np.float64))


def _with_codes(graph: Graph, value: str, encoder: PiecewiseLinearEncoder) -> str:
    dtype = encoder.starts_.dtype
    of_codes = graph.add("Gather", value, graph.constant(encoder.columns_, np.int64), axis=1)
    passed = graph.add("Sub", of_codes, graph.constant(encoder.starts_))
    shares = graph.add("Div", passed, graph.constant(encoder.widths_))
    codes = graph.add("Clip", shares, graph.constant(0, dtype), graph.constant(1, dtype))
    return graph.add("Concat", value, codes, axis=1)


def _stack(graph: Graph, stack: FittedEnsemble, rows: str) -> str:
    if stack.pattern_ is not None:
        raise ValueError(
            "A network given as a module has a graph here if it reads images of numbers only. Export "
            "ensemble_.to_module() with torch.onnx, or use network='mlp' or 'cosine_mlp'."
        )
    if stack.scaler_ is not None:
        rows = clipped(graph, rows, stack.scaler_)
    return networks(graph, stack.weights_, rows)
