"""Checks of objects whose compiled code trusts indices: of trees, of categories, of random generators."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from equipoise.persistence.walk import walk

_GENERATOR_WORDS = 624  # of a Mersenne twister


def check_native(model: Any) -> None:
    """Refuse objects that could make compiled code access memory out of bounds."""
    trees: list[Any] = []
    sound: list[Any] = []
    for part in walk(model):
        _check_methods(part)
        if isinstance(part, TreePredictor | Tree):
            trees.append(part)
        elif isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
            sound += _boosted(part)
        elif isinstance(part, BaseDecisionTree):
            sound += _grown(part)
        elif isinstance(part, BaseForest):
            _check_forest(part)
        elif isinstance(part, OneHotEncoder):
            _check_codes(part)
        elif isinstance(part, FunctionTransformer):
            _check_function(part)
        elif isinstance(part, np.random.RandomState | np.random.Generator):
            _check_generator(part)
    if {id(tree) for tree in trees} - {id(tree) for tree in sound}:
        raise ValueError("a tree belongs to neither a forest nor boosting")


def _check_methods(part: Any) -> None:
    for name in () if isinstance(part, type | np.ndarray) else getattr(part, "__dict__", ()):
        if callable(getattr(type(part), name, None)):
            raise ValueError(f"{type(part).__name__}.{name} is a method, but the file has a value for it")


def _boosted(model: Any) -> list[TreePredictor]:
    """Return the checked trees of a boosting."""
    if not hasattr(model, "_predictors"):
        return []
    n_features = _count(model, "_n_features")
    trees = list(chain.from_iterable(model._predictors))
    for tree in trees:
        _check_nodes(tree.nodes, "left", "right", "feature_idx", n_features, tree.nodes["is_leaf"] == 0)
    if np.any(model._bin_mapper.is_categorical_) or any(tree.nodes["is_categorical"].any() for tree in trees):
        raise ValueError(
            "Boosting with native categorical splits cannot be saved. Encode categories with TablePreprocessor first"
        )
    return trees


def _grown(model: BaseDecisionTree) -> Iterable[Tree]:
    """Return the checked tree of a fitted decision tree."""
    if not hasattr(model, "tree_"):
        return []
    tree = model.tree_
    if tree.n_outputs != 1 or tree.n_features != _count(model, "n_features_in_"):
        raise ValueError(
            f"A tree in this file is corrupt: it does not read {model.n_features_in_} features for one label"
        )
    nodes = tree.__getstate__()["nodes"]
    _check_nodes(nodes, "left_child", "right_child", "feature", tree.n_features, nodes["left_child"] != -1)
    return [tree]


def _check_nodes(
    nodes: NDArray[Any], left: str, right: str, feature: str, n_features: int, inner: NDArray[np.bool_]
) -> None:
    splits = np.flatnonzero(inner)
    ahead = all(
        (splits < nodes[side][splits]).all() and (nodes[side][splits] < len(nodes)).all() for side in (left, right)
    )
    features = nodes[feature][splits]
    if not len(nodes) or nodes.ndim != 1 or not ahead:
        raise ValueError("A tree in this file is corrupt: a child index is out of range")
    if not ((features >= 0) & (features < n_features)).all():
        raise ValueError("A tree in this file is corrupt: a feature index is out of range")


def _check_forest(forest: BaseForest) -> None:
    """Check the widths of a forest's trees, which the forest does not."""
    for tree in getattr(forest, "estimators_", ()):
        if not isinstance(tree, BaseDecisionTree) or _count(tree, "n_features_in_") != _count(forest, "n_features_in_"):
            raise ValueError("A forest in this file is corrupt: a tree reads other features than the forest")


def _count(model: Any, name: str) -> int:
    value = getattr(model, name)
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} of {type(model).__name__} must be an integer of 1 or more, got {value!r:.40}")
    return value


def _check_codes(encoder: OneHotEncoder) -> None:
    """Check positions of 0/1 columns, which scipy uses as indices without a check."""
    if not hasattr(encoder, "categories_"):
        return
    n_columns = len(encoder.categories_)
    nothing = [None] * n_columns
    dropped = nothing if encoder._drop_idx_after_grouping is None else encoder._drop_idx_after_grouping
    pooled = encoder._infrequent_enabled
    mappings = encoder._default_to_infrequent_mappings if pooled else nothing
    rare = encoder._infrequent_indices if pooled else nothing
    columns = zip(encoder.categories_, encoder._n_features_outs, dropped, mappings, rare, strict=True)
    if not all(_fits(*column) for column in columns):
        raise ValueError("An encoder in this file is corrupt: its categories and its columns do not match")


def _fits(levels: NDArray[Any], width: Any, dropped: Any, mapping: Any, rare: Any) -> bool:
    """Whether each level has a valid column."""
    places = np.arange(len(levels)) if mapping is None else np.asarray(mapping)
    kind = levels.dtype.kind
    in_order = kind in "OUS" or np.array_equal(levels, np.sort(levels), equal_nan=kind == "f")  # for searchsorted
    if (
        levels.ndim != 1
        or not in_order
        or not isinstance(width, int | np.integer)
        or (mapping is None) != (rare is None)
    ):
        return False
    if dropped is not None and not (isinstance(dropped, int | np.integer) and 0 <= dropped <= width):
        return False
    inside = (places >= 0) & (places < width + (dropped is not None))
    return places.dtype.kind in "iu" and places.shape == (len(levels),) and bool(inside.all())


def _check_function(part: FunctionTransformer) -> None:
    """Refuse arguments of a function: an output array could change arrays after their check."""
    for function, arguments in ((part.func, part.kw_args), (part.inverse_func, part.inv_kw_args)):
        if arguments or not (function is None or isinstance(function, np.ufunc)):
            raise ValueError("FunctionTransformer can be saved only with a function of numpy and no arguments")


def _check_generator(generator: np.random.RandomState | np.random.Generator) -> None:
    """Check the position of a Mersenne twister; PCG64 has none."""
    if isinstance(generator, np.random.Generator):
        if type(generator.bit_generator) is not np.random.PCG64:
            raise ValueError("Of numpy's random generators, only RandomState and default_rng() can be saved")
    elif not 0 <= generator.get_state(legacy=False)["state"]["pos"] <= _GENERATOR_WORDS:
        raise ValueError("a random generator in this file is corrupt: its position is out of range")
