"""Images in a graph: bytes of any size, cropped and scaled as `equipoise.images.resizing` does, and their networks."""

import numpy as np

from equipoise.classifiers import NeuralClassifier
from equipoise.classifiers.views import placed_views
from equipoise.images import ImageReader
from equipoise.images.resizing import ROUNDING
from equipoise.onnx_export.graph import Graph
from equipoise.onnx_export.modules import ModuleGraph
from equipoise.onnx_export.perceptrons import clipped

_HEIGHT, _WIDTH = 1, 2  # axes of images (n, height, width, channels)


def image_graph(graph: Graph, reader: ImageReader) -> str:
    """Add images as input ``image``; return them in the size of the reader, as bytes (n, channels, height, width)."""
    image = graph.input("image", "image", reader.channels)
    graph.image_shape = reader.channels, reader.height, reader.width
    lengths = (graph.add("Shape", image, start=axis, end=axis + 1) for axis in (_HEIGHT, _WIDTH))
    sides = [graph.cast(length, np.float64) for length in lengths]  # each of shape (1,)
    wanted = (reader.height, reader.width)
    scales = [graph.add("Div", side, graph.constant([float(size)])) for side, size in zip(sides, wanted)]
    scale = graph.add("Min", *scales)
    kept = [_kept(graph, side, scale, size) for side, size in zip(sides, wanted)]
    part = _centre(graph, image, sides, kept)
    planes = graph.cast(graph.add("Transpose", part, perm=[0, 3, 1, 2]), np.float64)
    rows, columns = (_shares(graph, length, size) for length, size in zip(kept, wanted))
    scaled = graph.add("MatMul", graph.add("MatMul", rows, planes), graph.add("Transpose", columns, perm=[1, 0]))
    return graph.cast(graph.add("Floor", graph.add("Add", scaled, graph.constant(ROUNDING))), np.uint8)


def _kept(graph: Graph, side: str, scale: str, size: int) -> str:
    """Return how many pixels of a side the crop keeps."""
    fitting = graph.add("Mul", scale, graph.constant([float(size)]))
    whole = graph.add("Floor", graph.add("Add", fitting, graph.constant([ROUNDING])))
    return graph.add("Max", graph.constant([1.0]), graph.add("Min", side, whole))


def _centre(graph: Graph, image: str, sides: list[str], kept: list[str]) -> str:
    halves = graph.constant([2.0])
    starts = [graph.add("Floor", graph.add("Div", graph.add("Sub", s, k), halves)) for s, k in zip(sides, kept)]
    ends = [graph.add("Add", start, k) for start, k in zip(starts, kept)]
    first, last = (graph.cast(graph.add("Concat", *bounds, axis=0), np.int64) for bounds in (starts, ends))
    return graph.add("Slice", image, first, last, graph.constant([_HEIGHT, _WIDTH], np.int64))


def _shares(graph: Graph, length: str, size: int) -> str:
    """Return the share of each old pixel in each new one, of shape (size, length)."""
    scale = graph.add("Div", length, graph.constant([float(size)]))
    centres = graph.add("Mul", graph.constant(np.arange(size)[:, None] + 0.5), scale)
    count = graph.cast(graph.add("Squeeze", length), np.int64)
    numbers = graph.add("Range", graph.constant(0, np.int64), count, graph.constant(1, np.int64))
    old = graph.add("Add", graph.cast(numbers, np.float64), graph.constant(0.5))
    wide = graph.add("Max", scale, graph.constant([1.0]))
    distance = graph.add("Div", graph.add("Abs", graph.add("Sub", old, centres)), wide)
    share = graph.add("Max", graph.add("Sub", graph.constant([1.0]), distance), graph.constant([0.0]))
    return graph.add("Div", share, graph.add("ReduceSum", share, graph.constant([1], np.int64), keepdims=1))


def networks_on_images(graph: Graph, model: NeuralClassifier, images: str, shape: tuple[int, ...]) -> str:
    """Add the mean probability of a classifier's networks and its views of each image.

    ``images`` are bytes; ``shape`` is their channels, height and width.
    """
    ensemble, dtype, found = model.ensemble_, np.dtype(model.dtype), []
    assert ensemble.pattern_ is not None
    module = ModuleGraph(ensemble.pattern_, shape)
    members = [{name: array[r] for name, array in ensemble.weights_.items()} for r in range(ensemble.n_members)]
    _, height, width = shape
    for weight, rows, columns in placed_views(height, width, model.views):
        shown = graph.add("Gather", images, graph.constant(rows, np.int64), axis=2)
        shown = graph.add("Gather", shown, graph.constant(columns, np.int64), axis=3)
        pixels = clipped(graph, graph.cast(shown, dtype), model.scaler_, dtype)
        logits = (module.add(graph, weights, pixels) for weights in members)
        proba = (graph.add("Softmax", graph.cast(each, np.float64), axis=-1) for each in logits)
        share = graph.constant(weight / len(members), np.float64)
        found += [graph.add("Mul", each, share) for each in proba]
    return graph.add("Sum", *found)
