"""Base of the mixing transforms: checks of a batch, replicas, and the call.

A transform only describes how a `Mixture` is drawn.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from inspect import signature
from numbers import Integral
from typing import Any, ClassVar, Protocol, Self, cast, overload, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from equipoise.batches.mixture import Mixture, mix, mix_labels, take_rows, weighted
from equipoise.parameters import Parametrized

Between = Callable[[Tensor], Tensor]
Generators = torch.Generator | Sequence[torch.Generator] | None

_ROUNDING = 0.05  # of a row of probabilities, in half precision


class MixingTransform(Parametrized, ABC):
    """Base of the transforms that mix rows of a batch.

    A subclass defines `draw`, and stores the parameters of its constructor as attributes.

    Attributes
    ----------
    balances : bool or None
        Whether the transform balances the classes of a batch. None if class priors change by another rule. Our trainer
        reads it of any transform.
    looks_at_classes : bool
        Whether the mixture depends on the classes of the rows. Labels must then be class indices, or probabilities, of
        which the most probable class is taken.
    first_in_place : bool
        Whether ``first`` of a mixture is always 0 to B - 1 in order.
    looks_at_features : bool
        Whether the mixture depends on features. ``second`` of a drawn mixture is then a rank among the neighbours of
        the first row; see ``equipoise.batches.batch_smote.with_neighbours``.
    """

    balances: ClassVar[bool | None] = False
    looks_at_classes: ClassVar[bool] = True
    first_in_place: ClassVar[bool] = False
    looks_at_features: ClassVar[bool] = False
    num_classes: int | None = None
    generator: Generators = None
    batch_dims: int = 0
    between: Between | None = None

    @abstractmethod
    def draw(self, labels: Tensor, generator: torch.Generator | None = None, num_classes: int | None = None) -> Mixture:
        """Draw the mixtures of any number of batches at once.

        Parameters
        ----------
        labels : Tensor of shape (..., B), integer
            Class of each row of each batch.
        generator : torch.Generator, optional
            Generator on the device of ``labels``; torch's global one by default.
        num_classes : int, optional
            K; by default one more than the largest label, where K is needed.

        Returns
        -------
        Mixture
            Tensors of shape (..., B).
        """

    def bound(self, class_counts: Tensor) -> Self:
        """Return the transform for training rows of these class counts, a tensor of shape (K,)."""
        return self

    @overload
    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]: ...

    @overload
    def __call__(self, x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, ...]:
        """Mix a batch.

        Parameters
        ----------
        x : Tensor of shape (B, *features), floating
            Rows. With ``batch_dims`` or a sequence of generators, all three arguments have leading axes.
        y : Tensor of shape (B,), integer, or (B, K), floating
            Class indices or probabilities.
        weight : Tensor of shape (B,), optional
            Weight of each row in the loss.

        Returns
        -------
        x : Tensor of the same shape, dtype, device and memory format
        y : Tensor of shape (B, K), float32 or wider
        weight : Tensor of shape (B,), float32 or wider
            Only if weights are given. In ``weight * loss(model(x), y)``, with a loss that is linear in the labels, such
            as cross-entropy, the label of each original row then has the weight of that row.

        Raises
        ------
        ValueError
            If integer labels come without ``num_classes``, labels lie outside 0 to K - 1, floating labels are not
            probabilities although the mixture depends on classes, weights are negative or not finite, or shapes do not
            fit. A graph of ``torch.compile`` skips the checks of values; on a GPU they are device assertions.
        TypeError
            If ``x`` is not a floating tensor, or ``y`` or ``weight`` not a tensor.
        """
        self._check(x, y, weight)
        soft = self._soft(y)
        labels = soft.argmax(dim=-1) if y.is_floating_point() else y.long()
        mixture = self._resolved(x, labels, self._draw_each(labels, soft.shape[-1]))
        rows = self._mixed(x, soft, mixture)
        if weight is None:
            return rows, mix_labels(soft, mixture)
        mixture, weight = weighted(mixture, weight.to(torch.promote_types(weight.dtype, torch.float32)))
        return rows, mix_labels(soft, mixture), weight.to(soft.dtype)

    def _resolved(self, x: Tensor, labels: Tensor, mixture: Mixture) -> Mixture:
        """Turn ranks into positions, if the mixture depends on features."""
        return mixture

    def _mixed(self, x: Tensor, soft: Tensor, mixture: Mixture) -> Tensor:
        if self.between is None:
            return mix(x, mixture, first_in_place=self.first_in_place)
        pairs = ((take_rows(x, place), take_rows(soft, place)) for place in (mixture.first, mixture.second))
        first, second = (augmented(self.between, rows, labels) for rows, labels in pairs)
        share = mixture.share.to(first.dtype)
        return second.lerp(first, share.view(*share.shape, *(1,) * (first.ndim - share.ndim)))

    def _n_batch_dims(self) -> int:
        one = self.generator is None or isinstance(self.generator, torch.Generator)
        return self.batch_dims or (0 if one else 1)

    def _check_parameters(self) -> None:
        """Refuse values out of range; constructors call it, and calls again, as attributes can be set."""
        if not isinstance(self.batch_dims, Integral) or self.batch_dims < 0:
            raise ValueError(f"batch_dims must be an integer of 0 or more, but batch_dims={self.batch_dims!r}.")
        if self.num_classes is not None and (not isinstance(self.num_classes, Integral) or self.num_classes < 1):
            raise ValueError(f"num_classes must be an integer of 1 or more, but num_classes={self.num_classes!r}.")

    def _check(self, x: Tensor, y: Tensor, weight: Tensor | None) -> None:
        for name, value in (("x", x), ("y", y), ("weight", weight)):
            if not isinstance(value, Tensor) and (value is not None or name != "weight"):
                raise TypeError(f"{name} must be a torch.Tensor, but is a {type(value).__name__}: convert it first.")
        if not x.is_floating_point() and self.between is None:
            raise TypeError(
                f"x must be floating to be mixed, but its dtype is {x.dtype}: convert pixels to floats, and mix token "
                f"ids after their embedding."
            )
        self._check_parameters()
        ndim = self._n_batch_dims() + 1
        rows = tuple(x.shape[:ndim])
        fits = y.ndim == ndim + y.is_floating_point() and x.ndim >= ndim and y.shape[:ndim] == rows
        if not fits or (weight is not None and weight.shape != rows):
            axes = "B" if ndim == 1 else f"{ndim - 1} of batch_dims, B"
            raise ValueError(
                f"Rows ({axes}, ...), class indices ({axes}) or floating probabilities ({axes}, K), and weights "
                f"({axes}) are needed, but x has shape {tuple(x.shape)}, y {tuple(y.shape)} ({y.dtype})"
                f"{'' if weight is None else f' and weight {tuple(weight.shape)}'}. "
                + (_remedy(y, rows) or f"batch_dims={self.batch_dims!r} is the number of axes before the rows.")
            )
        if weight is not None:
            _expect(
                ((weight >= 0) & weight.isfinite()).all(),
                "Weights of rows must be 0 or more and finite, but some are negative, infinite or NaN: mend them.",
            )

    def _soft(self, y: Tensor) -> Tensor:
        if y.is_floating_point():
            if self.looks_at_classes:
                _expect(
                    ((y >= 0).all(-1) & ((y.sum(-1) - 1).abs() < _ROUNDING)).all(),
                    f"{type(self).__name__} needs one class a row, but rows of y are not probabilities: give rows that "
                    f"sum to 1. Only MixUp can mix rows with several labels.",
                )
            return y if y.dtype == torch.float64 else y.float()
        if self.num_classes is None:
            raise ValueError(
                f"num_classes is needed with integer labels, since a batch may lack a class, but it is None: "
                f"give {type(self).__name__}(num_classes=...)."
            )
        y = y.long()
        looked_at = y.numel() and y.device.type == "cpu" and not torch.compiler.is_compiling()
        if looked_at and not 0 <= int(y.min()) <= int(y.max()) < self.num_classes:
            raise ValueError(
                f"Labels must lie in 0 to num_classes - 1 = {self.num_classes - 1}, but y holds "
                f"{int(y.min())} to {int(y.max())}: encode them first."
            )
        return one_hot(y, self.num_classes).float()

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


def _remedy(y: Tensor, rows: tuple[int, ...]) -> str:
    """Say what makes labels fit rows, given the shape of the rows before their features; empty if that is not plain."""
    if y.shape == rows and y.is_floating_point():
        return "Labels as floats are taken for probabilities: give y.long()."
    if y.shape == (*rows, 1):
        return "Labels stand in a column: give y.squeeze(-1)."
    return "Give a label for each row." if y.ndim == len(rows) and y.shape != rows else ""


def _expect(condition: Tensor, message: str) -> None:
    """Check a condition without waiting for its device."""
    if torch.compiler.is_compiling():
        return
    if condition.is_cuda:
        torch._assert_async(condition, message)
    elif not condition:
        raise ValueError(message)


@runtime_checkable
class Augmentation(Protocol):
    """An augmentation that can take labels and a generator, as `equipoise.images.Augment` does."""

    def rows(self, x: Tensor, y: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the augmented rows ``(B, *features)``, floating; labels are ``(B,)`` or ``(B, K)``."""


