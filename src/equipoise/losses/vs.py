"""Vector scaling: logit adjustment and class-dependent temperatures in one loss.

Kini, Paraskevas, Oymak and Thrampoulidis, "Label-Imbalanced and Group-Sensitive Classification under
Overparameterization" (NeurIPS 2021, arXiv 2103.01550).
"""

from typing import Unpack

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, log_priors, shares_of_largest
from equipoise.losses.parametric import ParametricCrossEntropy
from equipoise.losses.reduction import Reducing


def vs_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    tau: float = 1.0,
    gamma: float = 0.2,
    **reducing: Unpack[Reducing],
) -> Tensor:
    """Cross-entropy of ``z (n / n_max) ** gamma + tau log pi``; the functional twin of `VSLoss`.

    Shapes, errors, ``reduction`` and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import vs_loss
    >>> vs_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100], tau=1.2)
    tensor(4.2948)
    """
    return VSLoss(class_counts, tau=tau, gamma=gamma, **reducing)(logits, target)


class VSLoss(ParametricCrossEntropy):
    """Cross-entropy of logits adjusted by an offset and a multiplier from the class counts.

    `ParametricCrossEntropy` with ``l_k = tau log pi_k`` and ``delta_k = (n_k / n_max) ** gamma``. The offset acts
    early in training, the multiplier once all training rows are fitted.

    Parameters
    ----------
    tau : float, default=1.0
        Strength of the offset, 0 or more; with 0 the loss is `CDTLoss`.
    gamma : float, default=0.2
        Strength of the multiplier, 0 or more; with 0 the loss is `LogitAdjustedLoss`.
    class_counts, reduction, ignore_index
        As in `LogitAdjustedLoss`.

    Notes
    -----
    The offset corrects for the class priors of the batches. With balanced batches (`ReMix`, `BalancedBatchSampler`)
    it would correct twice. With two classes the multiplier does little: see `CDTLoss`.

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
        self, class_counts: ByClass, *, tau: float = 1.0, gamma: float = 0.2, **reducing: Unpack[Reducing]
    ) -> None:
        counts = checked_counts(class_counts)
        offset, delta = log_priors(counts, tau), shares_of_largest(counts, gamma)
        super().__init__(offset=offset, delta=delta, **reducing)
        self.class_counts = counts
