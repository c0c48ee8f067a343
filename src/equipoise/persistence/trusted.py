"""The types that a model file may hold: those of equipoise, and safe or checked ones of other libraries.

skops creates objects of listed types only, by their constructor or ``__setstate__``. It trusts all estimators of
scikit-learn, but some of them (support vector machines, neighbours, topic models) pass their attributes to compiled
code without checks: a crafted file could access memory out of bounds. The list here is shorter, and
`equipoise.persistence.native` checks such types on it.
"""

import importlib
import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

_PLAIN = {"DictNode", "ListNode", "TupleNode", "SetNode", "SliceNode", "NdArrayNode", "DTypeNode", "TypeNode"}
_VALUES = ("builtins.", "numpy.", "collections.")
_LOOKED_AT_BY_SKOPS = {"JsonNode", "FunctionNode", "LossNode"}  # text, numbers, ufuncs, losses of scikit-learn
_OBJECTS = {
    "ObjectNode", "PartialNode", "RandomGeneratorNode", "RandomStateNode", "TreeNode", "ConstructorFromReduceNode",
}  # fmt: skip

_OURS = (
    "equipoise.batches.", "equipoise.bilevel.", "equipoise.classifiers.", "equipoise.decisions.",
    "equipoise.images.", "equipoise.losses.", "equipoise.samplers.", "equipoise.tables.", "equipoise.training.",
)  # fmt: skip
_IMBLEARN = (
    "imblearn.over_sampling.", "imblearn.under_sampling.", "imblearn.combine.", "imblearn.ensemble.",
    "imblearn.pipeline.",
)  # fmt: skip
_SKLEARN = (
    "sklearn._loss.", "sklearn.calibration.", "sklearn.compose._column_transformer.", "sklearn.decomposition._pca.",
    "sklearn.decomposition._truncated_svd.", "sklearn.discriminant_analysis.", "sklearn.dummy.",
    "sklearn.ensemble._bagging.", "sklearn.ensemble._forest.ExtraTrees", "sklearn.ensemble._forest.RandomForest",
    "sklearn.ensemble._hist_gradient_boosting.", "sklearn.ensemble._stacking.", "sklearn.ensemble._voting.",
    "sklearn.ensemble._weight_boosting.", "sklearn.feature_selection._from_model.",
    "sklearn.feature_selection._variance_threshold.", "sklearn.frozen.", "sklearn.impute.", "sklearn.isotonic.",
    "sklearn.linear_model.", "sklearn.model_selection.", "sklearn.multiclass.", "sklearn.naive_bayes.",
    "sklearn.neighbors._nearest_centroid.", "sklearn.neural_network._multilayer_perceptron.MLP",
    "sklearn.pipeline.", "sklearn.preprocessing._data.", "sklearn.preprocessing._discretization.",
    "sklearn.preprocessing._encoders.", "sklearn.preprocessing._function_transformer.",
    "sklearn.preprocessing._label.Label", "sklearn.preprocessing._polynomial.PolynomialFeatures",
    "sklearn.preprocessing._target_encoder.", "sklearn.svm._classes.Linear", "sklearn.tree._classes.",
)  # fmt: skip
_BEYOND_SKOPS = frozenset((
    "functools.partial", "numpy.dtype", "numpy.random._generator.Generator", "numpy.random.mtrand.RandomState",
    "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree", "sklearn.utils._bunch.Bunch",
))  # fmt: skip

_REMEDY = (
    "Use equipoise, or linear models, naive Bayes, perceptrons, forests, histogram boosting, preprocessing, pipelines "
    "and splitters of scikit-learn (of a search, best_estimator_). Or save the model with joblib, and load its files "
    "from trusted sources only."
)


def write_objects(model: Any) -> bytes:
    """Return the skops file of a model without weights of networks.

    Raises ValueError if it holds types that would not be loaded again.
    """
    import skops.io  # slow to import, and needed here only

    try:
        data = skops.io.dumps(model, compression=ZIP_DEFLATED)
        foreign = foreign_types(data)
    except Exception as error:  # an object of another library may fail in any way
        raise ValueError(f"{type(model).__name__} cannot be saved without pickle ({error}). {_REMEDY}") from error
    if foreign:
        readable = ", ".join(f"{name.rpartition('.')[2]} ({name.partition('.')[0]})" for name in foreign)
        raise ValueError(
            f"The model holds {readable}, which cannot be saved: such a file could run code or crash the process that "
            f"loads it. {_REMEDY}"
        )
    return data


def read_objects(data: bytes) -> Any:
    """Load the object of a skops file.

    Raises ValueError if it holds untrusted types.
    """
    import skops.io

    if foreign := foreign_types(data):
        raise ValueError(f"the file holds types that no model has: {', '.join(foreign)[:500]}")
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


def foreign_types(data: bytes) -> list[str]:
    """Return the untrusted types in a skops file."""
    import skops.io

    asked = {name for name in skops.io.get_untrusted_types(data=data) if not _is_trusted(name)}
    return sorted(asked | {name for loader, name in _nodes(data) if not _is_known(loader, name)})


def _nodes(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield loader and type of each node of a skops file."""
    with ZipFile(io.BytesIO(data)) as archive:
        waiting = [json.loads(archive.read("schema.json"))]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                yield value["__loader__"], f"{value.get('__module__')}.{value.get('__class__')}"
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_known(loader: str, name: str) -> bool:
    if loader in _LOOKED_AT_BY_SKOPS or (loader in _PLAIN and name.startswith(_VALUES)):
        return True
    return loader in _PLAIN | _OBJECTS and (name.startswith(_SKLEARN) or _is_trusted(name))


@cache
def _is_trusted(name: str) -> bool:
    """Whether a model may hold a type that skops does not trust."""
    if name in _BEYOND_SKOPS:
        return True
    if not name.startswith((*_OURS, *_IMBLEARN, "sklearn.model_selection._split.", "equipoise.persistence.absent.")):
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    return isinstance(found, type) and found.__module__ == module
