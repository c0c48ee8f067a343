"""Outer objectives of the loss search, as functions of validation losses by cell; lower is better.

Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021), section 4: balanced error and,
for groups, equation 4.1. As errors have no gradient, the cross-entropies of the raw logits take their place. A cell is
a class and a group; cells without rows do not count.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

OuterObjective = Callable[[Tensor, Tensor], Tensor]
"""``(sums, counts) -> value``: sums of losses, and numbers of rows or their weights, of each cell ``(..., K, G)`` to a
value ``(...)``, differentiable by the sums. Without groups G is 1."""


def balanced(sums: Tensor, counts: Tensor) -> Tensor:
    """Mean over classes of their mean loss; groups have no effect.

    >>> balanced(torch.tensor([[9.0], [4.0]]), torch.tensor([[90.0], [10.0]]))
    tensor(0.2500)
    """
    return _mean(*_classes(sums, counts))


def worst_class(sums: Tensor, counts: Tensor) -> Tensor:
    """Largest mean loss of a class."""
    return _largest(*_classes(sums, counts))


def group_balanced(sums: Tensor, counts: Tensor) -> Tensor:
    """Mean over cells (class, group) of their mean loss."""
    return _mean(sums.flatten(-2), counts.flatten(-2))


def worst_group(sums: Tensor, counts: Tensor) -> Tensor:
    """Largest mean loss of a cell (class, group)."""
    return _largest(sums.flatten(-2), counts.flatten(-2))


def deo(sums: Tensor, counts: Tensor) -> Tensor:
    """Difference of equal opportunity: sum over classes of the largest less the smallest mean loss of its groups.

    For two groups it is equation 4.1, the sum of ``|L_y1 - L_y2|``, with cross-entropies for errors; its gradient is
    that of the largest less that of the smallest. A class with rows of one group, or none, adds nothing.
    """
    means = _means(sums, counts)
    return _largest_of(means, counts).add(_largest_of(-means, counts)).sum(-1)


@dataclass(frozen=True)
class Blend:
    """``(1 - weight) first + weight second``: accuracy and fairness in one objective.

    >>> Blend("balanced", "deo", weight=0.5)(torch.tensor([[1.0, 3.0], [2.0, 2.0]]), torch.ones(2, 2))
    tensor(2.)
    """

    first: str  # names of objectives
    second: str
    weight: float  # Lambda, 0 to 1

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must lie between 0 and 1, but weight={self.weight!r}.")
        for name in (self.first, self.second):
            outer_objective(name)

    def __call__(self, sums: Tensor, counts: Tensor) -> Tensor:
        """Value of the blend."""
        first, second = (OBJECTIVES[name](sums, counts) for name in (self.first, self.second))
        return torch.lerp(first, second, self.weight)


OBJECTIVES: dict[str, OuterObjective] = {
    f.__name__: f for f in (balanced, worst_class, group_balanced, worst_group, deo)
}
OF_GROUPS = ("group_balanced", "worst_group", "deo")


def outer_objective(objective: str | OuterObjective) -> OuterObjective:
    """Return an objective by its name; a callable stays unchanged."""
    if callable(objective):
        return objective
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, or a Blend, but objective={objective!r}.")
    return OBJECTIVES[objective]


def needs_groups(objective: str | OuterObjective) -> bool:
    """Whether an objective needs rows with groups."""
    names = (objective.first, objective.second) if isinstance(objective, Blend) else (objective,)
    return any(name in OF_GROUPS for name in names)


def _means(sums: Tensor, counts: Tensor) -> Tensor:
    return sums / torch.where(counts > 0, counts, 1)


def _classes(sums: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    return sums.sum(-1), counts.sum(-1)


def _mean(sums: Tensor, counts: Tensor) -> Tensor:
    return _means(sums, counts).sum(-1) / (counts > 0).sum(-1).clamp(min=1)


def _largest(sums: Tensor, counts: Tensor) -> Tensor:
    return _largest_of(_means(sums, counts), counts)


def _largest_of(means: Tensor, counts: Tensor) -> Tensor:
    """Largest of the last axis, 0 where it has no rows; among equals one is chosen."""
    present = counts > 0
    largest = means.masked_fill(~present, -torch.inf).max(-1).values
    return torch.where(present.any(-1), largest, 0.0)
