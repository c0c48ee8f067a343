"""How recipes are compared: the same folds, network, gradient steps and seeds for all of them."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from equipoise.experiments.splits import ForwardFolds, Splits, StratifiedFolds

LEFT_OUT = "Left out "
"""Start of a note on recipes that the time limit left no time for."""


@dataclass(frozen=True)
class Protocol:
    """What a comparison runs."""

    recipes: tuple[str, ...]
    n_folds: int  # of the division into training and test rows
    n_repeats: int
    n_members: int  # networks a neural recipe averages over
    max_steps: int  # gradient steps of each network, the same for all neural recipes
    random_state: int
    notes: tuple[str, ...] = ()  # sentences on what was cut or changed, and why
    decision: str = "balanced"  # what the recipe ``auto`` decides for: "balanced", "macro_f1" or "natural"
    auto_seconds: float | None = None  # time limit of a fit of the recipe ``auto``, which has a schedule of its own
    # whether folds test on later rows, and the first of them only serves to tune thresholds of the next
    by_time: bool = False
    dependent: bool = False  # whether rows have groups or times, so that no recipe may hold out rows at random
    images: bool = False  # whether the rows are images, which all recipes augment and read by a convolutional network
    # share of the gradient steps, and of the time of ``auto``, that the time limit left; 1 where nothing was cut
    share: float = 1.0

    @property
    def splits(self) -> Splits:
        """How the rows are divided in each repeat."""
        return (ForwardFolds if self.by_time else StratifiedFolds)(self.n_folds, self.random_state)

    def to_json(self) -> str:
        """Write the protocol as json."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "recipes": tuple(values["recipes"]), "notes": tuple(values["notes"])})
