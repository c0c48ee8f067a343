"""What the losses share: class weights and counts as buffers, a reduction, and a replica axis."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from equipoise.losses.counts import ByClass, by_class, checked_counts


class WeightedLoss(nn.Module):
    """Base of the losses that weigh classes.

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
        Whether the loss makes up for unequal class counts, so that balanced batches beside it would do so twice.
        A trainer reads it of any loss.
    takes_replicas : bool
        Whether counts with a leading replica axis give one loss for all replicas. The trainer then makes
        one module of the class (or of a ``functools.partial`` of it) in place of one a replica.
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
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        super().__init__()
        self.register_buffer("class_counts", None if class_counts is None else checked_counts(class_counts))
        self.register_buffer("w", checked_values(w, "w"))
        self.reduction = reduction
        self.ignore_index = ignore_index

    def learned_priors(self, priors: Tensor) -> Tensor | None:
        """Class priors that the probabilities of a network assume, once it has minimised the loss.

        Parameters
        ----------
        priors : Tensor of shape (K,)
            Class priors of the rows, or of the batches, that it trains on.

        Returns
        -------
        Tensor of shape (K,) or None
            None if the loss bends probabilities in other ways, as margins do.
        """
        return None

    def _options(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "ignore_index": self.ignore_index}

    def extra_repr(self) -> str:
        """Return the reduction, for ``repr``."""
        return f"reduction={self.reduction!r}"


_LEGAL: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "w": ("zero or more", lambda values: values >= 0),
    "offset": ("finite", torch.isfinite),
    "delta": ("positive", lambda values: values > 0),
}


def checked_values(values: ByClass | None, name: str) -> Tensor | None:
    """Return the values by class of a parameter as a floating tensor; None stays None."""
    if values is None:
        return None
    tensor = by_class(values, name)
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    kind, legal = _LEGAL[name]
    if not tensor.ndim or not (legal(tensor) & tensor.isfinite()).all():
        raise ValueError(f"{name} must hold one {kind} number a class, but {name}={values!r}.")
    return tensor
