"""A network trained exactly by given settings, as an arm of a study has it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from equipoise.experiments.arms import Arm, Make, make_recipe, recipe_arms
from equipoise.experiments.protocol import Protocol
from equipoise.recipes import NETWORK
from equipoise.training import FittedEnsemble, Settings, Table, Task, TrainedNetwork

Drawn = tuple[NDArray[np.int64], Table | None]

KERAS_ADAM = Settings(learning_rate=1e-3, weight_decay=0.0, optimizer="adam", eps=1e-7, schedule="constant")
"""Keras's default optimiser."""

AS_SET = Protocol((), n_folds=1, n_repeats=1, n_members=1, max_steps=1, random_state=0)
"""For arms whose settings say how long they train."""


def plain(classifier: Any) -> Any:
    """Set a recipe's classifier to the network of its class, in place of the regularised one that recipes share."""
    defaults = type(classifier)().get_params(deep=False)
    return classifier.set_params(**{name: defaults[name] for name in NETWORK})


def plain_recipe(name: str, **parameters: Any) -> Make:
    """Make a recipe's classifier with the network of its class; further parameters go to the classifier."""
    return lambda fold, protocol: plain(make_recipe(name, protocol, fold.fold.seed)).set_params(**parameters)


def plain_arms(names: Sequence[str]) -> list[Arm]:
    """Return recipes as arms with the networks of their classes."""
    return [replace(arm, make=plain_recipe(arm.name)) for arm in recipe_arms(names)]


class Network(ClassifierMixin, BaseEstimator):
    """One network on the rows of a fold, or on what is drawn from them.

    Parameters
    ----------
    settings : Settings
    seed : int
    draw : callable, optional
        ``table -> (rows, made)``: the rows to train on, counted from the table's on, and those that were made.
    weigh : callable, optional
        ``codes -> weights`` of the rows.
    """

    def __init__(
        self,
        settings: Settings,
        seed: int,
        draw: Callable[[Table], Drawn] | None = None,
        weigh: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.draw = draw
        self.weigh = weigh

    def prepare(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Make the task of the network, as the first half of a fit; it is its own job."""
        self.classes_ = np.unique(y)
        table = Table(X, y, len(self.classes_))
        rows, made = (None, None) if self.draw is None else self.draw(table)
        weights = None if self.weigh is None else self.weigh(y)
        self.tasks = [Task(table, self.seed, self.settings, rows, made, weights)]
        return self

    def finish(self, networks: Sequence[TrainedNetwork]) -> Self:
        """Take the network that the task became; a ValueError if its training diverged."""
        if not all(network.is_finite() for network in networks):
            raise ValueError("training diverged")
        self.ensemble_ = FittedEnsemble(list(networks), self.classes_)
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of the classes, of shape (n, K)."""
        return self.ensemble_.predict_proba(X)
