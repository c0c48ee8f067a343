"""The losses of a step, and their gradient by the logits."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from equipoise.losses.parametric import Adjustment
from equipoise.losses.rows import IsParametric, RowLosses


class StepLosses:
    """Losses of the rows of a stack, with absent classes excluded and labels smoothed.

    ``losses`` turns logits (R, B, K) and targets (R, B[, K]) into losses (R, B); ``class_mask`` (R, 1, K) are logit
    offsets that exclude absent classes of narrower replicas from their softmax. Labels are smoothed towards ``priors``
    (R, 1, K), which have the weight ``smoothing`` in each target. ``watch`` reads the mean loss of each replica at
    every step. `slope` gives the gradient if `written_out`: for losses that are parametric and that nobody watches.
    """

    def __init__(
        self,
        losses: RowLosses,
        class_mask: Tensor | None,
        priors: Tensor | None,
        smoothing: float,
        *,
        watch: Callable[[Tensor], None] | None,
    ) -> None:
        self._losses, self._class_mask, self._priors, self._smoothing = losses, class_mask, priors, smoothing
        self._adjustment: Callable[[], Adjustment | None] = lambda: None
        if isinstance(losses, IsParametric):
            self._adjustment = losses.adjustment
        self._watch, self.written_out = watch, watch is None and self._adjustment() is not None

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        logits = logits if self._class_mask is None else logits + self._class_mask
        losses = self._losses(logits, target)
        if self._priors is None:
            return losses
        return torch.lerp(losses, self._losses(logits, self._priors.expand_as(logits)), self._smoothing)

    def gradients(
        self, logits: Tensor, inputs: Sequence[Tensor], target: Tensor, weights: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradient of the mean weighted loss of each replica, None for inputs without effect."""
        losses = self(logits, target)
        shares = torch.full_like(losses, 1 / losses.shape[1]) if weights is None else weights / losses.shape[1]
        if self._watch is not None:
            self._watch((losses.detach() * shares).sum(dim=1))
        return torch.autograd.grad([losses], inputs, [shares], allow_unused=True)

    def slope(self, logits: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        """Return the gradient of the weighted sum of losses by the logits, written out.

        For a row with target Y it is ``delta (W softmax(delta z + l) - w Y)``, with ``W = sum_k w_k Y_k``.
        """
        w, offset, delta = self._adjustment() or Adjustment()
        logits = logits if delta is None else logits * delta
        logits = logits if offset is None else logits + offset
        logits = logits if self._class_mask is None else logits + self._class_mask
        turned = logits.mT.softmax(dim=-2)  # as the logits lie: over neighbours it takes ten times as long
        slope = turned.mT
        if w is None:
            self._subtract(target, turned)
        else:
            shares = self._subtract(target, torch.zeros_like(turned)).mT.mul_(w)  # - w Y
            slope.mul_(shares.sum(-1, keepdim=True).neg_()).add_(shares)
        slope = slope if delta is None else slope.mul_(delta)
        return slope if weights is None else slope.mul_(weights.unsqueeze(-1))

    def _subtract(self, target: Tensor, turned: Tensor) -> Tensor:
        """Subtract the smoothed target from values ``(R, K, B)`` in place."""
        of_target = 1.0
        if self._priors is not None:
            turned.sub_(self._priors.mT, alpha=self._smoothing)
            of_target -= self._smoothing
        if target.is_floating_point():
            return turned.sub_(target.mT, alpha=of_target)
        return turned.scatter_(-2, target.unsqueeze(-2), -of_target, reduce="add")


def mask_of_absent(n_classes: Sequence[int], most: int, like: Tensor) -> Tensor | None:
    """Logit offsets that exclude absent classes of narrower replicas from their softmax, of shape (R, 1, K)."""
    own = torch.tensor(n_classes)
    if (own == most).all():
        return None
    absent = torch.arange(most) >= own[:, None, None]
    return (absent * torch.finfo(torch.float32).min / 2).to(like)


def training_priors(class_counts: Tensor, power: float, like: Tensor) -> Tensor:
    """Class priors under which replicas train, of shape (R, 1, K): counts to a power, 0 for balanced batches."""
    counts = class_counts.to(like)
    rows = (counts > 0) * counts**power
    return (rows / rows.sum(dim=1, keepdim=True)).unsqueeze(1)
