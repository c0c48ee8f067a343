"""A fit in two halves: `FitJob` holds the training tasks, and its `finish` takes the trained networks."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

from numpy.typing import ArrayLike

from equipoise.classifiers.base import NetworkClassifier
from equipoise.dependence import Dependence
from equipoise.sklearn_private import fit_context
from equipoise.training import Task, TrainedNetwork, fit

C = TypeVar("C", bound=NetworkClassifier)


class FitJob(ABC, Generic[C]):
    """A prepared fit whose networks are not trained yet.

    The tasks of many jobs may train in one call of `equipoise.training.fit`. The classifier is unchanged until
    `finish`.

    ``tasks`` has one a network.
    """

    def __init__(self, classifier: C, draft: C, tasks: list[Task]) -> None:
        self._classifier, self._draft, self.tasks = classifier, draft, tasks

    def finish(self, networks: Sequence[TrainedNetwork]) -> C:
        """Fit the classifier with the trained networks.

        There is one a task, in their order. Raises ValueError if training diverged.
        """
        if not all(network.is_finite() for network in networks):
            raise ValueError(self._diverged())
        self._take(networks)
        return self._classifier.become(self._draft)

    def train(self, max_time: float | None = None) -> C:
        """Train the networks, within a limit in seconds if one is given, and fit the classifier with them."""
        return self.finish(fit(self.tasks, max_time=max_time, on_progress=self.on_steps))

    def on_steps(self, done: int, total: int) -> None:
        """Read the numbers of network steps done and in all, now and then."""

    @abstractmethod
    def _take(self, networks: Sequence[TrainedNetwork]) -> None:
        """Set the fitted attributes of the draft."""

    @abstractmethod
    def _diverged(self) -> str:
        """Return the message for networks that are not finite."""


class JobClassifier(NetworkClassifier):
    """Base of the classifiers that are fitted by a job; several of them may train at once."""

    max_time: float | None
    _job_class: ClassVar[Any]

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        dependence: Dependence | None = None,
    ) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n, *features)
        y : array-like of shape (n,)
            Labels of two or more classes.
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            `AutoClassifier` holds out the rows of a group together; `NeuralClassifier` with `AutoBalance` has separate
            parameters for each group.
        dependence : Dependence, default=None
            Groups and times of the rows, for rows that are held out in training: in the folds of `AutoClassifier`, for
            early stopping, and for a loss search. Prediction needs none.

        Returns
        -------
        object
            The fitted classifier itself.

        Raises
        ------
        ValueError
            If rows, labels or parameters are invalid, or training diverged.
        """
        started = time.monotonic()
        job = self.prepare(X, y, sample_weight, groups, dependence)
        left = None if self.max_time is None else max(0.0, self.max_time - (time.monotonic() - started))
        return job.train(left)

    @fit_context(prefer_skip_nested_validation=True)
    def prepare(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        dependence: Dependence | None = None,
    ) -> FitJob[Self]:
        """Prepare a fit: a job with the training tasks, and a `finish`.

        Parameters are those of `fit`. The tasks of many jobs may train in one call of `equipoise.training.fit`.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from equipoise import NeuralClassifier
        >>> from equipoise.training import fit
        >>> X, y = make_classification(random_state=0)
        >>> jobs = [NeuralClassifier(n_members=2, max_steps=20, random_state=seed).prepare(X, y) for seed in range(3)]
        >>> networks = fit([task for job in jobs for task in job.tasks])
        >>> [job.finish(networks[2 * i : 2 * i + 2]).predict(X).shape for i, job in enumerate(jobs)]
        [(100,), (100,), (100,)]
        """
        return self._job_class(self, X, y, sample_weight, groups, dependence)
