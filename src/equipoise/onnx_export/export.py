"""`export_onnx` writes a model for onnxruntime; `onnx_inputs` converts a table to its inputs."""

import json
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from equipoise import __version__
from equipoise.classifiers.decider import decider
from equipoise.describing import Decides
from equipoise.files import replacing
from equipoise.onnx_export.classifiers import probabilities
from equipoise.onnx_export.graph import Graph, element_type
from equipoise.rules import Rule
from equipoise.tables.columns import MISSING_LEVEL, Kind, NumericColumn, TextColumn, read_column


def export_onnx(model: ClassifierMixin, path: str | Path) -> None:
    """Write a fitted classifier as one ONNX graph, which runs without this library.

    The graph holds preprocessing, all networks, pools, prior correction, temperature and decisions. A recipe for tables
    has one input of shape (n, 1) for each column in use: numbers, booleans (0 and 1) and dates (days since 1970-01-01
    UTC) as double, NaN if missing; categories as strings, empty if missing. A classifier for numbers has one input
    ``X`` of shape (n, n_features), double. `onnx_inputs` converts a table to these inputs. A model of images has one
    input ``image``: bytes (uint8) of shape (n, height, width, channels), upright, of any height and width, which the
    graph crops and scales; a `NeuralClassifier` fitted on pixels has one input ``X`` as at fit, (n, channels, height,
    width), bytes or double.

    Outputs are ``label`` (n,) and ``probabilities`` (n, n_classes), double. Metadata as json: ``classes``, ``columns``
    (kinds by name) and ``formats`` (of numbers and dates in text).

    Parameters
    ----------
    model : fitted classifier
        A recipe that trains networks, for tables or images, `AutoClassifier`, `NeuralClassifier` or `MUBOClassifier`,
        also within a pipeline after StandardScaler, and within `PriorCorrectedClassifier`, `CalibratedClassifier`,
        `TunedThresholdsClassifier`, `CapacityClassifier`, `ResampledClassifier` and
        ``CalibratedClassifierCV(method="temperature")``.
    path : str or Path
        File to write; an older one is replaced.

    Raises
    ------
    ValueError
        If a part of the model has no graph, such as boosting.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Notes
    -----
    Probabilities agree with the model's to 1e-5. The model refuses infinite numbers, but the graph clips them.

    Examples
    --------
    >>> import tempfile
    >>> import onnxruntime
    >>> from sklearn.datasets import load_breast_cancer
    >>> from equipoise import recipes
    >>> from equipoise.onnx_export import export_onnx, onnx_inputs
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = recipes.make("remix", max_steps=50, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(model, f"{folder}/model.onnx")
    ...     session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
    ...     label, proba = session.run(None, onnx_inputs(f"{folder}/model.onnx", X))
    >>> bool(abs(proba - model.predict_proba(X)).max() < 1e-5)
    True
    """
    check_is_fitted(model)
    graph = Graph()
    proba = probabilities(model, graph, None)
    classes = _labels(model.classes_)
    label = graph.add("Gather", graph.constant(classes), _decision(graph, model, proba), axis=0)
    outputs: dict[str, tuple[str, int, list[Any]]] = {
        _free("label", graph): (label, element_type(classes), ["n"]),
        _free("probabilities", graph): (proba, onnx.TensorProto.DOUBLE, ["n", len(classes)]),
    }
    kinds = {name: kind for name, (kind, _) in graph.inputs.items()}
    metadata = {"equipoise": __version__, "classes": json.dumps(classes.tolist()), "columns": json.dumps(kinds)}
    metadata["formats"] = json.dumps({name: graph.formats[name] for name in kinds if name in graph.formats})
    written = graph.finish(outputs, metadata)
    target = Path(path)
    with replacing(target) as draft:
        draft.write_bytes(written.SerializeToString())


def onnx_inputs(path: str | Path, X: Any) -> dict[str, NDArray[Any]]:
    """Convert a table to the inputs of an exported model, for ``onnxruntime.InferenceSession.run``.

    Parameters
    ----------
    path : str or Path
        File of `export_onnx`.
    X : frame or array-like of shape (n, n_features)
        Frame with the columns in use, in any order, or array with the columns seen by `fit`; of images, bytes of shape
        (n, height, width) or (n, height, width, 3); of a classifier of pixels, these.

    Returns
    -------
    dict of str to ndarray of shape (n, 1), or of shape (n, n_features) for a classifier of numbers, or images

    Raises
    ------
    ValueError
        If a column is missing, or a cell does not have the kind of its column.
    """
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    kinds, formats = json.loads(metadata["columns"]), json.loads(metadata["formats"])
    if kinds == {"image": "image"}:
        images = np.asarray(X)
        return {"image": images[..., None] if images.ndim == 3 else images}
    if kinds == {"X": "bytes"}:
        return {"X": np.asarray(X)}
    if kinds == {"X": "matrix"}:
        return {"X": np.asarray(X, dtype=np.float64)}
    if not nw.dependencies.is_into_dataframe(X):
        cells = np.asarray(X)
        X = pd.DataFrame(cells, columns=[f"x{i}" for i in range(cells.shape[1])])  # the names of TablePreprocessor
    frame = nw.from_native(X, eager_only=True)
    if lacking := sorted(kinds.keys() - set(frame.columns)):
        raise ValueError(f"The table lacks columns of the model: {', '.join(map(repr, lacking))}. Add them.")
    return {name: _cells(read_column(name, frame[name]), kind, formats.get(name, "")) for name, kind in kinds.items()}


