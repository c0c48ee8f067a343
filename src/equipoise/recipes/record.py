"""`Recipe`: one record a treatment of imbalance, or a classifier to compare with treatments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone

from equipoise.classifiers import NeuralClassifier

Counts = NDArray[np.float64]

NETWORK: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "dropout": 0.3, "weight_decay": 1.0}
"""The network of all treatments of tables and its regularisation; ``benchmarks/default_network.py`` is its search."""


@dataclass(frozen=True)
class Recipe:
    """A named treatment of imbalance, or a classifier to compare with treatments.

    Attributes
    ----------
    name : str
    description : str
        A few words for the leaderboard.
    parts : mapping, optional
        Parameters of `NeuralClassifier` that make the treatment. None: the recipe is a model of its own.
    make : callable, optional
        ``(random_state=..., **parameters) -> unfitted classifier`` with ``predict_proba``; needed without parts. With
        parts, the classifier of the recipe alone; in a sum, the parts count.
    priors : callable, optional
        ``counts -> priors``, both of shape (K,): the class priors that the probabilities stand for after training on
        such class counts; the report corrects them to others. None derives them from the parts; without parts they
        are not known.
    slow : bool, default=False
        Whether a fit takes minutes on any table; a comparison then runs the recipe only when asked for it.
    cost : float, default=1.0
        About how many times the time of the recipe ``none`` a fit takes on 5,000 rows, for plans before the run.
    growth : float, default=1.0
        Exponent by which the time of a fit grows with the rows.
    native : bool, default=False
        Whether the classifier reads categories and gaps as they are, see `TablePreprocessor`'s ``native``.
    images : bool, default=False
        Whether it is for images only.
    wrap : callable, optional
        ``classifier -> classifier``: a decision part around the classifier.

    Examples
    --------
    >>> from imblearn.over_sampling import ADASYN
    >>> from equipoise.recipes import Recipe
    >>> Recipe("adasyn", "ADASYN", parts={"sampler": ADASYN()}).classifier(n_members=2).n_members
    2
    """

    name: str
    description: str
    parts: Mapping[str, Any] | None = None
    make: Callable[..., ClassifierMixin] | None = None
    priors: Callable[[Counts], Counts | None] | None = field(default=None, compare=False)
    slow: bool = False
    cost: float = 1.0
    growth: float = 1.0
    native: bool = False
    images: bool = False
    wrap: Callable[[ClassifierMixin], ClassifierMixin] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.parts is None and self.make is None:
            raise ValueError(f"The recipe {self.name!r} needs parts of NeuralClassifier, or make.")

    def classifier(self, **parameters: Any) -> ClassifierMixin:
        """Return the unfitted classifier for numbers; parts are copies.

        Raises
        ------
        TypeError
            If it has no parameter of such a name.
        """
        try:
            made = self._bare(**parameters)
        except TypeError as error:
            known = list(self._bare().get_params(deep=False))
            unknown = next((name for name in parameters if name not in known), None)
            if unknown is None:
                raise
            near = get_close_matches(unknown, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}."
            raise TypeError(f"The recipe {self.name!r} has no parameter {unknown!r}: {hint}") from error
        return made if self.wrap is None else self.wrap(made)

    def _bare(self, **parameters: Any) -> ClassifierMixin:
        if self.make is not None:
            return self.make(**parameters)
        copies = {key: clone(part, safe=False) for key, part in (self.parts or {}).items()}
        return NeuralClassifier(**{"standardize": False} | NETWORK | copies | parameters)


def observed_priors(counts: Counts) -> Counts:
    """Class priors of the training rows: those of probabilities without a treatment."""
    return counts / counts.sum()


def equal_priors(counts: Counts) -> Counts:
    """Equal class priors: those of probabilities trained where every class weighs alike."""
    return np.full(len(counts), 1 / len(counts))
