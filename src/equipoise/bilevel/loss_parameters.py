"""Parameters of a loss search: departures of w, offset, delta and of strengths of augmentation from a start.

They are shared by classes of similar frequency.

Li et al., "AutoBalance: Optimized Loss Functions for Imbalanced Data" (NeurIPS 2021), section 2 and appendix. The
authors share the parameter itself among several classes; here they share the departure from the start, so that each
class keeps its own log prior, and retraining needs no interpolation. Their multiplier ``sigmoid(Delta)`` can neither
be 1 nor the start of CDT; here it is ``2 sigmoid``, as a factor common to all classes is only a temperature.
"""

import math
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from equipoise.bilevel.searched_augmentation import SearchedAugmentation
from equipoise.bilevel.vectors import Named
from equipoise.losses.counts import checked_counts, log_priors, shares_of_largest

NAMES = ("w", "offset", "delta")
STARTS = ("ce", "la", "cdt")
_FROM_BOUNDS = 0.01  # of a start, as a share of the range, so that it can move
_OWN_UP_TO = 10  # classes that each have parameters of their own under sharing="auto", as the authors' CIFAR10 has


class LossParameters:
    """Maps departures to w, offset and delta, and to the parameters of an augmentation.

    ``class_counts`` (..., K, G) are the training rows of each class and group, G = 1 without groups; a cell without
    rows counts as one row. ``searched`` names those of w, offset and delta to search for. The start is plain
    cross-entropy ("ce"), ``offset = tau log pi`` ("la") or ``delta = (n / n_max)^gamma`` ("cdt"), by group if there are
    groups.
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
        augmentation: SearchedAugmentation | None = None,
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
            self.start["offset"] = _centred(log_priors(by_group, tau).mT)
        if start == "cdt":
            self.start["delta"] = shares_of_largest(by_group, gamma).mT
        self._augmentation = augmentation
        if augmentation is not None:
            self.settings["augmentation"] = repr(augmentation)
            self.start |= {name: self._by_cell(value, name) for name, value in augmentation.start().items()}

    def _by_cell(self, value: Tensor, name: str) -> Tensor:
        """Spread the start of an augmentation over classes and groups."""
        K, G = self._counts.shape[-2:]
        if value.shape not in ((), (K,), (K, G)):
            raise ValueError(
                f"{name} of the augmentation must have one value, or shape (K,) or (K, G) for {K} classes and {G} "
                f"group(s), but its shape is {tuple(value.shape)}."
            )
        value = value.unsqueeze(-1) if value.ndim == 1 else value
        return value.to(self._counts).expand(self._counts.shape).clone()

    def zeros(self) -> Named:
        """Return zero departures, of shape (..., K', G) for K' parameters shared by K classes."""
        *lead, K, G = self._counts.shape
        n_shared = K if self._basis is None else self._basis.shape[-1]
        found = {name: self._counts.new_zeros(*lead, n_shared, G) for name in self._searched}
        if self._augmentation is not None:
            own = {"class": (n_shared, 1), "group": (n_shared, G), "one": (1, 1)}[self._augmentation.by]
            found |= {name: self._counts.new_zeros(*lead, *own) for name in self.start if name not in NAMES}
        return found

    def state(self) -> dict[str, Any]:
        """Return the settings and class counts, for `check_saved`."""
        return {"settings": dict(self.settings), "class_counts": self.class_counts.clone()}

    def check_saved(self, state: dict[str, Any]) -> None:
        """Refuse the state of another search with a `ValueError`."""
        shapes = [{name: tuple(d.shape) for name, d in each.items()} for each in (self.zeros(), state["departures"])]
        pairs = {"parameters": shapes} | {n: [value, state["settings"][n]] for n, value in self.settings.items()}
        if shapes[0] == shapes[1]:
            saved = state["class_counts"].to(self.class_counts)
            pairs["class_counts"] = [self.class_counts.tolist(), saved.tolist()]
        for name, (own, theirs) in pairs.items():
            if own != theirs:
                theirs, own = (shorten(repr(value), 100) for value in (theirs, own))
                raise ValueError(
                    f"The saved search has {name}={theirs}, but this search has {name}={own}: create it with the "
                    f"parameters and class counts of the saved one."
                )

    def values(self, departures: Named) -> Named:
        """Return all parameters, each (..., K, G); offsets have mean 0 over classes, w mean 1 over rows."""
        with torch.autocast(self._counts.device.type, enabled=False):
            moved = {name: d if d.shape[-2] == 1 else self._spread(d) for name, d in departures.items()}
        values = dict(self.start)
        if "w" in moved:
            weights = moved["w"].exp()
            mean = (self._counts * weights).sum((-2, -1), keepdim=True) / self._counts.sum((-2, -1), keepdim=True)
            values["w"] = weights / mean
        if "offset" in moved:
            values["offset"] = _centred(self.start["offset"] + moved["offset"])
        if "delta" in moved:
            values["delta"] = 2 * torch.sigmoid(torch.logit(self.start["delta"] / 2) + moved["delta"])
        for name in moved.keys() - NAMES:
            assert self._augmentation is not None
            low, high = self._augmentation.bounds[kind_of(name)]
            share = ((self.start[name] - low) / (high - low)).clamp(_FROM_BOUNDS, 1 - _FROM_BOUNDS)
            values[name] = low + (high - low) * torch.sigmoid(torch.logit(share) + moved[name])
        return values

    def _spread(self, departure: Tensor) -> Tensor:
        return departure if self._basis is None else self._basis @ departure


def kind_of(name: str) -> str:
    """Return what a parameter is: its name up to the first underscore, such as ``"strength"`` of an operation."""
    return name.partition("_")[0]


def _centred(offset: Tensor) -> Tensor:
    return offset - offset.mean(-2, keepdim=True)


def shared_basis(class_counts: Tensor, sharing: str | int | None) -> Tensor | None:
    """Return D, ``(..., K, K')``, that maps K' parameters to K classes; None if each class has its own.

    ``sharing`` is None for one parameter a class, n for `clusters` of n classes, "dictionary", or "auto": None up to 10
    classes, else the `dictionary`.
    """
    if sharing == "auto":
        sharing = "dictionary" if class_counts.shape[-1] > _OWN_UP_TO else None
    if sharing is None or sharing == 1:
        return None
    return dictionary(class_counts) if isinstance(sharing, str) else clusters(class_counts, sharing)


def clusters(class_counts: Tensor, size: int) -> Tensor:
    """Runs of ``size`` classes in order of frequency, each with one parameter; the last run may be shorter.

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
    the first author's earlier prototype).
    """
    p = class_counts.double() / class_counts.double().amax(-1, keepdim=True)
    rarity = -p.log10()
    columns = torch.stack([rarity, rarity**2, rarity.sqrt(), 1 / p, p**-0.5, p**-0.3, p**-2, torch.ones_like(p)], -1)
    largest = columns.amax(-2, keepdim=True)
    return (columns / torch.where(largest > 0, largest, 1.0)).to(class_counts)