def _cells(column: NumericColumn | TextColumn, kind: Kind, written: str) -> NDArray[Any]:
    if kind != "category":
        return column.as_numbers(kind, written)[:, None]
    levels = column.as_levels()
    return np.where(levels == MISSING_LEVEL, "", levels).astype(object)[:, None]


def _decision(graph: Graph, model: Any, proba: str) -> str:
    """Add the index of the decided class, by the rule of the classifier that decides."""
    last = decider(model)
    rule = last.decision_rule() if isinstance(last, Decides) else Rule()
    if rule.positive is not None:
        return _alarms(graph, rule, proba, len(model.classes_))
    return graph.add("ArgMax", _merits(graph, rule, proba), axis=1, keepdims=0)


def _merits(graph: Graph, rule: Rule, proba: str) -> str:
    """Add the numbers of which the largest of a row tells its class."""
    if rule.costs is not None:
        return graph.add("Neg", graph.add("MatMul", proba, graph.constant(rule.costs, np.float64)))
    if rule.offsets is not None:
        return graph.add("Add", graph.add("Log", proba), graph.constant(rule.offsets, np.float64))
    return proba


def _alarms(graph: Graph, rule: Rule, proba: str, n_classes: int) -> str:
    """Add the positive class where there is an alarm, else the best of the others."""
    assert rule.positive is not None and rule.capacity is not None
    positive, others = graph.constant(rule.positive, np.int64), np.delete(np.arange(n_classes), rule.positive)
    codes, merits = graph.constant(others, np.int64), _merits(graph, rule, proba)
    urgency, of_others = graph.add("Gather", merits, positive, axis=1), graph.add("Gather", merits, codes, axis=1)
    wanted = None
    if rule.costs is not None:
        saved = graph.add("Sub", urgency, graph.add("ReduceMax", of_others, graph.constant([1], np.int64), keepdims=0))
        wanted = graph.add("Equal", graph.add("ArgMax", merits, axis=1, keepdims=0), positive)
        urgency = graph.add("Where", wanted, saved, graph.constant(-np.inf, np.float64))
    n_rows = graph.add("Shape", urgency)
    first = graph.add("TopK", urgency, _most_alarms(graph, rule.capacity, n_rows), output=1)
    none = graph.add("ConstantOfShape", n_rows)  # zeros of float32
    one = numpy_helper.from_array(np.ones(1, dtype=np.float32))
    ones = graph.add("ConstantOfShape", graph.add("Shape", first), value=one)
    alarm = graph.cast(graph.add("ScatterElements", none, first, ones, axis=0), np.bool_)
    if wanted is not None:
        alarm = graph.add("And", alarm, wanted)
    best = graph.add("ArgMax", of_others, axis=1, keepdims=0)
    return graph.add("Where", alarm, positive, graph.add("Gather", codes, best, axis=0))


def _most_alarms(graph: Graph, capacity: float, n_rows: str) -> str:
    """Add the number of rows that may have an alarm, see `most_alarms`."""
    if capacity >= 1:
        return graph.add("Min", n_rows, graph.constant([int(capacity)], np.int64))
    part = graph.add("Mul", graph.cast(n_rows, np.float64), graph.constant(capacity, np.float64))
    return graph.cast(graph.add("Floor", graph.add("Add", part, graph.constant(1e-9, np.float64))), np.int64)


def _free(name: str, graph: Graph) -> str:
    return name if name not in graph.inputs else _free(name + "_", graph)


def _labels(classes: NDArray[Any]) -> NDArray[Any]:
    labels = classes.tolist()
    if all(isinstance(label, str) for label in labels):
        return classes.astype(object)
    plain = np.array(labels) if len({type(label) for label in labels}) == 1 else classes
    if plain.dtype.kind not in "iufb":
        raise ValueError(
            f"Labels of an ONNX graph must be all text, all numbers or all booleans, got {labels!r:.200}. Convert y, "
            "for example to text, and fit again."
        )
    return classes if classes.dtype.kind in "iufb" else plain
