"""Results of a fit as plain data."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

State = dict[str, Tensor]
"""Parameters and buffers of one replica."""


class AdamState(NamedTuple):
    """Moments of each trainable parameter of one replica, in their order, and the steps made."""

    first: list[NDArray[Any]]
    second: list[NDArray[Any]]
    n_steps: int


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One trained network, as numpy arrays."""

    weights: dict[str, NDArray[Any]]
    pattern: nn.Module | None  # the module of the weights; None for the multi-layer perceptron
    vectorized: bool  # whether ``torch.func.vmap`` can run the pattern
    seconds: float  # its share of the time of its stack
    n_steps: int  # gradient steps made
    stopped_by: str
    # step and value of each evaluation of the first stopping rule: held-out score, or norm of the gradient
    history: list[tuple[int, float]] = field(default_factory=list)
    optimizer: AdamState | None = None  # last state of the optimiser, if `Settings.keep_optimizer`
    found: Any = None  # result of the outer problem, if there is one: plain data for `OuterProblem.losses`

    def is_finite(self) -> bool:
        """Whether all weights are finite; too high a learning rate ends in infinities."""
        return all(np.isfinite(value).all() for value in self.weights.values())
