"""All objects of a model, in any container."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np


def walk(model: Any) -> Iterator[Any]:
    """Yield every object of a model once, the outermost first.

    Attributes, lists, tuples, sets, dicts, arrays of objects and partial calls are searched: all containers of a model
    file (see `equipoise.persistence.trusted`).
    """
    waiting, seen = [model], {}
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield value
            waiting.extend(reversed(_held(value)))


def needs_trust(model: Any) -> bool:
    """Tell whether a model's file is read only by `load` with ``trusted=True``."""
    from equipoise.classifiers.boosting import BoostingClassifier

    return any(isinstance(part, BoostingClassifier) for part in walk(model))


def _held(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value.flat) if value.dtype == object else []
    held: list[Any] = []
    if isinstance(value, dict):
        held = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        held = list(value)
    elif isinstance(value, partial):
        held = [value.func, *value.args, *value.keywords.values()]
    return held if isinstance(value, type) else [*held, *getattr(value, "__dict__", {}).values()]
