"""Any loss, by name, module or recipe, as one value a row and a replica.

The trainer weighs rows itself and sums replicas, so it needs a loss before its reduction. torch's
losses read axis 1 as the class axis: replicas and rows are flattened first. The losses of this package
know the replica axis, and run once for all replicas.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

Loss = str | nn.Module | Callable[[Tensor], nn.Module]
RowLosses = Callable[[Tensor, Tensor], Tensor]


class StackLoss:
    """Losses of the rows of a stack: ``(logits, target) -> losses``.

    Parameters
    ----------
    losses : callable
        ``(R, B, K)`` logits and ``(R, B[, K])`` targets to ``(R, B)`` losses.
    modules : sequence of nn.Module
        Modules with a method ``set_progress`` are given the progress of the run.
    """

    def __init__(self, losses: RowLosses, modules: Sequence[nn.Module] = ()) -> None:
        self._losses = losses
        self._schedules = [module for module in modules if hasattr(module, "set_progress")]

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._losses(logits, target)

    def set_progress(self, progress: float) -> None:
        """Pass the progress of the run, 0 to 1, to losses that follow a schedule."""
        for module in self._schedules:
            module.set_progress(progress)  # type: ignore[operator]


def row_losses(loss: Loss, class_counts: Tensor, dtype: torch.dtype | None = None) -> StackLoss:
    """Return a function ``(logits, target) -> losses`` of shapes ``(R, B, K)``, ``(R, B[, K])`` and ``(R, B)``.

    Parameters
    ----------
    loss : "cross_entropy", nn.Module, or callable
        A module is called with logits ``(N, K)`` and a target, class indices ``(N,)`` or probabilities
        ``(N, K)``, and must give one value a row; if it has a ``reduction``, a copy with
        ``reduction="none"`` is used. A callable is given the class counts ``(K,)`` of a replica and
        returns such a module; a class with a true attribute ``takes_replicas``, or a ``functools.partial``
        of one, is given all counts at once, ``(R, K)``, and its module all replicas.
    class_counts : Tensor of shape (R, K)
        On the device of the training.
    dtype : torch.dtype, optional
        Of the logits; a module's own tensors, such as class weights, are brought to it.

    Raises
    ------
    ValueError
        If the name is not known, or the loss does not give one value a row.
    """
    if isinstance(loss, str):
        if loss != "cross_entropy":
            raise ValueError(f"loss must be 'cross_entropy', an nn.Module or a callable, but loss={loss!r}.")
        return StackLoss(_flat(lambda logits, target: functional.cross_entropy(logits, target, reduction="none")))

    def ready(module: nn.Module) -> nn.Module:
        return _unreduced(module).to(class_counts.device, dtype)

    if isinstance(loss, nn.Module):
        module = ready(loss)
        return StackLoss(_flat(module), [module])
    if _takes_replicas(loss):
        module = ready(loss(class_counts))
        return StackLoss(module, [module])
    modules = [ready(loss(counts)) for counts in class_counts]
    return StackLoss(_by_replica([_flat(module) for module in modules]), modules)


def _takes_replicas(loss: object) -> bool:
    if isinstance(loss, partial):
        made_of = (loss.func, *loss.args, *loss.keywords.values())
        return all(_takes_replicas(part) for part in made_of if callable(part))
    return bool(getattr(loss, "takes_replicas", False))


def _unreduced(module: nn.Module) -> nn.Module:
    module = copy.deepcopy(module)
    if hasattr(module, "reduction"):
        setattr(module, "reduction", "none")  # noqa: B010 - torch does not declare it on nn.Module
    return module


def _flat(loss: RowLosses) -> RowLosses:
    def rows(logits: Tensor, target: Tensor) -> Tensor:
        values = loss(logits.flatten(0, 1), target.flatten(0, 1))
        if values.shape != (logits.shape[0] * logits.shape[1],):
            raise ValueError(
                f"The loss must give one value a row ({logits.shape[0] * logits.shape[1]} of them), but gave a tensor "
                f"of shape {tuple(values.shape)}: give it a `reduction` attribute that can be set to 'none'."
            )
        return values.view(logits.shape[:2])

    return rows


def _by_replica(losses: Sequence[RowLosses]) -> RowLosses:
    def rows(logits: Tensor, target: Tensor) -> Tensor:
        parts = zip(losses, logits.split(1), target.split(1), strict=True)
        return torch.cat([loss(row_logits, row_target) for loss, row_logits, row_target in parts])

    return rows
