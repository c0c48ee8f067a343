"""What a loss search asks of an augmentation whose parameters it moves; `equipoise.images.ClassAugmentation` is one."""

from collections.abc import Mapping
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from equipoise.bilevel.vectors import Named


class SearchedAugmentation(Protocol):
    """Random changes of rows, differentiable in parameters by class or group."""

    # what has parameters of its own: each class, each class and group, or all rows together
    by: Literal["class", "group", "one"]
    # least and largest value of a search, by the kind of a parameter: its name up to the first underscore. Parameters
    # of one kind share the length of an outer step
    bounds: Mapping[str, tuple[float, float]]
    generator: torch.Generator | None  # random generator on the CPU; None is torch's global one

    def __call__(self, x: Tensor, y: Tensor, group: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Change the rows of a batch."""

    def start(self) -> Named:
        """Return the values where a search begins, of shape (), (K,) or (K, G), by name."""

    def rows(
        self,
        x: Tensor,
        y: Tensor,
        *,
        group: Tensor | None = None,
        generator: torch.Generator | None = None,
        values: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Return rows ``(B, *features)`` changed with values of the parameters, those of `start` by default."""

    def with_values(self, values: Named) -> Self:
        """Return the same augmentation with values of the parameters, such as a search found."""
