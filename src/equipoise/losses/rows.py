"""Any loss, given by name, as a module or as a callable, as one value a row and a replica.

The trainer weights rows and sums over replicas itself, so it needs losses before their reduction. Replicas and rows
are flattened for torch's losses, whose class axis is axis 1. The losses of this package have a replica axis and run
once for all replicas.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from equipoise.losses.parametric import Adjustment, ParametricCrossEntropy
from equipoise.text import near_names

Loss = str | nn.Module | Callable[[Tensor], nn.Module]
RowLosses = Callable[[Tensor, Tensor], Tensor]

_BY_NAME = ("LogitAdjustedLoss", "CDTLoss", "VSLoss", "LDAMLoss", "FocalLoss", "ClassBalancedLoss")


@runtime_checkable
class FollowsProgress(Protocol):
    """A loss that changes in the course of a run, such as `DeferredReweighting`."""

    def set_progress(self, progress: float) -> None:
        """Read the progress of the run before a step, from 0 to 1."""


@runtime_checkable
class IsParametric(Protocol):
    """Losses of rows that may be a parametric cross-entropy by class, of which a trainer writes out the gradient."""

    def adjustment(self) -> Adjustment | None:
        """Return the current parameters, or None in the whole run if something else is in the loss."""


class StackLoss:
    """Losses of the rows of a stack: ``(logits, target) -> losses``.

    Modules that `FollowsProgress` describes receive the progress of the run. ``adjustment`` makes up the whole loss, if
    it is not None.
    """

    def __init__(
        self, losses: RowLosses, modules: Sequence[nn.Module] = (), adjustment: Adjustment | None = None
    ) -> None:
        self._losses, self._adjustment = losses, adjustment
        self._followers = [module for module in modules if isinstance(module, FollowsProgress)]

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row of each replica."""
        return self._losses(logits, target)

    def adjustment(self) -> Adjustment | None:
        """Return the parameters that make up the loss; see `IsParametric`."""
        return self._adjustment

    def set_progress(self, progress: float) -> None:
        """Pass the progress of the run, 0 to 1, to the losses that follow it."""
        for module in self._followers:
            module.set_progress(progress)


def row_losses(loss: Loss, class_counts: Tensor, dtype: torch.dtype | None = None) -> StackLoss:
    """Return a function ``(logits, target) -> losses`` of shapes ``(R, B, K)``, ``(R, B[, K])`` and ``(R, B)``.

    Parameters
    ----------
    loss : "cross_entropy", nn.Module, or callable
        A module is called with logits ``(N, K)`` and a target, class indices ``(N,)`` or probabilities
        ``(N, K)``, and must return one value a row; if it has a ``reduction``, a copy with ``reduction="none"`` is
        used. A callable is called with the class counts ``(K,)`` of a replica and returns such a module. A class with
        ``takes_replicas = True``, or a ``functools.partial`` of one, is called once with all counts, ``(R, K)``, and
        its module with all replicas.
    class_counts : Tensor of shape (R, K)
        Training rows of each class, on the device of the training.
    dtype : torch.dtype, optional
        Type of the logits, to which tensors of a module, such as class weights, are converted.

    Raises
    ------
    ValueError
        If the name is unknown, a class of torch's is given in place of an instance, a callable returns no module, or
        the loss does not return one value a row.
    """
    if isinstance(loss, str):
        if loss != "cross_entropy":
            raise ValueError(unknown_loss(loss))
        plain = _flat(lambda logits, target: functional.cross_entropy(logits, target, reduction="none"))
        return StackLoss(plain, adjustment=Adjustment())

    if isinstance(loss, type) and loss.__module__.startswith("torch."):
        raise ValueError(
            f"A class given as loss is called with the class counts, and torch's {loss.__name__} would take them for "
            f"weights or other options: pass an instance, loss={loss.__name__}()."
        )

    def ready(module: nn.Module) -> nn.Module:
        if not isinstance(module, nn.Module):
            raise ValueError(f"loss={loss!r} must return an nn.Module when called with class counts, got {module!r}.")
        module = copy.deepcopy(module)
        if hasattr(module, "reduction"):
            setattr(module, "reduction", "none")  # noqa: B010 - torch does not declare it on nn.Module
        return module.to(class_counts.device, dtype)

    if isinstance(loss, nn.Module):
        module = ready(loss)
        return StackLoss(_flat(module), [module], _adjustment(module, class_counts.shape[-1:]))
    _check_takes_counts(loss)
    if _takes_replicas(loss):
        module = ready(loss(class_counts))
        return StackLoss(module, [module], _adjustment(module, class_counts.shape))
    modules = [ready(loss(counts)) for counts in class_counts]
    return StackLoss(_by_replica([_flat(module) for module in modules]), modules)


def unknown_loss(name: str) -> str:
    """Return what to say of the name of a loss that is not 'cross_entropy'."""
    near = near_names(name, _BY_NAME)
    example = near[0] if near else _BY_NAME[0]
    return (
        f"loss must be 'cross_entropy', a class of loss or another callable, or an nn.Module, but loss={name!r}: give "
        f"the class itself, as in loss={example} after `from equipoise import {example}`."
    )


def _check_takes_counts(loss: Callable[[Tensor], nn.Module]) -> None:
    """Refuse a callable that needs other arguments than the class counts."""
    try:
        bind = signature(loss).bind
    except ValueError:  # of builtins
        return
    try:
        bind("class counts")
    except TypeError as error:
        raise ValueError(
            f"A callable given as loss is called with the class counts alone, but {getattr(loss, '__name__', loss)} "
            f"cannot be ({error}): give the other arguments first, as in partial(DeferredReweighting, LDAMLoss)."
        ) from None


def _adjustment(module: nn.Module, shape: torch.Size) -> Adjustment | None:
    return module.adjustment(shape) if isinstance(module, ParametricCrossEntropy) else None


def _takes_replicas(loss: object) -> bool:
    if isinstance(loss, partial):
        made_of = (loss.func, *loss.args, *loss.keywords.values())
        return all(_takes_replicas(part) for part in made_of if callable(part))
    return bool(getattr(loss, "takes_replicas", False))


def _flat(loss: RowLosses) -> RowLosses:
    def rows(logits: Tensor, target: Tensor) -> Tensor:
        values = loss(logits.flatten(0, 1), target.flatten(0, 1))
        if values.shape != (logits.shape[0] * logits.shape[1],):
            raise ValueError(
                f"The loss must give one value a row ({logits.shape[0] * logits.shape[1]} of them), but gave a tensor "
                f"of shape {tuple(values.shape)}: add a `reduction` attribute that can be set to 'none'."
            )
        return values.view(logits.shape[:2])

    return rows


def _by_replica(losses: Sequence[RowLosses]) -> RowLosses:
    def rows(logits: Tensor, target: Tensor) -> Tensor:
        parts = zip(losses, logits.split(1), target.split(1), strict=True)
        return torch.cat([loss(row_logits, row_target) for loss, row_logits, row_target in parts])

    return rows
