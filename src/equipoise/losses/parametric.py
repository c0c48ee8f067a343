"""Parametric cross-entropy: a weight, an offset and a multiplier for each class, or class and group.

Li, Zhang, Thrampoulidis, Chen and Oymak, "AutoBalance: Optimized Loss Functions for Imbalanced Data"
(NeurIPS 2021, arXiv 2201.01212), equation 2.1; with ``w = 1`` the VS-loss of Kini et al. (NeurIPS 2021). Logits are
adjusted in training only: prediction uses them as they are.
"""

from typing import NamedTuple, Unpack

import torch
from torch import Tensor

from equipoise.losses.base import WeightedLoss, checked_values
from equipoise.losses.counts import ByClass
from equipoise.losses.reduction import Reducing, Reduction, Rows, accept, by_row, cross_entropy


def parametric_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    w: ByClass | None = None,
    offset: ByClass | None = None,
    delta: ByClass | None = None,
    group: Tensor | None = None,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
) -> Tensor:
    r"""Weighted cross-entropy of adjusted logits.

    For a row with logits z and label y::

        -w_y log softmax_y(delta_1 z_1 + l_1, ..., delta_K z_K + l_K)

    and for a row of probabilities Y, ``-sum_k Y_k w_k log softmax_k``. Arithmetic is in float32 or wider.

    Parameters
    ----------
    logits : Tensor of shape (..., B, K)
        Leading axes, if any, are replicas.
    target : Tensor of shape (..., B), integer, or (..., B, K), floating
        Class indices or probabilities, which must sum to 1.
    w, offset, delta : Tensor of shape (K,) or (..., K), optional
        Weights w, offsets l and multipliers delta, for all replicas or for each; 1, 0 and 1 by default. With `group`
        they have a last axis of groups, ``(K, G)`` or ``(..., K, G)``. Gradients reach them.
    group : Tensor of shape (..., B), integer, optional
        Group of each row, 0 to G - 1. All logits of a row are adjusted by its group's column.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only. The mean is the sum divided by the number of rows, not by their weights.
    ignore_index : int, default=-100
        Class index of ignored rows.

    Returns
    -------
    Tensor of shape (...), or (..., B) with ``reduction="none"``

    Raises
    ------
    ValueError
        If shapes do not fit each other, or rows of a floating target are no probabilities. A compiled graph does not
        look at them, and once a batch has passed, a loss as an object looks at small ones on the CPU only.
    TypeError
        If the logits are not floating.

    Notes
    -----
    A constant added to all offsets changes nothing, and a common factor of all ``delta`` is a temperature. With equal
    ``delta`` the minimiser is optimal for the balanced error if and only if ``w_y exp(-l_y)`` is proportional to
    ``1 / pi_y``. A smaller ``delta`` gives a class a larger margin once all training rows are fitted.

    Examples
    --------
    >>> import torch
    >>> from equipoise.losses import parametric_cross_entropy
    >>> offset = torch.tensor([0.9, 0.1]).log()
    >>> parametric_cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1]), offset=offset, reduction="none")
    tensor([0.1054, 2.3026])
    """
    return adjusted_cross_entropy(accept(logits, target, ignore_index), w, offset, delta, group, reduction)


def adjusted_cross_entropy(
    rows: Rows,
    w: ByClass | None,
    offset: ByClass | None,
    delta: ByClass | None,
    group: Tensor | None,
    reduction: Reduction,
) -> Tensor:
    """`parametric_cross_entropy` of a batch that passed `accept`."""
    adjusted = rows.logits
    if delta is not None:
        adjusted = adjusted * by_row(delta, adjusted, "delta", group)
    if offset is not None:
        adjusted = adjusted + by_row(offset, adjusted, "offset", group)
    weights = None if w is None else by_row(w, adjusted, "w", group)
    return cross_entropy(adjusted, rows, weights, reduction)


class Adjustment(NamedTuple):
    """Weights, offsets and multipliers by class, each (..., 1, K); None for weights 1, offsets 0, multipliers 1."""

    w: Tensor | None = None
    offset: Tensor | None = None
    delta: Tensor | None = None


