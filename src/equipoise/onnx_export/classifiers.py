"""Graphs of probabilities, one function a type of classifier."""

from functools import singledispatch
from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from equipoise.bilevel.row_score import LEAST, RowScore
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier, ResampledClassifier
from equipoise.decisions import (
    CalibratedClassifier,
    CapacityClassifier,
    PriorCorrectedClassifier,
    TunedThresholdsClassifier,
)
from equipoise.decisions.pool import FLOOR, TINY
from equipoise.images import ImageReader
from equipoise.networks.cosine import LEAST_NORM
from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.images import image_graph, networks_on_images
from equipoise.onnx_export.table import table_graph
from equipoise.onnx_export.trees import tree_probabilities
from equipoise.samplers.mubo_rows import RowInclusion
from equipoise.tables import PiecewiseLinearEncoder, TablePreprocessor
from equipoise.training import FittedEnsemble
from equipoise.training.scaling import Standardizer

Weights = dict[str, np.ndarray]

_TINY = 1e-12  # added by scikit-learn to probabilities before the logarithm


@runtime_checkable
class HasGraph(Protocol):
    """A custom classifier with its own graph."""

    def onnx_graph(self, graph: Graph, rows: str | None) -> str:
        """Add double probabilities (n, n_classes) of rows (n, n_features), or of the graph's input if None."""


@singledispatch
def probabilities(model: Any, graph: Graph, rows: str | None) -> str:
    """Add a classifier to a graph.

    Parameters
    ----------
    model : fitted classifier
    graph : Graph
    rows : str or None
        Value of shape (n, n_features), or None for the input of the graph.

    Returns
    -------
    str
        Value of shape (n, n_classes), double.

    Raises
    ------
    ValueError
        If the model has no graph.
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
            rows = _standardized(graph, _matrix(graph, step, rows), step)
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
    value = _clipped(graph, _matrix(graph, model, rows), model.scaler_)
    if model.encoder_ is not None:
        value = _with_codes(graph, graph.cast(value, np.dtype(model.dtype)), model.encoder_)
    return _stack(graph, model.ensemble_, value)


@probabilities.register
def _(model: AutoClassifier, graph: Graph, rows: str | None) -> str:
    """Product of powers of the members' probabilities, with an intercept for each class."""
    features = graph.cast(_clipped(graph, _matrix(graph, model, rows), model.scaler_), np.float32)
    coded = None if model.encoder_ is None else _with_codes(graph, features, model.encoder_)
    powers = [graph.constant(model.pool_.intercepts, np.float64)]
    for member, weight in zip(model.members_.values(), model.pool_.weights, strict=True):
        if isinstance(member, FittedEnsemble):
            reads_codes = member.weights_["weights.0"].shape[1] > model.n_features_in_
            proba = _networks(graph, member.weights_, coded if reads_codes and coded is not None else features)
        else:
            proba = tree_probabilities(graph, member, features)
        logs = graph.add("Log", graph.add("Add", proba, graph.constant(FLOOR, np.float64)))
        powers.append(graph.add("Mul", logs, graph.constant(weight, np.float64)))
    return graph.add("Softmax", graph.add("Sum", *powers), axis=-1)


@probabilities.register
def _(model: MUBOClassifier, graph: Graph, rows: str | None) -> str:
    return _stack(graph, model.ensemble_, _matrix(graph, model, rows))


@probabilities.register
def _(model: ResampledClassifier, graph: Graph, rows: str | None) -> str:
    """Odds of the classifier, divided by those of being drawn."""
    proba, inclusion = probabilities(model.classifier_, graph, rows), model.inclusion_
    if inclusion is None:
        return proba
    if not isinstance(inclusion, RowInclusion) or any(isinstance(width, tuple) for _, width in graph.inputs.values()):
        raise ValueError(
            f"{type(model.sampler).__name__} draws these rows with probabilities that have no ONNX graph, and without "
            "them the odds would be wrong. Predict in Python, or use a sampler without inclusion_proba."
        )
    rows = graph.cast(_clipped(graph, _matrix(graph, model, rows), inclusion.scaler), np.float32)
    columns = [_column(graph, proba, code) for code in range(len(model.classes_))]
    for code, law in inclusion.score.inclusion.items():
        scaled = graph.add("Mul", _score(graph, inclusion.score, rows, code), graph.constant(law.scale, np.float64))
        chance = graph.add("Add", scaled, graph.constant(law.base, np.float64))
        columns[code] = graph.add("Div", columns[code], graph.add("Min", chance, graph.constant(1, np.float64)))
    return _normalized(graph, graph.add("Concat", *columns, axis=1))


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
    return _normalized(graph, graph.add("Mul", probabilities(model.estimator_, graph, rows), ratio))


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


