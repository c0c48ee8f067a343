"""The networks of a model, extracted as plain tensors and restored."""

import copy
import warnings
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from imblearn.base import SamplerMixin
from numpy.typing import NDArray
from sklearn.base import clone
from torch import nn

from equipoise.networks.images import named_network, network_names
from equipoise.persistence.absent import NotSaved
from equipoise.persistence.trusted import write_objects
from equipoise.training import FittedEnsemble

Tensors = dict[str, NDArray[Any]]

_MOST_SIDE = 1024  # pixels of an image
_OURS = ("equipoise.", "sklearn.", "imblearn.")


def rebuild(value: Any, swap: Callable[[Any], Any], seen: dict[int, Any] | None = None) -> Any:
    """Copy the objects of a model; arrays and settings are shared.

    ``swap`` is called with each object and returns its replacement, or None to keep it.
    """
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, list | tuple):
        return type(value)(rebuild(item, swap, seen) for item in value) if type(value) in (list, tuple) else value
    if isinstance(value, dict):
        twin = seen[id(value)] = copy.copy(value)
        twin.update({key: rebuild(item, swap, seen) for key, item in value.items()})
        return twin
    if isinstance(value, pd.DataFrame):  # costs by label; skops holds dicts only
        return value.to_dict(orient="index")
    if isinstance(value, PurePath):
        return str(value)
    if not (type(value).__module__.startswith(_OURS) and hasattr(value, "__dict__")):
        return value
    replacement = swap(value)
    if replacement is not None:
        seen[id(value)] = replacement
        return replacement
    twin = seen[id(value)] = copy.copy(value)
    vars(twin).update({key: rebuild(item, swap, seen) for key, item in vars(value).items()})
    return twin


def take_out(model: Any) -> tuple[Any, Tensors]:
    """Return a model with the number of each ensemble in place of its weights, and the tensors by number.

    Raises ValueError if there is a custom network, which would need its code.
    """
    tensors: Tensors = {}
    stacks: list[FittedEnsemble] = []
    lost: dict[str, str] = {}

    def swap(value: Any) -> Any:
        if isinstance(value, SamplerMixin):
            return _unfitted(value)
        if (bare := _without_fit(value, lost)) is not None:
            return rebuild(bare, swap)
        if not isinstance(value, FittedEnsemble):
            return None
        spec = getattr(value.pattern_, "spec", None)
        if value.pattern_ is not None and spec is None:
            raise ValueError(
                "A custom network cannot be saved without pickle. Keep its code, and save ensemble_.weights_ yourself."
            )
        tensors.update({f"{len(stacks)}.{name}": array for name, array in value.weights_.items()})
        twin = copy.copy(value)
        twin.weights_, twin.pattern_ = len(stacks), spec  # type: ignore[assignment]
        stacks.append(twin)
        return twin

    bare = rebuild(model, swap)
    if lost:
        names = ", ".join(f"{parameter}={name}" for parameter, name in lost.items())
        warnings.warn(
            f"The model is saved without {names}, because a safe file cannot hold custom code. Predictions do not "
            "change; set the parameter again before fitting the loaded model.",
            UserWarning,
            stacklevel=3,
        )
    return bare, tensors


def _unfitted(sampler: SamplerMixin) -> Any:
    """Return an unfitted sampler that keeps the names of features for its pipeline."""
    kept = {name: value for name, value in vars(sampler).items() if name in ("n_features_in_", "feature_names_in_")}
    bare = clone(sampler)
    vars(bare).update(kept)
    return bare


def _without_fit(value: Any, names: dict[str, str]) -> Any:
    """Return a copy without the custom parts that only `fit` needs, or None; `names` collects their names."""
    held = {name: vars(value)[name] for name in getattr(value, "fit_only", ()) if name in vars(value)}
    lost = {name: part for name, part in held.items() if not isinstance(part, NotSaved) and not _is_savable(part)}
    if not lost:
        return None
    bare = copy.copy(value)
    for name, part in lost.items():
        if name.endswith("_"):  # a record of how the fit went
            delattr(bare, name)
        else:
            names[name] = getattr(part, "__name__", type(part).__name__)
            setattr(bare, name, NotSaved(names[name]))
    return bare


