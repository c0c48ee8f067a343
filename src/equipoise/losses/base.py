"""Base of the losses: class weights and counts as buffers, a reduction, and a replica axis."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from equipoise.losses.counts import ByClass, by_class, checked_counts
from equipoise.losses.reduction import Reducing, Reduction, Rows, accept, by_row, check_classes, check_reduction


class TwiceCorrectedWarning(UserWarning):
    """Two parts of a training correct for unequal class priors."""


class WeightedLoss(nn.Module):
    """Base of the losses that weight classes.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping, optional
        Training rows of each class, in the order of class codes or keyed by labels.
    w : array-like of shape (K,) or (R, K), not negative, optional
        Weight of each class.
    reduction : {"mean", "sum", "none"}, default="mean"
    ignore_index : int, default=-100

    Attributes
    ----------
    corrects_priors : bool
        Whether the loss corrects for unequal class counts, so that balanced batches would correct twice. The trainer
        reads this attribute of any loss.
    takes_replicas : bool
        Whether counts with a leading replica axis give one loss for all replicas. The trainer then creates one module
        of the class (or of a ``functools.partial`` of it) instead of one a replica.
    """

    corrects_priors: ClassVar[bool] = False
    takes_replicas: ClassVar[bool] = True
    class_counts: Tensor | None
    w: Tensor | None

    def __init__(
        self,
        class_counts: ByClass | None = None,
        w: ByClass | None = None,
        *,
        reduction: Reduction = "mean",
        ignore_index: int = -100,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        self.register_buffer("class_counts", None if class_counts is None else checked_counts(class_counts))
        self.register_buffer("w", checked_values(w, "w"))
        self.reduction = reduction
        self.ignore_index = ignore_index
        self._passed = False

    def learned_priors(self, priors: Tensor) -> Tensor | None:
        """Class priors assumed by the probabilities of a network that minimises the loss.

        Parameters
        ----------
        priors : Tensor of shape (K,)
            Class priors of the training rows or batches.

        Returns
        -------
        Tensor of shape (K,) or None
            None if the loss distorts probabilities in other ways, as margins do.
        """
        return None

    def _reducing(self) -> Reducing:
        return {"reduction": self.reduction, "ignore_index": self.ignore_index}

    def _accept(self, logits: Tensor, target: Tensor) -> Rows:
        """Check a batch; once one has passed, soft targets that are slow to look at are trusted."""
        rows = accept(logits, target, self.ignore_index, trusted=self._passed)
        if rows.soft and not self._passed and not torch.compiler.is_compiling():
            self._passed = True
        if self.class_counts is not None:
            check_classes(self.class_counts, rows.logits, "class_counts")
        return rows

    def _w(self, logits: Tensor) -> Tensor | None:
        return None if self.w is None else by_row(self.w, logits, "w")

    def extra_repr(self) -> str:
        """Return the reduction, for ``repr``."""
        return f"reduction={self.reduction!r}"


_LEGAL: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "w": ("zero or more", lambda values: values >= 0),
    "offset": ("finite", torch.isfinite),
    "delta": ("positive", lambda values: values > 0),
}


def checked_values(values: ByClass | None, name: str) -> Tensor | None:
    """Return a parameter by class as a floating tensor; None stays None."""
    if values is None:
        return None
    tensor = by_class(values, name)
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    kind, legal = _LEGAL[name]
    if not tensor.ndim or not (legal(tensor) & tensor.isfinite()).all():
        raise ValueError(f"{name} must hold one {kind} number a class, but {name}={values!r}.")
    return tensor
