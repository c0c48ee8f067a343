"""Input checks, values by class and reductions of all losses.

The loss of row i is ``sum_k Y_ik w_k f(log p_ik)``. A class index stands for a one-hot row Y, so that indices and
probabilities give the same loss. torch divides a weighted mean by the weights of the batch for indices, and by the
number of rows for probabilities; here a mean is always the sum over rows divided by their number, so that weights act
alike in batches with and without minority rows.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from equipoise.losses.counts import COUNT_LABELS, ByClass, by_class

Reduction = Literal["mean", "sum", "none"]

_AT_ONCE = 1 << 14  # probabilities of a target that are looked at in each batch
_ROUNDING = 1e-3


class Reducing(TypedDict, total=False):
    """Keyword arguments of all losses."""

    reduction: Reduction
    ignore_index: int


class Rows(NamedTuple):
    """A batch that passed the checks."""

    logits: Tensor  # (..., B, K), float32 or wider
    target: Tensor  # (..., B), int64, or (..., B, K), of the logits' dtype
    ignore_index: int  # class index of ignored rows

    @property
    def soft(self) -> bool:
        """Whether the target holds probabilities."""
        return self.target.is_floating_point()

    def counted(self) -> Tensor:
        """Mask ``(..., B)`` of the rows that are not ignored, for a target of indices."""
        return self.target != self.ignore_index

    def classes(self) -> Tensor:
        """Class indices ``(..., B)`` that are safe to look up: 0 for ignored rows."""
        return self.target * self.counted()


def accept(logits: Tensor, target: Tensor, ignore_index: int, *, trusted: bool = False) -> Rows:
    """Check a batch and widen half precision.

    The target is class indices ``(..., B)`` or probabilities ``(..., B, K)``; else a TypeError or ValueError says what
    is wrong. Probabilities of a large batch, or on a GPU, are not looked at if the target is ``trusted``.
    """
    for name, value in (("Logits", logits), ("The target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, but came as a {type(value).__name__}: convert it first.")
    if not logits.is_floating_point():
        raise TypeError(f"Logits must be floating, but their dtype is {logits.dtype}: give the output of the network.")
    if logits.ndim < 2 or logits.shape[-1] == 1:
        raise ValueError(
            f"Logits must have the shape (..., B, K), one logit a class, but theirs is {tuple(logits.shape)}: give the "
            f"network two outputs, or torch.stack([torch.zeros_like(z), z], dim=-1) of a single one, z of shape (B,)."
        )
    soft = target.is_floating_point()
    if target.shape != (logits.shape if soft else logits.shape[:-1]):
        raise ValueError(
            f"The target must hold integer class indices (..., B) or floating probabilities (..., B, K) for logits "
            f"(..., B, K), but the shapes are {tuple(target.shape)} ({target.dtype}) and {tuple(logits.shape)}: "
            f"{_remedy(logits, target)}."
        )
    if soft and not (trusted and _slow_to_look_at(target)):
        _check_probabilities(target)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    target = target.to(logits.dtype) if soft else target.long()
    return Rows(logits, target, ignore_index)


def _remedy(logits: Tensor, target: Tensor) -> str:
    if target.shape == logits.shape:
        return "convert one-hot rows to floats, target.float()"
    if target.shape == logits.shape[:-1]:
        return "convert class indices to integers, target.long()"
    if target.shape == (*logits.shape[:-1], 1):
        return "drop the last axis of class indices, target.squeeze(-1).long()"
    return "put classes on the last axis, and give as many rows as there are logits"


def _slow_to_look_at(target: Tensor) -> bool:
    return target.device.type != "cpu" or target.numel() > _AT_ONCE


def _check_probabilities(target: Tensor) -> None:
    """Refuse rows that are no probabilities, beyond rounding; a compiled graph or a transform of it cannot look."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
        return
    values = target.detach().float().cpu().numpy()  # numpy is quicker for small arrays
    if not values.size:
        return
    sums, rounding = values.sum(-1), max(_ROUNDING, 4 * torch.finfo(target.dtype).eps)
    if values.min() >= -rounding and np.abs(sums - 1).max() <= rounding:
        return
    bad = ~((values.min(-1) >= -rounding) & (np.abs(sums - 1) <= rounding))
    row = values[bad][0]
    raise ValueError(
        f"The rows of a floating target must be probabilities, 0 or more with sum 1, but {int(bad.sum()):,} of "
        f"{bad.size:,} are not; the first is {np.array2string(row, precision=4, threshold=6, edgeitems=3)}, of sum "
        f"{row.sum():.4g}: {_remedy_of(row)}."
    )


def _remedy_of(row: np.ndarray) -> str:
    if not np.isfinite(row).all():
        return "look for NaN and infinity in the labels or in what mixes them"
    if row.min() < 0:
        return "logits become probabilities by softmax, and shares of a mixture lie in 0 to 1"
    return "divide rows by their sums, target / target.sum(-1, keepdim=True), and weigh rows by reduction='none'"


