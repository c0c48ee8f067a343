"""Focal loss: confident rows count for little.

Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection" (ICCV 2017, arXiv 1708.02002),
equation 4, for a softmax. ``p_y`` is the probability of the network; the code of LDAM-DRW takes
``exp(-weighted cross-entropy)`` instead, which is not a probability.
"""

from typing import Unpack

import torch
from torch import Tensor

from equipoise.losses.base import WeightedLoss
from equipoise.losses.counts import ByClass
from equipoise.losses.reduction import Reducing, expected, reduced


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, w: ByClass | None = None, **reducing: Unpack[Reducing]
) -> Tensor:
    """Cross-entropy times ``(1 - p_y) ** gamma``; the functional twin of `FocalLoss`.

    The loss of a row of probabilities Y is ``-sum_k Y_k w_k (1 - p_k) ** gamma log p_k``. Shapes, errors,
    ``reduction`` and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import focal_loss
    >>> focal_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), gamma=2.0)
    tensor(1.6501)
    """
    return FocalLoss(gamma=gamma, w=w, **reducing)(logits, target)


class FocalLoss(WeightedLoss):
    """Cross-entropy times ``(1 - p_y) ** gamma``, which reduces the loss of confident rows.

    The loss emphasises hard rows, which are not always rows of minority classes.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping, optional
        Training rows of each class, in the order of class codes or keyed by labels. Unused by the formula, but
        needed in `DeferredReweighting`.
    gamma : float, default=2.0
        Strength, 0 or more; 0 is plain cross-entropy.
    w : array-like of shape (K,), not negative, optional
        Weights (the paper's alpha), such as `class_balanced_weights`; 1 by default.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only. A mean divides by the number of rows, not by their weights.
    ignore_index : int, default=-100

    Raises
    ------
    ValueError
        If ``gamma`` or a weight is negative.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equations 4 and 5.

    Examples
    --------
    >>> import torch
    >>> from equipoise import FocalLoss
    >>> FocalLoss(gamma=2.0)(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor(0.1733)
    """

    def __init__(
        self,
        class_counts: ByClass | None = None,
        *,
        gamma: float = 2.0,
        w: ByClass | None = None,
        **reducing: Unpack[Reducing],
    ) -> None:
        if not gamma >= 0:
            raise ValueError(f"gamma must be 0 or more, but gamma={gamma!r}: 0 is cross-entropy.")
        super().__init__(class_counts, w, **reducing)
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits ``(..., B, K)`` and class indices ``(..., B)`` or probabilities."""
        rows = self._accept(logits, target)
        values = expected(self._value, rows.logits.log_softmax(-1), rows, self._w(rows.logits))
        return reduced(values, rows, self.reduction)

    def _value(self, log_p: Tensor) -> Tensor:
        # For gamma < 1 the power has an infinite slope at 0, where p rounds to 1: the least positive number avoids it.
        complement = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        return -(complement**self.gamma) * log_p
