"""LDAM: a margin for the true class that is larger for rare classes.

Cao, Wei, Gaidon, Arechiga and Ma, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss"
(NeurIPS 2019, arXiv 1906.07413), with the scale and the largest margin of the authors' code.
"""

from typing import Any

from torch import Tensor

from equipoise.losses.base import WeightedLoss
from equipoise.losses.counts import ByClass, checked_counts, derived
from equipoise.losses.reduction import accept, by_row, cross_entropy


def ldam_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: ByClass,
    *,
    max_m: float = 0.5,
    s: float = 30.0,
    w: ByClass | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross-entropy of ``s (z - m_y [k = y])``; the functional twin of `LDAMLoss`.

    For a row of probabilities Y each logit loses ``m_k Y_k``. `parametric_cross_entropy` says what shapes,
    ``reduction`` and ``ignore_index`` mean.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import ldam_loss
    >>> ldam_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([1]), [900, 100])
    tensor(75.)
    """
    margins = _margins(checked_counts(class_counts), max_m)
    return _with_margins(logits, target, margins, s, w, reduction=reduction, ignore_index=ignore_index)


def _margins(counts: Tensor, max_m: float) -> Tensor:
    if not max_m >= 0:
        raise ValueError(f"max_m must be 0 or more, but max_m={max_m!r}.")
    return derived(lambda n: max_m * (n.amin(-1, keepdim=True) / n) ** 0.25, counts)


def _with_margins(
    logits: Tensor, target: Tensor, margins: Tensor, s: float, w: ByClass | None, *, ignore_index: int, reduction: str
) -> Tensor:
    if not s > 0:
        raise ValueError(f"s must be positive, but s={s!r}: 30 for cosines, 1 for logits that are scaled already.")
    rows = accept(logits, target, ignore_index)
    adjusted = rows.logits * s
    drop = by_row(margins, adjusted, "class_counts") * -s
    if rows.soft:
        adjusted = adjusted + drop * rows.target
    else:  # a single logit of each row has a margin
        true = rows.target.clamp(0, adjusted.shape[-1] - 1).unsqueeze(-1)  # whatever rows do not count
        adjusted = adjusted.scatter_add_(-1, true, drop.expand_as(adjusted).gather(-1, true))
    weights = None if w is None else by_row(w, adjusted, "w")
    return cross_entropy(adjusted, rows, weights, reduction)


class LDAMLoss(WeightedLoss):
    """Cross-entropy of scaled logits, the true one less a margin that is larger for rare classes.

    With ``m_k = max_m (n_min / n_k) ** (1/4)`` a row with label y loses ``-log softmax_y(s (z - m_y [k = y]))``.
    A margin means something only for logits of a known size: cosines of features and class weights, as
    `equipoise.networks.CosineLinear` gives them.

    Parameters
    ----------
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    max_m : float, default=0.5
        Margin of the rarest class, 0 or more, in units of the logits given.
    s : float, default=30.0
        Scale, positive.
    w : array-like of shape (K,), not negative, optional
        Weights; 1 by default.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only. A mean divides by the number of rows, not by their weights.
    ignore_index : int, default=-100

    Notes
    -----
    ``softmax(s z)`` are the probabilities; a softmax of the cosines themselves is never sure of anything. A network
    whose logits are to be used as such scales its cosines itself, and takes ``s=1`` and margins in that unit:
    ``LDAMLoss(class_counts, max_m=15, s=1)`` for the 30 of ``NeuralClassifier(network="cosine_mlp")``. Recipe
    ``ldam`` does that.

    See Also
    --------
    DeferredReweighting : Weighs classes in the last part of a run, as the paper recommends with this loss.

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
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        counts = checked_counts(class_counts)
        super().__init__(counts, w, reduction=reduction, ignore_index=ignore_index)
        self.register_buffer("margins", _margins(counts, max_m))
        self.s = s

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits ``(..., B, K)`` and class indices ``(..., B)`` or probabilities."""
        options: dict[str, Any] = self._options()
        return _with_margins(logits, target, self.margins, self.s, self.w, **options)