def by_row(values: ByClass, logits: Tensor, name: str, group: Tensor | None = None) -> Tensor:
    """Return values by class in a shape that broadcasts with logits ``(..., B, K)``.

    Values are (K,) or (..., K), with groups (K, G) or (..., K, G). Raises ValueError if they do not fit the logits.
    """
    values = by_class(values, name)
    check_classes(values, logits, name, grouped=group is not None)
    values = values.to(logits)
    if group is None:
        return values.unsqueeze(-2)
    check_group(group, logits)
    columns = values.mT.expand(*logits.shape[:-2], values.shape[-1], logits.shape[-1])
    try:
        return columns.gather(-2, group.long().unsqueeze(-1).expand(logits.shape))
    except (IndexError, RuntimeError):
        check_range(group, values.shape[-1])
        raise


def check_classes(values: Tensor, logits: Tensor, name: str, *, grouped: bool = False) -> None:
    """Refuse values by class, or class and group, that do not fit the classes and replicas of the logits."""
    if not grouped and values.shape == logits.shape[-1:]:  # of one loss, soon done
        return
    *batch_dims, _, n_classes = logits.shape
    *own, of_classes = values.shape[:-1] if grouped else values.shape
    if of_classes != n_classes or own not in ([], batch_dims):
        remedy = ""
        if name == "class_counts":
            remedy = ": give the network one output a class"
            if of_classes > n_classes:
                remedy += f", and if these are labels of rows, count them, {COUNT_LABELS}"
        raise ValueError(
            f"{name} must hold one value a class{' and group' if grouped else ''}, for all replicas or for "
            f"each, but its shape is {tuple(values.shape)} for logits of shape {tuple(logits.shape)}{remedy}."
        )


def check_group(group: Tensor, logits: Tensor) -> None:
    """Refuse groups that are not one integer a row of the logits."""
    if not isinstance(group, Tensor):
        raise TypeError(f"group must be a torch.Tensor, but came as a {type(group).__name__}: convert it first.")
    if group.is_floating_point() or group.shape != logits.shape[:-1]:
        raise ValueError(
            f"group must hold an integer a row, of shape {tuple(logits.shape[:-1])}, but its shape is "
            f"{tuple(group.shape)} and its dtype {group.dtype}."
        )


def check_range(group: Tensor | None, n_groups: int) -> None:
    """Refuse groups outside 0 to G - 1 with a `ValueError`."""
    if group is not None and group.numel() and not 0 <= int(group.min()) <= int(group.max()) < n_groups:
        raise ValueError(
            f"Groups must lie in 0 to G - 1 = {n_groups - 1}, but a batch holds {int(group.min())} to "
            f"{int(group.max())}: encode them first."
        )


def expected(value: Callable[[Tensor], Tensor], log_p: Tensor, rows: Rows, w: Tensor | None) -> Tensor:
    """Expectation ``(..., B)`` of ``w_k value(log p_k)`` under the target; ``value(0)`` must be 0, for ignored rows."""
    if rows.soft:
        share = rows.target if w is None else rows.target * w
        return (share * value(log_p)).sum(-1)
    surprise = _looked_up(functional.nll_loss, log_p, rows, "none")
    values = value(-surprise.view(rows.target.shape))
    if w is None:
        return values
    return values * w.expand_as(log_p).gather(-1, rows.classes().unsqueeze(-1)).squeeze(-1)


def cross_entropy(logits: Tensor, rows: Rows, w: Tensor | None, reduction: Reduction) -> Tensor:
    """Weighted cross-entropy of adjusted logits ``(..., B, K)``, reduced as in `reduced`."""
    if w is None and not rows.soft and logits.ndim == 2 and reduction in ("mean", "sum"):  # fast path of torch
        total = _looked_up(functional.cross_entropy, logits, rows, "sum")
        return total if reduction == "sum" else total / rows.counted().sum().clamp(min=1)
    return reduced(expected(Tensor.neg, logits.log_softmax(-1), rows, w), rows, reduction)


def _looked_up(loss: Callable[..., Tensor], values: Tensor, rows: Rows, reduction: str) -> Tensor:
    """Call a loss of torch on rows ``(N, K)`` and class indices ``(N,)``, which it checks on the CPU."""
    try:
        return loss(values.flatten(0, -2), rows.target.flatten(), reduction=reduction, ignore_index=rows.ignore_index)
    except IndexError:
        counted = rows.target[rows.counted()]
        raise ValueError(
            f"Class indices must lie in 0 to K - 1 = {values.shape[-1] - 1}, but the target holds {int(counted.min())} "
            f"to {int(counted.max())}: encode labels first, or mark ignored rows by ignore_index={rows.ignore_index}."
        ) from None


def check_reduction(reduction: Reduction) -> None:
    """Refuse an unknown reduction with a `ValueError`."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', but reduction={reduction!r}.")


def reduced(values: Tensor, rows: Rows, reduction: Reduction) -> Tensor:
    """Reduce values ``(..., B)`` over rows to one value a replica ``(...)``; the mean of no rows is 0."""
    check_reduction(reduction)
    if reduction == "none":
        return values
    total = values.sum(-1)
    if reduction == "sum":
        return total
    return total / (max(1, values.shape[-1]) if rows.soft else rows.counted().sum(-1).clamp(min=1))
