"""What the mixing transforms share: which rows are mixed, in what share, and the mixing itself.

A batch mixed by MixUp or ReMix is decided by labels and chance alone: row ``first[i]`` is mixed with
row ``second[i]``, the first weighing ``share[i]``. A transform therefore only says how such a
`Mixture` is drawn. A training loop may draw the mixtures of an epoch ahead and gather rows itself.
A transform that looks at features, such as BatchSMOTE, draws all but the partners ahead.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from equipoise.parameters import Parametrized

Generators = torch.Generator | Sequence[torch.Generator] | None


class Mixture(NamedTuple):
    """Which rows of a batch are mixed: ``share * row[first] + (1 - share) * row[second]``.

    Attributes
    ----------
    first, second : Tensor of shape (..., B), int64
        Positions within the batch, 0 to B - 1.
    share : Tensor of shape (..., B), float64
        Weight of the first row, 0 to 1.
    label_share : Tensor of shape (..., B), float64, optional
        Weight of the first row's label where it is another than that of its features.
    """

    first: Tensor
    second: Tensor
    share: Tensor
    label_share: Tensor | None = None


class MixingTransform(Parametrized, ABC):
    """Base of the transforms that mix rows of a batch.

    Attributes
    ----------
    looks_at_features : bool
        Whether features decide too. Then ``second`` of what is drawn is not yet a position, but a rank
        among the neighbours of the first row; see `equipoise.batches.batch_smote.with_neighbours`.
    """

    looks_at_features: ClassVar[bool] = False
    num_classes: int | None
    generator: Generators

    @abstractmethod
    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw which rows are mixed, for any number of batches at once.

        Parameters
        ----------
        labels : Tensor of shape (..., B), integer
            Class of each row of each batch.
        generator : torch.Generator, optional
            On the device of ``labels``; torch's global one by default.
        num_classes : int, optional
            K. Where it is not given, it is read off the labels if it is needed.

        Returns
        -------
        Mixture
            Of tensors of shape (..., B).
        """

    def bound(self, class_counts: Tensor) -> Self:
        """Return the transform for training rows of these class counts, a tensor of shape (K,)."""
        return self

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Parameters
        ----------
        x : Tensor of shape (..., B, *features), floating
            Rows; the leading axes, if any, are replicas with batches of their own.
        y : Tensor of shape (..., B), integer, or (..., B, K), floating
            Class indices or probabilities.

        Returns
        -------
        x : Tensor of the same shape, dtype and device
        y : Tensor of shape (..., B, K), float32 or wider

        Raises
        ------
        ValueError
            If integer labels come without ``num_classes``, labels lie outside 0 to K - 1 (which a graph
            compiled by ``torch.compile`` does not look at), or the shapes of ``x`` and ``y`` do not
            belong together.
        TypeError
            If ``x`` is not floating.
        """
        y = self._soft(x, y)
        labels = y.argmax(dim=-1)
        mixture = self._resolved(x, labels, self._draw_each(labels, y.shape[-1]))
        return mix(x, mixture), mix_labels(y, mixture)

    def _resolved(self, x: Tensor, labels: Tensor, mixture: Mixture) -> Mixture:
        """Turn what was drawn into positions, by features where they decide."""
        return mixture

    def _soft(self, x: Tensor, y: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise TypeError(f"x must be floating to be mixed, but its dtype is {x.dtype}: convert it first.")
        if not y.is_floating_point():
            if self.num_classes is None:
                raise ValueError(
                    f"num_classes is needed with integer labels, since a batch may lack a class, but it is None: "
                    f"give {type(self).__name__}(num_classes=...)."
                )
            # Reading values back would break a compiled graph.
            checked = y.numel() and not torch.compiler.is_compiling()
            if checked and not 0 <= int(y.min()) <= int(y.max()) < self.num_classes:
                raise ValueError(
                    f"Labels must lie in 0 to num_classes - 1 = {self.num_classes - 1}, but y holds "
                    f"{int(y.min())} to {int(y.max())}: encode them first."
                )
            y = one_hot(y.long(), self.num_classes).float()
        if y.ndim < 2 or x.shape[: y.ndim - 1] != y.shape[:-1] or x.ndim < y.ndim - 1:
            raise ValueError(
                f"x and y must agree in their rows, but their shapes are {tuple(x.shape)} and {tuple(y.shape)}; "
                f"floating labels are probabilities with a class axis, hard labels are integers."
            )
        return y if y.dtype == torch.float64 else y.float()

    def _draw_each(self, labels: Tensor, num_classes: int) -> Mixture:
        if self.generator is None or isinstance(self.generator, torch.Generator):
            return self.draw(labels, self.generator, num_classes)
        if len(self.generator) != labels.shape[0]:
            raise ValueError(
                f"One generator a replica is needed, but {len(self.generator)} came for {labels.shape[0]} replicas."
            )
        draws = [self.draw(row, own, num_classes) for row, own in zip(labels, self.generator, strict=True)]
        joined = (None if parts[0] is None else torch.stack(parts) for parts in zip(*draws, strict=True))
        return Mixture(*joined)  # type: ignore[arg-type]


def mix(values: Tensor, mixture: Mixture) -> Tensor:
    """Mix rows ``(..., B, *features)`` as a mixture of shape ``(..., B)`` says."""
    rest = values.ndim - mixture.share.ndim
    share = mixture.share.to(values.dtype).reshape(*mixture.share.shape, *(1,) * rest)
    first, second = take_rows(values, mixture.first), take_rows(values, mixture.second)
    return torch.lerp(second, first, share)


def mix_labels(y: Tensor, mixture: Mixture) -> Tensor:
    """Mix label rows ``(..., B, K)`` as a mixture says, by its share of labels where it has one."""
    return mix(y, mixture if mixture.label_share is None else mixture._replace(share=mixture.label_share))


def take_rows(values: Tensor, positions: Tensor) -> Tensor:
    """Gather rows of ``(..., B, *features)`` at positions ``(..., B)``."""
    rest = values.ndim - positions.ndim
    index = positions.reshape(*positions.shape, *(1,) * rest).expand(*positions.shape, *values.shape[positions.ndim :])
    return values.gather(positions.ndim - 1, index)
