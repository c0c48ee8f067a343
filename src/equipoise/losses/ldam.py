"""LDAM: a margin for the true class, larger for minority classes.

Cao, Wei, Gaidon, Arechiga and Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss"
(NeurIPS 2019, arXiv 1906.07413), with the scale and the largest margin of the authors' code.
"""

from typing import Unpack

from torch import Tensor

from equipoise.losses.base import WeightedLoss
from equipoise.losses.counts import ByClass, checked_counts, derived
from equipoise.losses.reduction import Reducing, by_row, cross_entropy


def ldam_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    max_m: float = 0.5,
    s: float = 30.0,
    w: ByClass | None = None,
    **reducing: Unpack[Reducing],
) -> Tensor:
    """Cross-entropy of ``s (z - m_y [k = y])``; the functional twin of `LDAMLoss`.

    For a row of probabilities Y the margin ``m_k Y_k`` is subtracted from each logit. Shapes, errors, ``reduction``
    and ``ignore_index`` are those of `parametric_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import ldam_loss
    >>> ldam_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100])
    tensor(75.)
    """
    return LDAMLoss(class_counts, max_m=max_m, s=s, w=w, **reducing)(logits, target)


class LDAMLoss(WeightedLoss):
    """Cross-entropy of scaled logits, the true one reduced by a margin that is larger for minority classes.

    With ``m_k = max_m (n_min / n_k) ** (1/4)`` the loss of a row of class y is
    ``-log softmax_y(s (z - m_y [k = y]))``. Margins need logits of a known range, such as the cosines of features and
    class weights that `equipoise.networks.CosineLinear` returns.

    For a row of probabilities Y, such as `ReMix` gives, every class has the share ``Y_k`` of its margin: the loss is
    ``-sum_k Y_k log softmax_k(s (z - m Y))``, which for a one-hot row is the loss above. The form is ours, since the
    paper has none.

    Parameters
    ----------
    class_counts, ignore_index
        As in `LogitAdjustedLoss`.
    max_m : float, default=0.5
        Margin of the smallest class, 0 or more, in units of the logits.
    s : float, default=30.0
        Scale, positive.
    w : array-like of shape (K,), not negative, optional
        Weights; 1 by default.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only. A mean divides by the number of rows, not by their weights.

    Raises
    ------
    ValueError
        If ``max_m`` or a weight is negative, or ``s`` is not positive.

    Notes
    -----
    Probabilities are ``softmax(s z)``; a softmax of the cosines themselves is never confident. For a network that
    scales its cosines itself, take ``s=1`` and margins in that unit: ``LDAMLoss(class_counts, max_m=15, s=1)`` for the
    scale of 30 in ``NeuralClassifier(network="cosine_mlp")``, as in recipe ``ldam``.

    See Also
    --------
    DeferredReweighting : Class weights in the last part of a run, which the paper recommends with this loss.

    References
    ----------
    Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from equipoise import LDAMLoss
    >>> LDAMLoss([900, 100])(torch.tensor([[0.8, -0.8]]), torch.tensor([1]))
    tensor(63.)
    """

    margins: Tensor

    def __init__(
        self,
        class_counts: ByClass,
        *,
        max_m: float = 0.5,
        s: float = 30.0,
        w: ByClass | None = None,
        **reducing: Unpack[Reducing],
    ) -> None:
        if not max_m >= 0:
            raise ValueError(f"max_m must be 0 or more, but max_m={max_m!r}.")
        if not s > 0:
            raise ValueError(f"s must be positive, but s={s!r}: 30 for cosines, 1 for logits that are scaled already.")
        counts = checked_counts(class_counts)
        super().__init__(counts, w, **reducing)
        self.register_buffer("margins", derived(lambda n: max_m * (n.amin(-1, keepdim=True) / n) ** 0.25, counts))
        self.s = s

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits ``(..., B, K)`` and class indices ``(..., B)`` or probabilities."""
        rows = self._accept(logits, target)
        adjusted = rows.logits * self.s
        drop = by_row(self.margins, adjusted, "margins") * -self.s
        if rows.soft:
            adjusted = adjusted + drop * rows.target
        else:  # a single logit of each row has a margin
            true = rows.target.clamp(0, adjusted.shape[-1] - 1).unsqueeze(-1)  # any class for ignored rows
            adjusted = adjusted.scatter_add_(-1, true, drop.expand_as(adjusted).gather(-1, true))
        return cross_entropy(adjusted, rows, self._w(adjusted), self.reduction)
