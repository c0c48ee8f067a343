"""Class-dependent temperatures: logits of minority classes are scaled down in training.

Ye, Chen, Zhan and Chao, "Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning"
(arXiv 2001.01385). The paper divides by ``(n_max / n_k) ** gamma``, which is the same.
"""

from typing import Unpack

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, shares_of_largest
from equipoise.losses.parametric import ParametricCrossEntropy
from equipoise.losses.reduction import Reducing


def cdt_loss(
    logits: Tensor, target: Tensor, class_counts: ByClass, *, gamma: float = 0.2, **reducing: Unpack[Reducing]
) -> Tensor:
    """Cross-entropy of ``z (n / n_max) ** gamma``; the functional twin of `CDTLoss`.

    Shapes, errors, ``reduction`` and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import cdt_loss
    >>> cdt_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100])
    tensor(1.8210)
    """
    return CDTLoss(class_counts, gamma=gamma, **reducing)(logits, target)


class CDTLoss(ParametricCrossEntropy):
    """Cross-entropy of logits scaled down for minority classes.

    `ParametricCrossEntropy` with ``delta_k = (n_k / n_max) ** gamma``. To fit a minority class, the network must give
    it larger logits, and so a larger margin. The loss still acts once all training rows are fitted, but it is not
    consistent for the balanced error.

    Parameters
    ----------
    gamma : float, default=0.2
        Strength, 0 or more; 0 is plain cross-entropy.
    class_counts, reduction, ignore_index
        As in `LogitAdjustedLoss`.

    Notes
    -----
    With two classes and a linear last layer the loss does little: training leads to ``z_1 = delta_1 u`` and
    ``z_0 = -delta_0 u``, whose boundary ``z_0 = z_1`` is ``u = 0``, as without it.

    References
    ----------
    Ye et al., "Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning", arXiv 2001.01385.

    Examples
    --------
    >>> import torch
    >>> from equipoise import CDTLoss
    >>> CDTLoss([900, 100])(torch.tensor([[1.0, -1.0]]), torch.tensor([0]))
    tensor(0.1766)
    """

    def __init__(self, class_counts: ByClass, *, gamma: float = 0.2, **reducing: Unpack[Reducing]) -> None:
        counts = checked_counts(class_counts)
        super().__init__(delta=shares_of_largest(counts, gamma), **reducing)
        self.class_counts = counts
