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
    """One trained network, as numpy arrays.

    Attributes
    ----------
    weights : dict of str to ndarray
    pattern : nn.Module or None
        The module of the weights; None for the multi-layer perceptron.
    vectorized : bool
        Whether ``torch.func.vmap`` can run the pattern.
    seconds : float
        Its share of the time of its stack.
    n_steps : int
        Gradient steps made.
    stopped_by : {"max_steps", "max_time", "early_stopping", "gradient_tolerance"}
    history : list of (int, float)
        Step and value of each evaluation of the first stopping rule: held-out score, or norm of the gradient.
    optimizer : AdamState or None
        Last state of the optimiser, if `Settings.keep_optimizer`.
    found : object or None
        Result of the outer problem, if there is one: plain data for `OuterProblem.losses`.
    """

    weights: dict[str, NDArray[Any]]
    pattern: nn.Module | None
    vectorized: bool
    seconds: float
    n_steps: int
    stopped_by: str
    history: list[tuple[int, float]] = field(default_factory=list)
    optimizer: AdamState | None = None
    found: Any = None

    def is_finite(self) -> bool:
        """Whether all weights are finite; too high a learning rate ends in infinities."""
        return all(np.isfinite(value).all() for value in self.weights.values())
