"""Parametric cross-entropy as an inner loss with its own parameters as outer ones, and a closed mixed derivative."""

import torch
from torch import Tensor
from torch.nn import functional

from equipoise.bilevel.inner import Batch
from equipoise.bilevel.vectors import Named
from equipoise.losses.parametric import parametric_cross_entropy
from equipoise.losses.reduction import by_row


def row_losses(z: Tensor, alpha: Named, batch: Batch) -> Tensor:
    """Losses of rows, for ``alpha = {"w": ..., "offset": ..., "delta": ...}``; see `parametric_cross_entropy`."""
    losses = parametric_cross_entropy(
        z, batch.target, w=alpha["w"], offset=alpha["offset"], delta=alpha["delta"], group=batch.group, reduction="none"
    )
    return losses if batch.weight is None else losses * batch.weight


def mixed_derivative(z: Tensor, dz: Tensor, alpha: Named, batch: Batch) -> Named:
    """Derivative by w, offset and delta of the sum over rows of ``<d loss / dz, dz>``.

    With ``a = delta z + l``, ``q = softmax(a)``, ``u = delta dz`` and a row's weight ``W = sum_k w_k Y_k`` for its
    target Y (one 1 for a class index) the slope of a row is ``sum_k u_k (W q_k - w_k Y_k)``, and::

        dq_k    = q_k (u_k - <q, u>)
        l_k     : W dq_k
        delta_k : W dq_k z_k + dz_k (W q_k - w_k Y_k)
        w_k     : Y_k (<q, u> - u_k)

    z and dz are (..., B, K), w, offset and delta (..., K), or (..., K, G) with groups.
    """
    z, dz = z.to(alpha["offset"]), dz.to(alpha["offset"])  # half precision is widened
    w, offset, delta = (by_row(alpha[name], z, name, batch.group) for name in ("w", "offset", "delta"))
    soft = batch.target.is_floating_point()
    Y = batch.target.to(z) if soft else functional.one_hot(batch.target, z.shape[-1]).to(z)
    Y = Y if batch.weight is None else Y * batch.weight.unsqueeze(-1)
    weight = (w * Y).sum(-1, keepdim=True)
    q, u = (delta * z + offset).softmax(-1), delta * dz
    mean = (q * u).sum(-1, keepdim=True)
    dq = weight * q * (u - mean)
    of_rows = {"w": Y * (mean - u), "offset": dq, "delta": dq * z + dz * (weight * q - w * Y)}
    return {name: _by_column(values, batch.group, alpha[name]) for name, values in of_rows.items()}


def _by_column(values: Tensor, group: Tensor | None, like: Tensor) -> Tensor:
    """Sum over rows ``(..., B, K)``, by group if there are groups."""
    if group is None:
        return values.sum(-2)
    member = functional.one_hot(group, like.shape[-1]).to(values)
    return torch.einsum("...bk,...bg->...kg", values, member)