class ParametricCrossEntropy(WeightedLoss):
    """Weighted cross-entropy of adjusted logits, by class, or by class and group.

    The loss of a row with logits z and label y is ``-w_y log softmax_y(delta * z + l)``: see
    `parametric_cross_entropy`, its functional twin. Special cases are `LogitAdjustedLoss`, `CDTLoss`, `VSLoss` and
    `ClassBalancedLoss`.

    Parameters
    ----------
    w : array-like of shape (K,), not negative, optional
        Weights; 1 by default.
    offset : array-like of shape (K,), optional
        Offsets, l in the formula; 0 by default.
    delta : array-like of shape (K,), positive, optional
        Multipliers; 1 by default.
    num_groups : int, optional
        G. The parameters then have a last axis of groups, ``(K, G)``, and a call needs the group of each row. Groups
        are needed in training only.
    reduction : {"mean", "sum", "none"}, default="mean"
        Over rows only: a mean gives one value a replica. It divides by the number of rows, not by their weights.
    ignore_index : int, default=-100
        Class index of ignored rows.

    Notes
    -----
    The parameters are buffers, with an optional replica axis before the class axis, ``(R, K)``. For gradients by the
    parameters, call the functional twin.

    References
    ----------
    Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data", NeurIPS 2021, equations 2.1 and 4.2.

    Examples
    --------
    >>> import torch
    >>> from equipoise import ParametricCrossEntropy
    >>> loss = ParametricCrossEntropy(w=[1.0, 2.0], offset=[0.0, -1.0], delta=[1.0, 0.5])
    >>> loss(torch.tensor([[2.0, 1.0]]), torch.tensor([1]))
    tensor(5.1578)
    """

    offset: Tensor | None
    delta: Tensor | None

    def __init__(
        self,
        *,
        w: ByClass | None = None,
        offset: ByClass | None = None,
        delta: ByClass | None = None,
        num_groups: int | None = None,
        **reducing: Unpack[Reducing],
    ) -> None:
        super().__init__(None, w, **reducing)
        self.register_buffer("offset", checked_values(offset, "offset"))
        self.register_buffer("delta", checked_values(delta, "delta"))
        self.num_groups = num_groups
        for name in ("w", "offset", "delta"):
            values = getattr(self, name)
            if num_groups is not None and values is not None and values.shape[1:][-1:] != (num_groups,):
                raise ValueError(
                    f"With num_groups={num_groups!r}, {name} must have shape (K, {num_groups}), but its shape is "
                    f"{tuple(values.shape)}."
                )

    def adjustment(self, shape: torch.Size) -> Adjustment | None:
        """Return the parameters if they make up the whole loss, and all have the shape (K,) or (R, K) that is given.

        Others are left to `forward`, which refuses them in plain words.
        """
        given = [value for value in (self.w, self.offset, self.delta) if value is not None]
        changed = type(self).forward is not ParametricCrossEntropy.forward
        if changed or self.num_groups is not None or any(value.shape != shape for value in given):
            return None
        return Adjustment(*(None if v is None else v.unsqueeze(-2) for v in (self.w, self.offset, self.delta)))

    def learned_priors(self, priors: Tensor) -> Tensor | None:
        """Class priors assumed by the probabilities of the network; see `WeightedLoss.learned_priors`.

        At the minimum ``softmax(z)`` is in proportion to ``w exp(-l) P(y|x)``, if all multipliers are 1.
        """
        if self.num_groups is not None or (self.delta is not None and (self.delta != 1).any()):
            return None
        seen = priors if self.w is None else priors * self.w
        seen = seen if self.offset is None else seen * (-self.offset).exp()
        return seen / seen.sum()

    def forward(self, logits: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch; shapes and errors are those of `parametric_cross_entropy`.

        Parameters
        ----------
        logits, target : Tensor
        group : Tensor of shape (..., B), integer, optional
            Group of each row; required with ``num_groups``, and refused without.
        """
        if (group is None) != (self.num_groups is None):
            raise ValueError(
                f"Groups need num_groups and the other way round, but num_groups={self.num_groups!r} and "
                f"{'no groups came' if group is None else 'groups came'}: give both or neither."
            )
        rows = self._accept(logits, target)
        return adjusted_cross_entropy(rows, self.w, self.offset, self.delta, group, self.reduction)
