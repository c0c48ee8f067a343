"""Class-balanced weights: one over the effective number of rows of each class.

Cui, Jia, Lin, Song and Belongie, "Class-Balanced Loss Based on Effective Number of Samples" (CVPR 2019,
arXiv 1901.05555). As there, the weights are scaled to sum K.
"""

import math
from typing import Unpack

import torch
from torch import Tensor

from equipoise.losses.counts import ByClass, checked_counts, derived
from equipoise.losses.parametric import ParametricCrossEntropy
from equipoise.losses.reduction import Reducing


def class_balanced_weights(class_counts: ByClass, *, beta: float = 0.9999) -> Tensor:
    """Weights in proportion to ``(1 - beta) / (1 - beta ** n_k)``, with sum K.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    beta : float, default=0.9999
        In [0, 1). 0 gives equal weights; near 1 they approach ``1 / n_k``.

    Returns
    -------
    Tensor of the shape of the counts

    Raises
    ------
    ValueError
        If ``beta`` is outside [0, 1), or a class has no rows.

    Examples
    --------
    >>> from equipoise.losses import class_balanced_weights
    >>> class_balanced_weights([900, 100])
    tensor([0.2073, 1.7927])
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must lie in [0, 1), but beta={beta!r}: 0.9999 is usual.")

    def weights(n: Tensor) -> Tensor:
        # expm1 keeps the digits that 1 - beta ** n would round away.
        rarity = -1 / torch.expm1(n * (math.log(beta) if beta else -math.inf))
        return rarity * rarity.shape[-1] / rarity.sum(-1, keepdim=True)

    return derived(weights, checked_counts(class_counts))


def class_balanced_loss(
    logits: Tensor, target: Tensor, class_counts: ByClass, *, beta: float = 0.9999, **reducing: Unpack[Reducing]
) -> Tensor:
    """Cross-entropy weighted by `class_balanced_weights`; the functional twin of `ClassBalancedLoss`.

    Shapes, errors, ``reduction`` and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import class_balanced_loss
    >>> class_balanced_loss(torch.zeros(1, 2), torch.tensor([1]), [900, 100])
    tensor(1.2426)
    """
    return ClassBalancedLoss(class_counts, beta=beta, **reducing)(logits, target)


class ClassBalancedLoss(ParametricCrossEntropy):
    """Cross-entropy weighted by one over the effective number of rows of each class.

    `ParametricCrossEntropy` with ``w_k`` in proportion to ``(1 - beta) / (1 - beta ** n_k)``. Like any class
    weights, these lose their effect once all training rows are fitted.

    Parameters
    ----------
    class_counts, ignore_index
        As in `LogitAdjustedLoss`.
    beta : float, default=0.9999
        In [0, 1). 0 is plain cross-entropy; near 1 the weights approach those of recipe ``cost``, ``1 / n_k``.
    reduction : {"mean", "sum", "none"}, default="mean"
        A mean divides by the number of rows, not by their weights.

    See Also
    --------
    DeferredReweighting : The same weights for any loss, in the last part of a run.

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from equipoise import ClassBalancedLoss
    >>> ClassBalancedLoss([900, 100])(torch.zeros(2, 2), torch.tensor([0, 1]))
    tensor(0.6931)
    """

    corrects_priors = True

    def __init__(self, class_counts: ByClass, *, beta: float = 0.9999, **reducing: Unpack[Reducing]) -> None:
        counts = checked_counts(class_counts)
        super().__init__(w=class_balanced_weights(counts, beta=beta), **reducing)
        self.class_counts = counts
