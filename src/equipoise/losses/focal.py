"""Focal loss: rows that the network is sure of count for little.

Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection" (ICCV 2017, arXiv 1708.02002),
equation 4, on a softmax. ``p_y`` is the network's probability: not, as in the code of LDAM-DRW,
``exp(-weighted cross-entropy)``, which is none.
"""

import torch
from torch import Tensor

from equipoise.losses.base import WeightedLoss
from equipoise.losses.counts import ByClass
from equipoise.losses.reduction import accept, by_row, expected, reduced


def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    w: ByClass | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy times ``(1 - p_y) ** gamma``; the functional twin of `FocalLoss`.

    For a row of probabilities Y it is ``-sum_k Y_k w_k (1 - p_k) ** gamma log p_k``. `parametric_cross_entropy`
    says what shapes, ``reduction`` and ``ignore_index`` mean.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import focal_loss
    >>> focal_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), gamma=2.0)
    tensor(1.6501)
    """
    if not gamma >= 0:
        raise ValueError(f"gamma must be 0 or more, but gamma={gamma!r}: 0 is cross-entropy.")
    rows = accept(logits, target, ignore_index)

    def value(log_p: Tensor) -> Tensor:
        # Where p rounds to 1 the power has an infinite slope for gamma < 1: there it rests at the least number.
        complement = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        return -(complement**gamma) * log_p

    weights = None if w is None else by_row(w, rows.logits, "w")
    return reduced(expected(value, rows.logits.log_softmax(-1), rows, weights), rows, reduction)


class FocalLoss(WeightedLoss):
    """Cross-entropy times ``(1 - p_y) ** gamma``, so that sure rows count for little.

    It attends to hard rows, which are not always rows of rare classes.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping, optional
        Training rows of each class, in the order of class codes or keyed by labels. The formula does not
        use them; `DeferredReweighting` does.
    gamma : float, default=2.0
        Strength, 0 or more; 0 is plain cross-entropy.
    w : array-like of shape (K,), not negative, optional
        Weights (the paper's alpha), such as `class_balanced_weights`; 1 by default.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only. A mean divides by the number of rows, not by their weights.
    ignore_index : int, default=-100

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
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        super().__init__(class_counts, w, reduction=reduction, ignore_index=ignore_index)
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits ``(..., B, K)`` and class indices ``(..., B)`` or probabilities."""
        return focal_loss(logits, target, gamma=self.gamma, w=self.w, **self._options())
