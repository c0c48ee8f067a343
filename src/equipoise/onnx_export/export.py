"""`export_onnx`: a model's file for onnxruntime; `onnx_inputs`: a table as that file takes it."""

import json
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from equipoise import __version__
from equipoise.classifiers.decider import decider
from equipoise.describing import Decides, Rule
from equipoise.files import replacing
from equipoise.onnx_export.classifiers import probabilities
from equipoise.onnx_export.graph import Graph, element_type
from equipoise.tables.columns import MISSING_LEVEL, Kind, NumericColumn, TextColumn, read_column


def export_onnx(model: ClassifierMixin, path: str | Path) -> None:
    """Write a fitted classifier as one ONNX graph, which needs nothing of this library to run.

    The graph holds preprocessing, all networks, pools, prior correction, temperature and decisions. A recipe for tables
    has one input a column that it uses, of shape (n, 1): numbers as double, NaN where missing; booleans as 0 and 1,
    dates as days since 1970-01-01 (UTC), both as double; categories as strings, empty where missing. A classifier for
    numbers has one input, ``X``, of shape (n, n_features), double. `onnx_inputs` makes them of a table.

    Outputs are ``label`` (n,) and ``probabilities`` (n, n_classes), double. Metadata tell ``classes``, ``columns``
    (kinds by name) and ``formats`` (of text that reads as numbers or dates) as json.

    Parameters
    ----------
    model : fitted classifier
        A recipe that trains networks, `AutoClassifier`, `NeuralClassifier` or `MUBOClassifier`, also within a pipeline
        after StandardScaler, and within `PriorCorrectedClassifier`, `TunedThresholdsClassifier`, `ResampledClassifier`
        and ``CalibratedClassifierCV(method="temperature")``.
    path : str or Path
        File to write, replaced if it is there.

    Raises
    ------
    ValueError
        If a part of the model has no graph, such as a network given as a module, or boosting.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Notes
    -----
    Answers agree with the model's to 1e-5. Where the model refuses a cell (an infinite number), the graph cannot: it
    takes it for the largest.

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
    """Return a table as the inputs of an exported model, for ``onnxruntime.InferenceSession.run``.

    Parameters
    ----------
    path : str or Path
        File that `export_onnx` wrote.
    X : frame or array-like of shape (n, n_features)
        With the columns that the model uses, in any order; an array has those of the table fitted on.

    Returns
    -------
    dict of str to ndarray of shape (n, 1), or of shape (n, n_features) for a classifier of numbers

    Raises
    ------
    ValueError
        If a column lacks, or a cell does not read as its column's kind.
    """
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    kinds, formats = json.loads(metadata["columns"]), json.loads(metadata["formats"])
    if kinds == {"X": "matrix"}:
        return {"X": np.asarray(X, dtype=np.float64)}
    if not nw.dependencies.is_into_dataframe(X):
        cells = np.asarray(X)
        X = pd.DataFrame(cells, columns=[f"x{i}" for i in range(cells.shape[1])])  # as TablePreprocessor names them
    frame = nw.from_native(X, eager_only=True)
    if lacking := sorted(kinds.keys() - set(frame.columns)):
        raise ValueError(f"The table lacks columns that the model uses: {', '.join(map(repr, lacking))}; add them.")
    return {name: _cells(read_column(name, frame[name]), kind, formats.get(name, "")) for name, kind in kinds.items()}


def _cells(column: NumericColumn | TextColumn, kind: Kind, written: str) -> NDArray[Any]:
    if kind != "category":
        return column.as_numbers(kind, written)[:, None]
    levels = column.as_levels()
    return np.where(levels == MISSING_LEVEL, "", levels).astype(object)[:, None]


def _decision(graph: Graph, model: Any, proba: str) -> str:
    """Index of the class that is decided for: thresholds or costs of a classifier within a correction do not count."""
    last = decider(model)
    rule = last.decision_rule() if isinstance(last, Decides) else Rule()
    if rule.costs is not None:
        return graph.add("ArgMin", graph.add("MatMul", proba, graph.constant(rule.costs)), axis=1, keepdims=0)
    if rule.offsets is not None:
        proba = graph.add("Add", graph.add("Log", proba), graph.constant(rule.offsets, np.float64))
    return graph.add("ArgMax", proba, axis=1, keepdims=0)


def _free(name: str, graph: Graph) -> str:
    return name if name not in graph.inputs else _free(name + "_", graph)


def _labels(classes: NDArray[Any]) -> NDArray[Any]:
    labels = classes.tolist()
    if all(isinstance(label, str) for label in labels):
        return classes.astype(object)
    plain = np.array(labels) if len({type(label) for label in labels}) == 1 else classes
    if plain.dtype.kind not in "iufb":
        raise ValueError(
            f"Labels of an ONNX graph are all texts, all numbers or all truth values, got {labels!r:.200}: convert y, "
            "for example to texts, and fit again."
        )
    return classes if classes.dtype.kind in "iufb" else plain
