"""What parts of a model say of themselves, for model files and model cards.

A classifier of anyone's takes part by a method `describe`; nothing else has to know it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from equipoise.rules import Rule


@dataclass(frozen=True)
class Description:
    """A fitted classifier in words and numbers."""

    nature: tuple[str, ...] = ()  # sentences on what the classifier consists of
    balancing: tuple[str, ...] = ()  # names of treatments under which it sees its classes as more even than they are
    # how it draws the line between classes, as json holds it; of interest where no classifier around it decides
    decision: dict[str, Any] | None = None
    # class priors that its probabilities are corrected from and to, by label
    correction: dict[str, dict[str, float]] | None = None
    priors: dict[str, float] | None = None  # class priors under which its probabilities hold, by label


@runtime_checkable
class Decides(Protocol):
    """A classifier that does not always decide for the most probable class."""

    def decision_rule(self) -> Rule:
        """Return the rule."""


@runtime_checkable
class Describes(Protocol):
    """A part that describes itself."""

    def describe(self) -> Description:
        """Return the description; of an unfitted part, what its parameters say."""


def by_label(classes: NDArray[Any], values: NDArray[Any]) -> dict[str, Any]:
    """Return values by the labels that they are of, as text.

    >>> import numpy as np
    >>> by_label(np.array([0, 1]), np.array([0.9, 0.1]))
    {'0': 0.9, '1': 0.1}
    """
    return dict(zip(map(str, classes.tolist()), values.tolist(), strict=True))


def name_of(part: Any) -> str:
    """Return the name of a part, of a class, or of what a partial call makes.

    >>> name_of(partial(dict, a=1)), name_of(dict), name_of({})
    ('dict', 'dict', 'dict')
    """
    made = part.func if isinstance(part, partial) else part
    return getattr(made, "__name__", type(made).__name__)


def has_trait(part: Any, trait: str) -> bool:
    """Whether a part, or what a partial call makes, says of itself that it ``balances`` or ``corrects_priors``."""
    return bool(trait_of(part, trait, False))


def trait_of(part: Any, trait: str, default: Any) -> Any:
    """Return an attribute of a part, or of what a partial call makes; a default if it has none."""
    return getattr(part.func if isinstance(part, partial) else part, trait, default)


def python_lines(
    model: str, rows: str, reading: Mapping[str, Any] | None, *, trusted: bool = False, images: bool = False
) -> list[str]:
    r"""Return the program that predicts rows of a file, or images, with a saved model.

    The file is read like the one fitted on, by options of `read_table`, each cell as it stands: the model knows the
    formats. Without options, nothing is known of a file. ``trusted`` is whether `load` asks for trust.

    >>> print(*python_lines("model", "new.csv", {"delimiter": ";", "encoding": None}), sep="\n")
    from equipoise import load
    from equipoise.tables import read_table
    <BLANKLINE>
    model = load("model")
    frame = read_table("new.csv", as_text=True, delimiter=';')
    probabilities = model.predict_proba(frame[list(model.feature_names_in_)])
    """
    load = ["", f"model = load({json.dumps(model, ensure_ascii=False)}{', trusted=True' if trusted else ''})"]
    if images:
        read = ['paths = sorted(Path("new").rglob("*.png"))  # or arrays of bytes (height, width, 3)']
        lines = [*read, "probabilities = model.predict_proba(paths)"]
        return ["from pathlib import Path", "", "from equipoise import load", *load, *lines]
    if reading is None:
        read = [f'frame = pd.read_csv("{rows}")', "probabilities = model.predict_proba(frame)"]
        return ["import pandas as pd", "", "from equipoise import load", *load, *read]
    options = "".join(f", {name}={value!r}" for name, value in reading.items() if value not in (None, [], True))
    return [
        "from equipoise import load",
        "from equipoise.tables import read_table",
        *load,
        f'frame = read_table("{rows}", as_text=True{options})',
        "probabilities = model.predict_proba(frame[list(model.feature_names_in_)])",
    ]


def plain_json(value: Any) -> Any:
    """Return a value as json holds it: records as dicts, arrays as lists, numbers that are not finite as None.

    Raises ValueError for what json does not hold.

    >>> plain_json({1: np.array([1.5, np.nan]), "b": (np.int64(2), "x")})
    {'1': [1.5, None], 'b': [2, 'x']}
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str | int | float | None):
        raise ValueError(f"{value!r:.80}")
    return value
