"""`FitJob`: the first half of a fit, with its training tasks and a `finish`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from equipoise.classifiers.base import NetworkClassifier
from equipoise.training import Task, TrainedNetwork

C = TypeVar("C", bound=NetworkClassifier)


class FitJob(ABC, Generic[C]):
    """A prepared fit whose networks are not trained yet.

    The tasks of many jobs may train in one call of `equipoise.training.fit`. The classifier is unchanged until
    `finish`.

    Attributes
    ----------
    tasks : list of Task
        One a network.
    """

    def __init__(self, classifier: C, draft: C, tasks: list[Task]) -> None:
        self._classifier, self._draft, self.tasks = classifier, draft, tasks

    def finish(self, networks: Sequence[TrainedNetwork]) -> C:
        """Fit the classifier with the trained networks.

        Parameters
        ----------
        networks : sequence of TrainedNetwork
            One a task, in the order of `tasks`.

        Returns
        -------
        NeuralClassifier or AutoClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If training diverged.
        """
        if not all(network.is_finite() for network in networks):
            raise ValueError(self._diverged())
        self._take(networks)
        return self._classifier.become(self._draft)

    @abstractmethod
    def _take(self, networks: Sequence[TrainedNetwork]) -> None:
        """Set the fitted attributes of the draft."""

    @abstractmethod
    def _diverged(self) -> str:
        """Return the message for networks that are not finite."""
