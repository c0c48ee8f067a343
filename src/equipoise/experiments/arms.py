"""What is compared: classifiers by name, and the class priors that their probabilities stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from equipoise import recipes
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.protocol import Protocol

Make = Callable[[PreparedFold, Protocol], ClassifierMixin]
Priors = Callable[[ArrayLike], NDArray[np.float64] | None]


@dataclass(frozen=True)
class Arm:
    """A way to train that is compared with others.

    Attributes
    ----------
    name, title : str
        As it is stored, and as it is shown.
    make : callable
        ``(fold, protocol) -> unfitted classifier`` of numbers, with the seed of the fold. A classifier whose
        fit has a first half, ``prepare``, trains in stacks with others' networks, any other in a process of its own.
    priors : callable
        ``counts -> priors``, of shape (K,) each: the class priors that its probabilities stand for when it is trained
        on so many rows a class; None where they are not known.
    figures : callable
        ``fitted classifier -> records`` stored beside its results: diagnostics of synthetic rows.
    by_group : bool
        Whether its `fit` takes the groups of the training rows.
    native : bool
        Whether it reads categories and gaps as they are, see `TablePreprocessor`'s ``native``.
    decisions : tuple of str
        Decisions of its ``predict_from_proba`` that are kept beside its own, each as an arm ``<name>-<decision>``.
    most_rows, most_cells, most_repeats : int or None
        Rows, and rows times columns, of a set that it is run on, and repeats there; where its cost forbids more.
    """

    name: str
    title: str
    make: Make
    priors: Priors = lambda counts: None
    figures: Callable[[Any], list[dict[str, Any]]] = lambda model: getattr(model, "sampler_diagnostics_", [])
    by_group: bool = False
    native: bool = False
    decisions: tuple[str, ...] = ()
    most_rows: int | None = None
    most_cells: int | None = None
    most_repeats: int | None = None

    def runs_on(self, n_rows: int, n_cells: int, repeat: int) -> bool:
        """Whether it is run in a repeat on a set of so many rows, and rows times columns."""
        limits = (self.most_rows, n_rows), (self.most_cells, n_cells), (self.most_repeats, repeat + 1)
        return all(most is None or value <= most for most, value in limits)

    def fit_parameters(self, fold: PreparedFold) -> dict[str, Any]:
        """What its ``fit`` and ``prepare`` take beside rows and classes."""
        return {"groups": fold.groups} if self.by_group and fold.groups is not None else {}


def observed_priors(counts: ArrayLike) -> NDArray[np.float64]:
    """Shares of the training rows: what the probabilities of an untreated classifier stand for."""
    rows = np.asarray(counts, dtype=np.float64)
    return rows / rows.sum()


def equal_priors(counts: ArrayLike) -> NDArray[np.float64]:
    """Equal shares: what the probabilities stand for where every class weighs alike in training."""
    return np.full(np.shape(counts), 1 / np.size(counts))


def recipe_arms(names: Sequence[str], **parameters: Any) -> list[Arm]:
    """Return recipes as arms: equal seeds, members and gradient steps; further parameters go to each classifier."""

    def arm(name: str) -> Arm:
        def make(fold: PreparedFold, protocol: Protocol) -> ClassifierMixin:
            return make_recipe(name, protocol, fold.fold.seed, **parameters)

        record, priors = recipes.get(name), partial(learned_priors, name)
        return Arm(name, name, make, priors, by_group=record.grouped, native=record.native)

    return [arm(name) for name in names]


def make_recipe(recipe: str, protocol: Protocol, seed: int, **parameters: Any) -> ClassifierMixin:
    """Return a recipe's classifier as a comparison trains it."""
    return recipes.classifier(recipe, random_state=seed, **(recipe_parameters(recipe, protocol) | parameters))


def recipe_parameters(recipe: str, protocol: Protocol) -> dict[str, Any]:
    """Return the protocol's settings of a recipe's classifier: members, gradient steps and decision."""
    if recipe == recipes.AUTO:
        return {"decision": protocol.decision, "max_time": protocol.auto_seconds}
    return {"n_members": protocol.n_members, "max_steps": protocol.max_steps} if recipes.is_neural(recipe) else {}
