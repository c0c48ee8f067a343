"""Logit adjustment: the logarithm of the class priors is added to the logits in training.

Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-Tail Learning via Logit Adjustment" (ICLR 2021,
arXiv 2007.07314), equation 10. With ``tau=1`` it is the balanced softmax of Ren et al. (NeurIPS 2020).
"""

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, log_priors
from equipoise.losses.parametric import ParametricCrossEntropy, parametric_cross_entropy


def logit_adjusted_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    tau: float = 1.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy of ``z + tau log pi``; the functional twin of `LogitAdjustedLoss`.

    `parametric_cross_entropy` says what shapes, ``reduction`` and ``ignore_index`` mean.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import logit_adjusted_loss
    >>> logit_adjusted_loss(torch.zeros(1, 2), torch.tensor([1]), [900, 100])
    tensor(2.3026)
    """
    offset = tau * log_priors(checked_counts(class_counts))
    return parametric_cross_entropy(logits, target, offset=offset, reduction=reduction, ignore_index=ignore_index)


class LogitAdjustedLoss(ParametricCrossEntropy):
    """Cross-entropy of logits to which the logarithm of the class priors is added.

    `ParametricCrossEntropy` with ``l_k = tau log pi_k``: an error on a rare class costs more. What the network
    learns with ``tau=1`` are the logits of balanced classes, so that ``argmax z`` minimises the balanced error.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    tau : float, default=1.0
        Strength; 0 is plain cross-entropy.
    reduction : {"mean", "sum", "none"}, default="mean"
    ignore_index : int, default=-100

    Notes
    -----
    It corrects for the shares of the classes in the batches. Where batches are balanced already (`ReMix`,
    `BalancedBatchSampler`) it would correct twice.

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

    def __init__(
        self,
        class_counts: ByClass,
        *,
        tau: float = 1.0,
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        counts = checked_counts(class_counts)
        super().__init__(offset=tau * log_priors(counts), reduction=reduction, ignore_index=ignore_index)
        self.class_counts = counts