def _matrix(graph: Graph, model: Any, rows: str | None) -> str:
    """Return rows as double; the input of a graph of numbers is X."""
    return graph.input("X", "matrix", model.n_features_in_) if rows is None else graph.cast(rows, np.float64)


def _standardized(graph: Graph, value: str, scaler: StandardScaler | Standardizer) -> str:
    if scaler.mean_ is not None and getattr(scaler, "with_mean", True):
        value = graph.add("Sub", value, graph.constant(scaler.mean_, np.float64))
    if scaler.scale_ is not None:
        value = graph.add("Div", value, graph.constant(scaler.scale_, np.float64))
    return value


def _clipped(graph: Graph, value: str, scaler: Standardizer | None) -> str:
    if scaler is None:
        return value
    value = _standardized(graph, value, scaler)
    if scaler.clip_ is None:
        return value
    bounds = graph.constant(-scaler.clip_, np.float64), graph.constant(scaler.clip_, np.float64)
    return graph.add("Clip", value, *bounds)


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
        rows = _clipped(graph, rows, stack.scaler_)
    return _networks(graph, stack.weights_, rows)


def _networks(graph: Graph, weights: Weights, rows: str) -> str:
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


def _score(graph: Graph, score: RowScore, rows: str, code: int) -> str:
    """Add scores of rows as if they were of a class, (n, 1), as `RowScore.of` gives them."""
    assert score.pilot is not None  # a search has one after its first step
    proba, least = _networks(graph, score.pilot.weights_, rows), graph.constant(LEAST, np.float64)
    if score.scorer is None:
        odds = proba if score.priors is None else graph.add("Mul", proba, graph.constant(score.priors, np.float64))
        loss = graph.add("Neg", graph.add("Log", _column(graph, _normalized(graph, odds), code)))
        return graph.add("Max", loss, least)
    logs = graph.add("Log", graph.add("Max", proba, least))
    own, axis = _column(graph, logs, code), graph.constant([1], np.int64)
    others = graph.constant([k for k in range(score.n_classes) if k != code], np.int64)
    best = graph.add("ReduceMax", graph.add("Gather", logs, others, axis=1), axis, keepdims=1)
    margin = graph.add("Div", graph.add("Sub", own, best), graph.constant(4, np.float64))
    near = [_log_distances(graph, rows, part) for part in score.landmarks]
    seen = [graph.cast(value, np.float32) for value in (rows, graph.add("Neg", own), margin, *near)]
    found = _networks(graph, score.scorer.weights_, graph.add("Concat", *seen, axis=1))
    return graph.add("Div", _column(graph, found, 1), graph.add("Max", _column(graph, found, 0), least))


def _log_distances(graph: Graph, rows: str, landmarks: np.ndarray) -> str:
    """Add the logarithm of 1 and the distance to the nearest landmark, (n, 1)."""
    rows, marks, axis = graph.cast(rows, np.float64), landmarks.astype(np.float64), graph.constant([1], np.int64)
    products = graph.add("MatMul", rows, graph.constant(-2 * marks.T))
    squares = graph.add("Sum", graph.add("ReduceSumSquare", rows, axis), products, graph.constant((marks**2).sum(1)))
    nearest = graph.add("Max", graph.add("ReduceMin", squares, axis), graph.constant(0, np.float64))
    return graph.add("Log", graph.add("Add", graph.add("Sqrt", nearest), graph.constant(1, np.float64)))


def _column(graph: Graph, value: str, code: int) -> str:
    return graph.add("Gather", value, graph.constant([code], np.int64), axis=1)


def _normalized(graph: Graph, value: str) -> str:
    return graph.add("Div", value, graph.add("ReduceSum", value, graph.constant([-1], np.int64), keepdims=1))
