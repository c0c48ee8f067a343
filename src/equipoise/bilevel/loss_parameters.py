"""What is searched for: departures of w, offset and delta from a start, shared by classes of like frequency.

Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021), section 2 and appendix. Where
the authors' parameter itself is shared by a run of classes, the departure from the start is shared here: each class
keeps its own logarithm of its share, and the parameters of retraining need not be interpolated. Where their
multiplier is ``sigmoid(Delta)``, which can neither be 1 nor what CDT starts from, it is ``2 sigmoid`` here; a factor
common to all classes is a temperature.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from equipoise.bilevel.vectors import Named
from equipoise.losses.counts import checked_counts, log_priors, shares_of_largest

NAMES = ("w", "offset", "delta")
STARTS = ("ce", "la", "cdt")
_OWN_UP_TO = 10  # classes that each have parameters of their own under sharing="auto", as the authors' CIFAR10 has


class LossParameters:
    """Makes w, offset and delta of what is searched.

    Parameters
    ----------
    class_counts : Tensor of shape (..., K, G)
        Training rows of each class and group, G = 1 without groups. A cell without rows counts as one row; a class
        must have some.
    searched : sequence of str
        Of ``"w"``, ``"offset"`` and ``"delta"``; the others stay as they start.
    start : {"ce", "la", "cdt"}
        Plain cross-entropy; ``offset = tau log pi``; or ``delta = (n / n_max)^gamma``. With groups, each group's own.
    tau, gamma : float
    sharing : "auto", None, int or "dictionary"
        Which classes share: none; each run of so many in order of frequency; or all, through `dictionary`.

    Attributes
    ----------
    start : dict of Tensor of shape (..., K, G)
        Values before any step.
    settings : dict
        Plain parameters that the start and the sharing follow from.
    """

    def __init__(
        self,
        class_counts: Tensor,
        *,
        searched: Sequence[str],
        start: str,
        tau: float,
        gamma: float,
        sharing: str | int | None,
    ) -> None:
        checked_counts(class_counts.sum(-1))
        self.class_counts = class_counts
        self._counts = class_counts.clamp(min=1)
        self._basis = shared_basis(class_counts.sum(-1), sharing)
        self._searched = searched
        self.settings = {"start": start, "tau": float(tau), "gamma": float(gamma), "sharing": sharing}
        self.start = {name: torch.full_like(self._counts, value) for name, value in zip(NAMES, (1.0, 0.0, 1.0))}
        by_group = self._counts.mT
        if start == "la":
            self.start["offset"] = _centred(tau * log_priors(by_group).mT)
        if start == "cdt":
            self.start["delta"] = shares_of_largest(by_group, gamma).mT

    def zeros(self) -> Named:
        """Return departures of none: of shape (..., K', G) for K' parameters shared by K classes."""
        *lead, K, G = self._counts.shape
        n_shared = K if self._basis is None else self._basis.shape[-1]
        return {name: self._counts.new_zeros(*lead, n_shared, G) for name in self._searched}

    def values(self, departures: Named) -> Named:
        """Return w, offset and delta, each (..., K, G); offsets have mean 0 over classes, w mean 1 over rows."""
        moved = {name: d if self._basis is None else self._basis @ d for name, d in departures.items()}
        values = dict(self.start)
        if "w" in moved:
            weights = moved["w"].exp()
            mean = (self._counts * weights).sum((-2, -1), keepdim=True) / self._counts.sum((-2, -1), keepdim=True)
            values["w"] = weights / mean
        if "offset" in moved:
            values["offset"] = _centred(self.start["offset"] + moved["offset"])
        if "delta" in moved:
            values["delta"] = 2 * torch.sigmoid(torch.logit(self.start["delta"] / 2) + moved["delta"])
        return values


def _centred(offset: Tensor) -> Tensor:
    return offset - offset.mean(-2, keepdim=True)


def shared_basis(class_counts: Tensor, sharing: str | int | None) -> Tensor | None:
    """Return D, ``(..., K, K')``, that makes values of K classes of K' parameters; None if each has its own.

    Parameters
    ----------
    class_counts : Tensor of shape (..., K)
        In any order.
    sharing : "auto", None, int or "dictionary"
        ``"auto"``: None for up to 10 classes, else the dictionary.
    """
    if sharing == "auto":
        sharing = "dictionary" if class_counts.shape[-1] > _OWN_UP_TO else None
    if sharing is None or sharing == 1:
        return None
    return dictionary(class_counts) if isinstance(sharing, str) else clusters(class_counts, sharing)


def clusters(class_counts: Tensor, size: int) -> Tensor:
    """Runs of ``size`` classes in order of frequency, each with one parameter; the last run may be shorter.

    Examples
    --------
    >>> import torch
    >>> from equipoise.bilevel.loss_parameters import clusters
    >>> clusters(torch.tensor([5.0, 90.0, 40.0]), 2)
    tensor([[0., 1.],
            [1., 0.],
            [1., 0.]])
    """
    rank = class_counts.argsort(descending=True, stable=True, dim=-1).argsort(dim=-1)
    columns = torch.arange(math.ceil(class_counts.shape[-1] / size), device=class_counts.device)
    return (rank.unsqueeze(-1) // size == columns).to(class_counts)


def dictionary(class_counts: Tensor) -> Tensor:
    """Eight functions of a class's frequency, each divided by its largest value.

    With ``p = n / n_max``: ``-log10 p``, its square and its root, ``1/p``, ``p^-.5``, ``p^-.3``, ``p^-2`` and 1 (from
    the first author's earlier prototype). The same few numbers serve any number of classes.
    """
    p = class_counts.double() / class_counts.double().amax(-1, keepdim=True)
    rarity = -p.log10()
    columns = torch.stack([rarity, rarity**2, rarity.sqrt(), 1 / p, p**-0.5, p**-0.3, p**-2, torch.ones_like(p)], -1)
    largest = columns.amax(-2, keepdim=True)
    return (columns / torch.where(largest > 0, largest, 1.0)).to(class_counts)
