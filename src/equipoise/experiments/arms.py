"""What is compared: classifiers by name, and the class priors that their probabilities stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier

from equipoise import recipes
from equipoise.datasets import Dataset
from equipoise.decisions.wrapper import takes
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.protocol import Protocol
from equipoise.recipes.images import parameters_for_images

Make = Callable[[PreparedFold, Protocol], ClassifierMixin]
Priors = Callable[[ArrayLike], NDArray[np.float64] | None]


@dataclass(frozen=True)
class Arm:
    """A way to train that is compared with others."""

    name: str  # as it is stored; the title is shown
    title: str
    # ``(fold, protocol) -> unfitted classifier`` of numbers, with the seed of the fold. A classifier whose fit has a
    # first half, ``prepare``, trains in stacks with others' networks, any other in a process of its own
    make: Make
    # ``counts -> priors``, of shape (K,) each: the class priors that its probabilities stand for when it is trained
    # on so many rows a class; None where they are not known
    priors: Priors = lambda counts: None
    # ``fitted classifier -> records`` stored beside its results: diagnostics of synthetic rows
    figures: Callable[[Any], list[dict[str, Any]]] = lambda model: getattr(model, "sampler_diagnostics_", [])
    by_group: bool = False  # whether its `fit` takes the groups of the training rows
    native: bool = False  # whether it reads categories and gaps as they are, see `TablePreprocessor`'s ``native``
    takes: tuple[str, ...] = ()  # what its `fit` takes beside: ``"sample_weight"``, ``"dependence"``
    # decisions of its ``predict_from_proba`` that are kept beside its own, each as an arm ``<name>-<decision>``
    decisions: tuple[str, ...] = ()

    def fit_parameters(self, fold: PreparedFold) -> dict[str, Any]:
        """What its ``fit`` and ``prepare`` take beside rows and classes."""
        known = {"sample_weight": fold.training_weights, "dependence": fold.dependence}
        given = {"groups": fold.groups} if self.by_group else {name: known[name] for name in self.takes}
        return {name: value for name, value in given.items() if value is not None}


def weighted_priors(priors: ArrayLike, counts: ArrayLike, mass: ArrayLike) -> NDArray[np.float64]:
    """Return the class priors that probabilities stand for where the rows of a class have weights.

    ``counts`` are the rows of each class, ``mass`` the sums of their weights.
    """
    weighted = np.asarray(priors) * np.asarray(mass) / np.asarray(counts)
    return weighted / weighted.sum()


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
        return Arm(name, name, make, priors, native=record.native, takes=taken_by(record.classifier()))

    return [arm(name) for name in names]


def taken_by(classifier: ClassifierMixin) -> tuple[str, ...]:
    """Return what the fit of a classifier takes of ``"sample_weight"`` and ``"dependence"``."""
    return tuple(name for name in ("sample_weight", "dependence") if takes(classifier, name))


def fit_parameters(classifier: ClassifierMixin, dataset: Dataset) -> dict[str, Any]:
    """Return what the fit of a classifier on all rows takes beside rows and labels.

    Raises ValueError if the rows have weights, which the classifier does not take.
    """
    taken = taken_by(classifier)
    weights = dataset.training_weights
    if weights is not None and "sample_weight" not in taken:
        raise ValueError("The recipe cannot weigh rows: choose another recipe, or leave the weights out.")
    known = {"sample_weight": weights, "dependence": dataset.dependence}
    return {name: known[name] for name in taken if known[name] is not None}


def make_recipe(recipe: str, protocol: Protocol, seed: int, **parameters: Any) -> ClassifierMixin:
    """Return a recipe's classifier as a comparison trains it."""
    return recipes.classifier(recipe, random_state=seed, **(recipe_parameters(recipe, protocol) | parameters))


def recipe_parameters(recipe: str, protocol: Protocol) -> dict[str, Any]:
    """Return the protocol's settings of a recipe's classifier: members, gradient steps and decision."""
    if protocol.images:
        steps = {"n_members": protocol.n_members, "max_steps": protocol.max_steps}
        return parameters_for_images(recipes.get(recipe)) | steps
    if recipe == recipes.AUTO:
        return {"decision": protocol.decision, "max_time": protocol.auto_seconds}
    if recipes.is_neural(recipe):
        return {"n_members": protocol.n_members, "max_steps": protocol.max_steps}
    return without_random_rows(recipe) if protocol.dependent else {}


def without_random_rows(recipe: str) -> dict[str, Any]:
    """Return parameters that keep scikit-learn's boosting from holding out rows at random."""
    model = recipes.classifier(recipe)
    boosting = isinstance(getattr(model, "estimator", model), HistGradientBoostingClassifier)
    return {"early_stopping": False} if boosting and ":" not in recipe else {}
