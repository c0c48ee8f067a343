"""Probabilities with which rows are drawn, as graphs: one function a type of score."""

from functools import singledispatch
from typing import Any

import numpy as np

from equipoise.bilevel.learned_score import LearnedScore
from equipoise.bilevel.row_score import LEAST, LossScore
from equipoise.classifiers import ResampledClassifier
from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.perceptrons import clipped, column, matrix, networks, normalized
from equipoise.samplers.mubo_rows import RowInclusion


def inclusion_graph(model: ResampledClassifier, graph: Graph, rows: str | None) -> dict[int, str]:
    """Add the probabilities (n, 1) with which a sampler draws rows, by the class that they are taken for.

    Classes that are all kept are left out. Raises ValueError if the probabilities have no graph.
    """
    inclusion = model.inclusion_
    if not isinstance(inclusion, RowInclusion) or any(isinstance(width, tuple) for _, width in graph.inputs.values()):
        raise _no_graph(inclusion)
    rows = graph.cast(clipped(graph, matrix(graph, model, rows), inclusion.scaler), np.float32)
    chances = {}
    for code, law in inclusion.draw.inclusion.items():
        scaled = graph.add("Mul", score_graph(inclusion.draw.score, graph, rows, code), graph.constant(law.scale))
        chance = graph.add("Add", scaled, graph.constant(law.base))
        chances[code] = graph.add("Min", chance, graph.constant(1.0))
    return chances


@singledispatch
def score_graph(score: Any, graph: Graph, rows: str, code: int) -> str:
    """Add scores of rows as if they were of a class, (n, 1), as its ``of`` gives them."""
    raise _no_graph(score)


def _no_graph(part: Any) -> ValueError:
    return ValueError(
        f"The sampler draws rows with probabilities that have no ONNX graph ({type(part).__name__}), and without them "
        "the odds would be wrong. Predict in Python, or use a sampler without inclusion_proba."
    )


@score_graph.register
def _(score: LossScore, graph: Graph, rows: str, code: int) -> str:
    proba = networks(graph, score.pilot.weights_, rows)
    shares = normalized(graph, graph.add("Mul", proba, graph.constant(score.priors, np.float64)))
    loss = graph.add("Neg", graph.add("Log", column(graph, shares, code)))
    return graph.add("Max", loss, graph.constant(LEAST, np.float64))


@score_graph.register
def _(score: LearnedScore, graph: Graph, rows: str, code: int) -> str:
    proba, least = networks(graph, score.pilot.weights_, rows), graph.constant(LEAST, np.float64)
    logs = graph.add("Log", graph.add("Max", proba, least))
    own, axis = column(graph, logs, code), graph.constant([1], np.int64)
    others = graph.constant([k for k in range(len(score.pilot.classes_)) if k != code], np.int64)
    best = graph.add("ReduceMax", graph.add("Gather", logs, others, axis=1), axis, keepdims=1)
    margin = graph.add("Div", graph.add("Sub", own, best), graph.constant(4, np.float64))
    near = [_log_distances(graph, rows, part) for part in score.landmarks]
    seen = [graph.cast(value, np.float32) for value in (rows, graph.add("Neg", own), margin, *near)]
    found = networks(graph, score.scorer.weights_, graph.add("Concat", *seen, axis=1))
    return graph.add("Div", column(graph, found, 1), graph.add("Max", column(graph, found, 0), least))


def _log_distances(graph: Graph, rows: str, landmarks: np.ndarray) -> str:
    """Add the logarithm of 1 and the distance to the nearest landmark, (n, 1)."""
    rows, marks, axis = graph.cast(rows, np.float64), landmarks.astype(np.float64), graph.constant([1], np.int64)
    products = graph.add("MatMul", rows, graph.constant(-2 * marks.T))
    squares = graph.add("Sum", graph.add("ReduceSumSquare", rows, axis), products, graph.constant((marks**2).sum(1)))
    nearest = graph.add("Max", graph.add("ReduceMin", squares, axis), graph.constant(0, np.float64))
    return graph.add("Log", graph.add("Add", graph.add("Sqrt", nearest), graph.constant(1, np.float64)))