def augmented(between: Between, x: Tensor, y: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
    """Call an augmentation, ours or any function of rows.

    Raises TypeError if it does not return as many floating rows.
    """
    rows = between.rows(x, y, generator=generator) if isinstance(between, Augmentation) else between(x)
    if not isinstance(rows, Tensor) or not rows.is_floating_point() or len(rows) != len(x):
        found = f"{tuple(rows.shape)}, {rows.dtype}" if isinstance(rows, Tensor) else type(rows).__name__
        raise TypeError(
            f"between={between!r:.80} must return floating rows, one for each of {tuple(x.shape)}, but gave {found}."
        )
    return rows


class BatchTransform(Protocol):
    """A transform of batches: ``(x, y) -> (x, y)``.

    With a third parameter ``weight`` it receives and returns the weights of the rows, too. Without one it must leave
    every label at its row, as image augmentation does, where rows have weights.
    """

    def __call__(self, x: Tensor, y: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return the rows ``(B, *features)`` and labels, ``(B,)`` or ``(B, K)``, of the new batch."""


def transformed(
    transform: BatchTransform, x: Tensor, y: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Call any transform of a batch whose rows may have weights.

    Raises ValueError if rows have weights, and the transform changes labels but has no parameter ``weight``.
    """
    if weight is None:
        return (*_parts(transform, transform(x, y), 2), None)
    if "weight" in signature(getattr(transform, "forward", transform)).parameters:
        return _parts(transform, cast("MixingTransform", transform)(x, y, weight=weight), 3)
    rows, labels = _parts(transform, transform(x, y), 2)
    given = one_hot(y, labels.shape[-1]) if labels.ndim > y.ndim else y
    if labels.shape != given.shape or bool((labels != given).any()):
        raise ValueError(
            f"batch_transform={transform!r} changes the labels of rows with weights, which no longer fit them: "
            f"add a third parameter `weight`, and return the weights of the new rows as a third tensor."
        )
    return rows, labels, weight


def _parts(transform: BatchTransform, parts: Any, n: int) -> Any:
    if not isinstance(parts, tuple | list) or len(parts) != n or not all(isinstance(part, Tensor) for part in parts):
        found = f"{len(parts)} parts" if isinstance(parts, tuple | list) else f"a {type(parts).__name__}"
        raise ValueError(f"batch_transform={transform!r} must return {n} tensors, but returned {found}.")
    return parts
