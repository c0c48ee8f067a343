"""Deferred re-weighting: plain weights first, class-balanced ones in the last part of a run.

Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (NeurIPS 2019), Algorithm 1.
Weights from the start harm the features that a network learns; late weights move its decision boundary.
"""

import warnings
from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor, nn

from equipoise.losses.base import TwiceCorrectedWarning, WeightedLoss
from equipoise.losses.class_balanced import class_balanced_weights
from equipoise.losses.counts import ByClass, checked_counts
from equipoise.losses.reduction import Reduction


class DeferredReweighting(nn.Module):
    """Class weights in the last part of a run only, for any loss of this package.

    All weights are 1 until `set_progress` reaches ``start``. Then the weights of the loss apply or, if it has none,
    `class_balanced_weights`, scaled to a mean of 1 over the training rows as in the paper, so that the loss keeps its
    scale.

    Parameters
    ----------
    loss : callable
        Creates a loss from class counts: a class such as `LDAMLoss`, or ``partial(LDAMLoss, max_m=0.3)``.
    class_counts : array-like of shape (K,) or (R, K), or mapping
        Training rows of each class, in the order of class codes or keyed by labels.
    start : float, default=0.8
        Share of the run, 0 to 1, before weights apply; epoch 160 of 200 in the authors' code.
    beta : float, default=0.9999
        Parameter of `class_balanced_weights`.

    Attributes
    ----------
    loss : WeightedLoss
        Its ``w`` holds the current weights.

    Raises
    ------
    TypeError
        If the loss is not a `WeightedLoss`, as those of this package are.
    ValueError
        If ``start`` is outside 0 to 1.

    Warns
    -----
    TwiceCorrectedWarning
        If the loss corrects for unequal class priors by itself, as `LogitAdjustedLoss` and `VSLoss` do.
    UserWarning
        Once, if training begins without a call of `set_progress`.

    Notes
    -----
    With `NeuralClassifier`, write ``loss=partial(DeferredReweighting, LDAMLoss)``; the trainer calls `set_progress`
    before each step. Early stopping can end a member before its weights apply: use more patience, or no early
    stopping.

    References
    ----------
    Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, Algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from equipoise import DeferredReweighting, FocalLoss
    >>> loss = DeferredReweighting(FocalLoss, [900, 100], start=160 / 200)
    >>> for epoch in range(200):
    ...     loss.set_progress(epoch / 200)
    ...     value = loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    ...     if epoch in (159, 160):
    ...         print(value)
    tensor(0.1733)
    tensor(0.4737)
    """

    takes_replicas = True
    corrects_priors = True
    weights: Tensor

    def __init__(
        self, loss: Callable[..., WeightedLoss], class_counts: ByClass, *, start: float = 0.8, beta: float = 0.9999
    ) -> None:
        super().__init__()
        if not 0 <= start <= 1:
            raise ValueError(f"start must be a share of the run, 0 to 1, but start={start!r}.")
        if isinstance(loss, nn.Module):
            name = type(loss).__name__
            raise TypeError(
                f"loss must be a class, or a function of the class counts, that makes the loss, but is a {name} "
                f"already: give DeferredReweighting({name}, class_counts)."
            )
        if not callable(loss):
            raise TypeError(
                f"loss must be a class, or a function of the class counts, that makes the loss, but is a "
                f"{type(loss).__name__}: give DeferredReweighting(LDAMLoss, class_counts), and call that with logits "
                f"and target."
            )
        counts = checked_counts(class_counts)
        self.loss = loss(counts)
        if not isinstance(self.loss, WeightedLoss):
            raise TypeError(
                f"The loss must be a WeightedLoss, as those of equipoise.losses are, but {loss!r} made a "
                f"{type(self.loss).__name__}."
            )
        if self.loss.w is None and self.loss.corrects_priors:
            name = type(self.loss).__name__
            warnings.warn(
                f"{name} corrects for unequal class priors, and so do the weights of DeferredReweighting: together "
                f"they favour minority classes twice. Use {name} alone, or another loss here, such as LDAMLoss.",
                TwiceCorrectedWarning,
                stacklevel=2,
            )
        self.loss.class_counts = counts  # which errors name
        weights = class_balanced_weights(counts, beta=beta) if self.loss.w is None else self.loss.w
        rows = counts.to(weights)  # scaled to a mean of 1 over training rows
        self.register_buffer("weights", weights * (rows.sum(-1, keepdim=True) / (rows * weights).sum(-1, keepdim=True)))
        self.start = start
        self.set_progress(0.0)
        self._told = self.loss.w is self.weights  # what else waits for `set_progress`

    @property
    def reduction(self) -> Reduction:
        """Reduction of the loss."""
        return self.loss.reduction

    @reduction.setter
    def reduction(self, reduction: Reduction) -> None:
        self.loss.reduction = reduction

    def set_progress(self, progress: float) -> None:
        """Set the weights for a share of the run, from 0 at its start to 1 at its end.

        Raises
        ------
        ValueError
            If it is no such share.
        """
        is_number = isinstance(progress, Real) or (isinstance(progress, Tensor) and not progress.ndim)
        if not (is_number and 0 <= progress <= 1):
            raise ValueError(
                f"The progress must be a share of the run, 0 to 1, but is {progress!r}: give epoch / n_epochs."
            )
        self._told = True
        self.loss.w = self.weights if progress >= self.start else torch.ones_like(self.weights)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits ``(..., B, K)`` and class indices ``(..., B)`` or probabilities."""
        if not self._told and self.training and getattr(logits, "requires_grad", False) and torch.is_grad_enabled():
            self._told = True
            warnings.warn(
                f"The class weights of DeferredReweighting wait for a share {self.start:g} of the run, but nothing has "
                f"told it the progress: call set_progress(epoch / n_epochs) before each epoch.",
                stacklevel=4,
            )
        return self.loss(logits, target)
