"""Rules of acceptance for proposed micro-samples."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from equipoise.bilevel.rows import Restart


class Acceptance(Protocol):
    """Decides on a step by its objective and the history of the restart."""

    def accepts(self, value: float, restart: Restart) -> bool:
        """Whether the rows of the step are kept."""


@dataclass(frozen=True)
class NotAbove:
    """Accept a step unless its objective exceeds that of the last accepted step.

    Algorithm 1, lines 6 to 8: ties are accepted.
    """

    start: float = np.inf  # objective before the first step: 10 as printed

    def accepts(self, value: float, restart: Restart) -> bool:
        """See `Acceptance`."""
        last = restart.objective if restart.values else self.start
        return last == np.inf or value <= last


@dataclass(frozen=True)
class BelowPastMeans:
    """Accept a step whose objective is below a mean of past accepted ones, as the authors' code does.

    The bound is 10 at first, then the larger of the mean of all accepted values and the mean of the later half of
    them, from the tenth step on of the last five. Values may thus rise from one accepted step to the next. The
    burn-in's value counts unless it lies below that of the first step.
    """

    def accepts(self, value: float, restart: Restart) -> bool:
        """See `Acceptance`."""
        return value < past_means_bound(restart.values, restart.n_steps)


def past_means_bound(values: list[float], step: int) -> float:
    """Bound of a step, numbered from 1, after accepted ``values``, the first of which is the burn-in's."""
    if step == 1:
        return 10.0
    if len(values) > 1 and values[0] < values[1]:
        values = values[1:]
    recent = values[-5:] if step >= 10 else values[len(values) // 2 :]
    return max(float(np.mean(recent)), float(np.mean(values)))
