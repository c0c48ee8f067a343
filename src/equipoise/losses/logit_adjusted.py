"""Logit adjustment: the logarithm of the class priors is added to the logits in training.

Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-Tail Learning via Logit Adjustment" (ICLR 2021,
arXiv 2007.07314), equation 10. With ``tau=1`` it is the balanced softmax of Ren et al. (NeurIPS 2020).
"""

from typing import Unpack

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, log_priors
from equipoise.losses.parametric import ParametricCrossEntropy
from equipoise.losses.reduction import Reducing


def logit_adjusted_loss(
    logits: Tensor, target: Tensor, class_counts: ByClass, *, tau: float = 1.0, **reducing: Unpack[Reducing]
) -> Tensor:
    """Cross-entropy of ``z + tau log pi``; the functional twin of `LogitAdjustedLoss`.

    Shapes, errors, ``reduction`` and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import logit_adjusted_loss
    >>> logit_adjusted_loss(torch.zeros(1, 2), torch.tensor([1]), [900, 100])
    tensor(2.3026)
    """
    return LogitAdjustedLoss(class_counts, tau=tau, **reducing)(logits, target)


class LogitAdjustedLoss(ParametricCrossEntropy):
    """Cross-entropy of logits to which the logarithm of the class priors is added.

    `ParametricCrossEntropy` with ``l_k = tau log pi_k``: an error on a minority class costs more. With ``tau=1`` the
    network learns the logits of balanced classes, so that ``argmax z`` minimises the balanced error.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    tau : float, default=1.0
        Strength, 0 or more; 0 is plain cross-entropy.
    reduction : {"mean", "sum", "none"}, default="mean"
    ignore_index : int, default=-100

    Notes
    -----
    The offset corrects for the class priors of the batches. With balanced batches (`ReMix`, `BalancedBatchSampler`)
    it would correct twice.

    References
    ----------
    Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, equation 10.

    Examples
    --------
    >>> import torch
    >>> from equipoise import LogitAdjustedLoss
    >>> loss = LogitAdjustedLoss([900, 100])
    >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor(1.2040)
    """

    corrects_priors = True

    def __init__(self, class_counts: ByClass, *, tau: float = 1.0, **reducing: Unpack[Reducing]) -> None:
        counts = checked_counts(class_counts)
        super().__init__(offset=log_priors(counts, tau), **reducing)
        self.class_counts = counts
