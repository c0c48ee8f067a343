"""`CurriculumAugmentation`: a level of augmentation for each class, up or down by one after each epoch.

Ahn, Ko and Yun, "CUDA: Curriculum of Data Augmentation for Long-Tailed Recognition" (ICLR 2023, arXiv 2302.05499),
algorithm 1 and section 3.2. Their levels count random operations of a fixed list; here the operations are those of
`ClassAugmentation`, and a level is a share of their full strength.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from equipoise.images.class_augmentation import ClassAugmentation
from equipoise.parameters import Parametrized


class CurriculumAugmentation(Parametrized):
    """Augmentation whose strength for a class follows how well a network knows the class (CUDA's rule).

    Call it on batches, and `end_epoch` after each epoch. A class moves up by a level if the network is right on more
    than ``threshold`` of its augmented draws at every level up to its own, else down by one.

    ``ops`` are as in `ClassAugmentation`, at full strength at the level ``n_levels``. ``threshold`` and ``n_draws`` are
    the paper's gamma and T: level l has l + 1 times as many draws as level 0. ``probability`` is that of an image to be
    augmented at all. `levels_` are the current ones (K,), all 0 until the first `end_epoch`.

    >>> augment = CurriculumAugmentation(("rotation", "contrast"))
    >>> x, y = torch.rand(8, 3, 6, 6), torch.arange(8) % 2
    >>> for epoch in range(3):
    ...     rows, labels = augment(x, y)
    ...     augment.end_epoch(lambda rows: torch.zeros(len(rows), dtype=torch.int64), x, y)  # knows class 0 only
    >>> augment.levels_
    tensor([3, 0])
    """

    balances = False

    def __init__(
        self,
        ops: Sequence[str] | Mapping[str, float] = ("rotation", "scale", "shift", "contrast", "cut_out"),
        *,
        n_levels: int = 10,
        threshold: float = 0.6,
        n_draws: int = 10,
        probability: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        if n_levels < 1 or n_draws < 1 or not 0 <= threshold < 1:
            raise ValueError(
                f"n_levels and n_draws must be 1 or more and threshold from 0 to below 1, but n_levels={n_levels!r}, "
                f"n_draws={n_draws!r} and threshold={threshold!r}."
            )
        self.ops = ops
        self.n_levels = n_levels
        self.threshold = threshold
        self.n_draws = n_draws
        self.probability = probability
        self.generator = generator
        self.levels_ = torch.zeros(1, dtype=torch.int64)

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Augment a batch ``(B, channels, height, width)`` of classes ``(B,)``; labels stay as they are."""
        return self.rows(x, y), y

    def rows(self, x: Tensor, y: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the augmented images of a batch."""
        return self._at(self._level_of(y), x, self.probability, generator)

    def end_epoch(self, predict: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> None:
        """Move each class up or down by one level, by what a network predicts of training images, in evaluation mode.

        Draws of images are taken with replacement; classes without any stay at their level.
        """
        old = self._level_of(torch.arange(max(len(self.levels_), int(y.max()) + 1)))
        moves = [
            self._move(int(level), torch.nonzero(y == code)[:, 0], predict, x, y) for code, level in enumerate(old)
        ]
        self.levels_ = (old + torch.tensor(moves)).clamp(0, self.n_levels)

    def _move(self, level: int, own: Tensor, predict: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> int:
        if not len(own):
            return 0
        for at in range(level + 1):
            n = self.n_draws * (at + 1)
            rows = own[torch.randint(len(own), (n,), generator=self.generator)]
            with torch.no_grad():
                found = predict(self._at(torch.full((n,), at), x[rows], 1.0))
            if int((found.to(y.device) == y[rows]).sum()) <= self.threshold * n:
                return -1
        return 1

    def _level_of(self, y: Tensor) -> Tensor:
        """Levels of classes; 0 for classes that no epoch has shown yet."""
        known = y.cpu() < len(self.levels_)
        return torch.where(known, self.levels_[torch.where(known, y.cpu(), 0)], 0)

    def _at(self, levels: Tensor, x: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
        """Augment each image at its level."""
        steps = torch.arange(self.n_levels + 1) / self.n_levels
        by_level = ClassAugmentation(self.ops, by="one", strength=steps, probability=probability)
        generator = self.generator if generator is None else generator
        return by_level.rows(x, levels.to(x.device), generator=generator)
