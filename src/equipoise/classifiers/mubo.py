"""`MUBOClassifier`: the networks of MUBO's search as a classifier."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from equipoise.classifiers.base import NetworkClassifier
from equipoise.classifiers.neural import NeuralClassifier
from equipoise.dependence import Dependence
from equipoise.samplers import MUBO
from equipoise.sklearn_private import Interval, fit_context
from equipoise.text import listed
from equipoise.training import FittedEnsemble

OUTER_STEPS = 20
"""Default number of outer steps; `max_steps` is divided among them."""


class MUBOClassifier(NetworkClassifier):
    """Classifier of the networks of MUBO's row search, one a restart.

    The search trains these networks anyway, so they come at no extra cost. ``NeuralClassifier(sampler=MUBO())`` trains
    a new network on the selected rows instead.

    Parameters
    ----------
    search : MUBO, default=None
        The row search, ``MUBO(max_iter=20)`` by default. Its parameters of the same names as those below, and its
        ``n_restarts`` (`n_members`), are set from these.
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Widths of the rectified hidden layers.
    n_members : int, default=1
        Number of restarts.
    max_steps : int, default=None
        Gradient steps of each restart; by default those of `NeuralClassifier` on the same rows.
    dropout : float, default=0.0
        Dropout rate after each hidden layer, in [0, 1).
    weight_decay : float, default=0.0
    standardize : bool, default=True
        Standardise each feature by the training rows.
    random_state : int, RandomState or None, default=None
        Random seed.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    ensemble_ : FittedEnsemble
        The networks.
    history_ : DataFrame
        History of the search, see `MUBO`.
    sample_indices_ : ndarray of int
        Rows selected by the restart with the lowest objective.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If `X` has column names.

    See Also
    --------
    equipoise.MUBO : The row search, its variants and its parameters.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise.classifiers import MUBOClassifier
    >>> X, y = make_classification(500, weights=[0.9], random_state=0)
    >>> clf = MUBOClassifier(n_members=2, max_steps=200, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape, bool(clf.history_["accepted"].any())
    ((500, 2), True)
    """

    fit_only: ClassVar = ("search", "history_")
    ensemble_: FittedEnsemble
    history_: pd.DataFrame
    sample_indices_: NDArray[np.int64]

    _parameter_constraints = {
        "search": [None, MUBO],
        "hidden_layer_sizes": ["array-like"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "standardize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        search: MUBO | None = None,
        *,
        hidden_layer_sizes: Sequence[int] = (256, 128),
        n_members: int = 1,
        max_steps: int | None = None,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        standardize: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.search = search
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_members = n_members
        self.max_steps = max_steps
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, dependence: Dependence | None = None
    ) -> Self:
        """Search for rows and train on them.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of two or more classes.
        sample_weight : array-like of shape (n,), default=None
            Rows of weight 0 are as good as absent.
        dependence : Dependence, default=None
            Groups and times of the rows, for the rows that the search holds out.

        Returns
        -------
        MUBOClassifier
            Itself.

        Raises
        ------
        ValueError
            If rows or labels are invalid.
        """
        draft = self._new_draft()
        rows, codes = draft._checked(X, y)
        search = MUBO(max_iter=OUTER_STEPS) if self.search is None else clone(self.search)
        search.set_params(
            n_restarts=self.n_members,
            hidden_layer_sizes=self.hidden_layer_sizes,
            dropout=self.dropout,
            weight_decay=self.weight_decay,
            standardize=self.standardize,
            max_steps=self.max_steps or NeuralClassifier().planned_steps(len(rows)),
            random_state=check_random_state(self.random_state).randint(1 << 31),
            sampling_strategy=_for_codes(search.sampling_strategy, draft.classes_),
        )
        search.fit_resample(rows, codes, sample_weight=sample_weight, dependence=dependence)
        draft.ensemble_, draft.history_ = search.classifier_, search.history_
        draft.ensemble_.classes_ = draft.classes_
        draft.sample_indices_ = search.sample_indices_
        return self.become(draft)

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        return self.ensemble_.predict_proba(rows)

    def _balancing(self) -> tuple[str, ...]:
        return ("MUBO",)


def _for_codes(strategy: Any, classes: NDArray[Any]) -> Any:
    """Return a `sampling_strategy` in class codes: labels in text would take a gigabyte or two of 20 million rows."""
    if not isinstance(strategy, list):
        return strategy
    codes = {label: code for code, label in enumerate(classes.tolist())}
    for label in strategy:
        if label not in codes:
            raise ValueError(f"sampling_strategy names the class {label!r}; choose from {listed(map(repr, codes))}.")
    return [codes[label] for label in strategy]
