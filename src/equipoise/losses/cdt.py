"""Class-dependent temperatures: logits of rare classes are made smaller in training.

Ye, Chen, Zhan and Chao, "Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning"
(arXiv 2001.01385), which divides by ``(n_max / n_k) ** gamma``: the same thing.
"""

from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, shares_of_largest
from equipoise.losses.parametric import ParametricCrossEntropy, parametric_cross_entropy


def cdt_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    gamma: float = 0.2,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy of ``z (n / n_max) ** gamma``; the functional twin of `CDTLoss`.

    `parametric_cross_entropy` says what shapes, ``reduction`` and ``ignore_index`` mean.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import cdt_loss
    >>> cdt_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100])
    tensor(1.8210)
    """
    delta = shares_of_largest(checked_counts(class_counts), gamma)
    return parametric_cross_entropy(logits, target, delta=delta, reduction=reduction, ignore_index=ignore_index)


class CDTLoss(ParametricCrossEntropy):
    """Cross-entropy of logits that are multiplied by less than 1 for rare classes.

    `ParametricCrossEntropy` with ``delta_k = (n_k / n_max) ** gamma``: to fit a rare class all the same, the
    network must give it larger logits, and so a larger margin. It acts after all training rows are fitted, too,
    but it is not consistent for the balanced error.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    gamma : float, default=0.2
        Strength, 0 or more; 0 is plain cross-entropy.
    reduction : {"mean", "sum", "none"}, default="mean"
    ignore_index : int, default=-100

    Notes
    -----
    With two classes and a linear last layer it does little: the logits come to be ``z_1 = delta_1 u`` and
    ``z_0 = -delta_0 u``, so that the boundary ``z_0 = z_1`` is where ``u = 0``, as without it.

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

    def __init__(
        self,
        class_counts: ByClass,
        *,
        gamma: float = 0.2,
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        counts = checked_counts(class_counts)
        super().__init__(delta=shares_of_largest(counts, gamma), reduction=reduction, ignore_index=ignore_index)
        self.class_counts = counts
