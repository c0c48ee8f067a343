"""Vector scaling: logit adjustment and class-dependent temperatures in one loss.

Kini, Paraskevas, Oymak and Thrampoulidis, "Label-Imbalanced and Group-Sensitive Classification under
Overparameterization" (NeurIPS 2021, arXiv 2103.01550).
"""

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, log_priors, shares_of_largest
from equipoise.losses.parametric import ParametricCrossEntropy, parametric_cross_entropy


def vs_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    tau: float = 1.0,
    gamma: float = 0.2,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy of ``z (n / n_max) ** gamma + tau log pi``; the functional twin of `VSLoss`.

    `parametric_cross_entropy` says what shapes, ``reduction`` and ``ignore_index`` mean.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import vs_loss
    >>> vs_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100], tau=1.2)
    tensor(4.2948)
    """
    counts = checked_counts(class_counts)
    offset, delta = tau * log_priors(counts), shares_of_largest(counts, gamma)
    return parametric_cross_entropy(
        logits, target, offset=offset, delta=delta, reduction=reduction, ignore_index=ignore_index
    )


class VSLoss(ParametricCrossEntropy):
    """Cross-entropy of logits adjusted by an offset and a multiplier from the class counts.

    `ParametricCrossEntropy` with ``l_k = tau log pi_k`` and ``delta_k = (n_k / n_max) ** gamma``. The offset acts
    early in training, the multiplier once all training rows are fitted.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    tau : float, default=1.0
        Strength of the offset; with 0 the loss is `CDTLoss`.
    gamma : float, default=0.2
        Strength of the multiplier, 0 or more; with 0 the loss is `LogitAdjustedLoss`.
    reduction : {"mean", "sum", "none"}, default="mean"
    ignore_index : int, default=-100

    Notes
    -----
    The offset corrects for the shares of the classes in the batches. Where batches are balanced already (`ReMix`,
    `BalancedBatchSampler`) it would correct twice. With two classes the multiplier does little: see `CDTLoss`.

    References
    ----------
    Kini et al., "Label-Imbalanced and Group-Sensitive Classification under Overparameterization", NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from equipoise import VSLoss
    >>> loss = VSLoss([900, 100], tau=1.2, gamma=0.2)
    >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor(1.3875)
    """

    corrects_priors = True

    def __init__(
        self,
        class_counts: ByClass,
        *,
        tau: float = 1.0,
        gamma: float = 0.2,
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        counts = checked_counts(class_counts)
        offset, delta = tau * log_priors(counts), shares_of_largest(counts, gamma)
        super().__init__(offset=offset, delta=delta, reduction=reduction, ignore_index=ignore_index)
        self.class_counts = counts