def _is_savable(part: Any) -> bool:
    try:
        return bool(write_objects(part))
    except ValueError:
        return False


def put_in(model: Any, tensors: Tensors) -> Any:
    """Return a model with the weights that `take_out` extracted, validated.

    Raises ValueError if tensors are missing, left over, or do not fit together.
    """
    by_stack: dict[str, Tensors] = {}
    for key, array in tensors.items():
        number, _, name = key.partition(".")
        by_stack.setdefault(number, {})[name] = array

    def swap(value: Any) -> Any:
        if not isinstance(value, FittedEnsemble):
            return None
        twin = copy.copy(value)
        weights = by_stack.pop(str(value.weights_), {})
        twin.weights_ = {name: weights[name] for name in sorted(weights, key=_layer)}  # in the order of layers
        if twin.pattern_ is None:
            _check(twin)
        else:
            twin.pattern_ = _named(twin.pattern_, len(twin.classes_))
            _check_module(twin, twin.pattern_)
        if not all(np.isfinite(array).all() for array in twin.weights_.values()):
            raise ValueError("the tensors of a network must be finite")
        return twin

    whole = rebuild(model, swap)
    if by_stack:
        raise ValueError(f"some tensors belong to no network: {', '.join(sorted(tensors))[:100]}")
    return whole


def _layer(name: str) -> tuple[str, int]:
    kind, _, layer = name.partition(".")
    return kind, int(layer) if layer.isdecimal() else 0


def _named(spec: Any, n_classes: int) -> nn.Module:
    """Make the network of a specification, a name, a shape and a number of classes, within limits."""
    if not isinstance(spec, tuple) or len(spec) != 3 or spec[0] not in network_names():
        raise ValueError(f"{str(spec)[:80]} is no network of equipoise")
    sides = spec[1]
    if not (isinstance(sides, tuple) and len(sides) == 3 and all(type(side) is int for side in sides)):
        raise ValueError(f"{str(sides)[:80]} is no shape of an image")
    if spec[2] != n_classes or sides[0] not in (1, 3) or not all(1 <= side <= _MOST_SIDE for side in sides):
        raise ValueError(f"a network for {n_classes} classes cannot have {str(spec)[:80]}")
    return named_network(*spec)


def _check_module(stack: FittedEnsemble, module: nn.Module) -> None:
    shapes = {name: (array.dtype, array.shape[1:]) for name, array in stack.weights_.items()}
    wanted = {name.replace(".", "/"): value.numpy() for name, value in module.state_dict().items()}
    if shapes != {name: (value.dtype, value.shape) for name, value in wanted.items()}:
        raise ValueError(f"the tensors of a network are not those of {type(module).__name__}")
    if len({len(array) for array in stack.weights_.values()}) != 1 or not stack.n_members:
        raise ValueError("the tensors of a network have different numbers of members")


def _check(stack: FittedEnsemble) -> None:
    shapes = {name: array.shape for name, array in stack.weights_.items()}
    matrices = [shape for name, shape in shapes.items() if name.startswith("weights.")]
    if stack.pattern_ is not None or not matrices or any(len(shape) != 3 for shape in matrices):
        raise ValueError(f"the tensors of a network are no layers of perceptrons: {str(shapes)[:200]}")
    n, sizes = matrices[0][0], [matrices[0][1], *(shape[2] for shape in matrices)]
    wanted: dict[str, tuple[int, ...]] = {}
    for i, width in enumerate(sizes[1:]):
        wanted |= {f"weights.{i}": (n, sizes[i], width), f"biases.{i}": (n, 1, width)}
    if "scale" in shapes:  # cosines have no bias
        wanted["scale"] = (n, 1, 1)
        del wanted[f"biases.{len(matrices) - 1}"]
    if shapes != wanted or n < 1 or sizes[-1] != len(stack.classes_):
        raise ValueError(f"the tensors of a network do not fit together: {str(shapes)[:200]}")
    kinds = {array.dtype for array in stack.weights_.values()}
    if len(kinds) > 1 or not kinds <= {np.dtype("float32"), np.dtype("float64")}:
        raise ValueError(f"the tensors of a network must be float32 or float64, got {sorted(map(str, kinds))}")
