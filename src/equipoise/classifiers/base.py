"""Base class of the classifiers that train networks: validation, device, prediction."""

import copy
from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from equipoise.containers import as_array, check_labelled, check_one_kind
from equipoise.datasets.opened import OpenTable
from equipoise.describing import Description
from equipoise.text import counted

Codes = NDArray[np.int64]

CLIP = 5.0
"""Largest size of a standardised feature, in standard deviations."""

LEAST_STEPS = 300
"""Fewest gradient steps of a network, for small tables."""

_NUMBERS_AT_ONCE = 1 << 22  # in a batch of prediction
_ROWS_AT_ONCE = 1 << 13


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers that train networks.

    Subclasses fit a draft, an unfitted copy of themselves, and implement `_probabilities`.
    """

    classes_: NDArray[Any]
    _allow_nd = False
    _dtypes: Sequence[type[np.generic]] = (np.float64, np.float32)

    def _new_draft(self) -> Self:
        """Return an unfitted copy with the same parameters."""
        draft = copy.copy(self)
        draft._forget()
        return draft

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    def become(self, draft: Self) -> Self:
        """Replace the fitted attributes by those of a draft, and return self."""
        self._forget()
        self.__dict__.update(vars(draft))
        return self

    def _checked(self, X: Any, y: Any) -> tuple[NDArray[Any], Codes]:
        """Return training rows and class codes; set `classes_` and the attributes of features."""
        if isinstance(X, OpenTable):
            raise TypeError(
                f"{type(self).__name__} reads rows in memory, not an open table: give it the rows of its "
                "sample(target), or use equipoise.experiments.fit_recipe."
            )
        known = _as_stored(y)
        if known is None:
            check_labelled(y)
        given = _plain(as_array(y)) if known is None else known[1]
        rows, labels = validate_data(self, as_array(X), given, dtype=list(self._dtypes), allow_nd=self._allow_nd)
        rows = _forward(rows)
        check_one_kind(labels)
        check_classification_targets(labels)
        self.classes_, codes = known or np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y needs two or more classes, but holds one class only: {self.classes_.tolist()[0]!r}.")
        return rows, codes

    def predict_proba(self, X: ArrayLike | OpenTable) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n, *features), or OpenTable
            Of an open table, the columns of the fit are read block by block, on the workers of a cluster where
            ``equipoise.machines.backend`` names one.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        if isinstance(X, OpenTable):
            of_parts = X.each(_of_blocks, [(self, part) for part in X.by_part()])
            return np.concatenate([proba for of_part in of_parts for proba in of_part])
        X = as_array(X)
        self._check_shape(X)
        rows: Any = validate_data(self, X, reset=False, dtype=list(self._dtypes), allow_nd=self._allow_nd)
        rows = _forward(rows)
        at_once = max(1, min(_ROWS_AT_ONCE, _NUMBERS_AT_ONCE // max(1, rows[0].size)))
        parts = [self._probabilities(rows[start : start + at_once]) for start in range(0, len(rows), at_once)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def score(self, X: ArrayLike | OpenTable, y: ArrayLike | str, sample_weight: ArrayLike | None = None) -> float:
        """Share of rows whose most probable label is right, which says little of rare classes.

        Parameters
        ----------
        X : array-like of shape (n, *features), or OpenTable
        y : array-like of shape (n,), or str
            Labels; of an open table, their column. Rows without a label are left out.
        sample_weight : array-like of shape (n,), default=None
            Weights of rows in memory.

        Returns
        -------
        float
        """
        if not isinstance(X, OpenTable):
            return float(super().score(X, y, sample_weight))
        if sample_weight is not None:
            raise ValueError("sample_weight is of rows in memory: leave it out.")
        if not isinstance(y, str):
            raise TypeError(f"The rows are in an open table, so y must name their column of labels, but y={y!r}.")
        labels = X.labels(y)
        known = labels.notna().to_numpy()
        return float(accuracy_score(labels[known].tolist(), self.predict(X)[known].tolist()))

    def describe(self) -> Description:
        """Describe the trained networks and the treatments of the imbalance."""
        ensemble = getattr(self, "ensemble_", None)
        if ensemble is None:
            return Description(balancing=self._balancing())
        layers = [array.shape for name, array in ensemble.weights_.items() if name.startswith("weights.")]
        sizes = " x ".join(map(str, [layers[0][1], *(shape[2] for shape in layers)])) if layers else "own design"
        nature = f"{type(self).__name__} of {counted(ensemble.n_members, 'network')}: {sizes}."
        return Description(nature=(nature,), balancing=self._balancing())

    def _balancing(self) -> tuple[str, ...]:
        """Names of the treatments that move the class priors of training towards balance."""
        return ()

    def _check_shape(self, X: Any) -> None:
        """Refuse rows of another shape or scale than at fit, where scikit-learn's words would not tell."""

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities (n, n_classes) of checked rows."""
        raise NotImplementedError

    def predict(self, X: ArrayLike | OpenTable) -> NDArray[Any]:
        """Most probable label of each row.

        Parameters
        ----------
        X : array-like of shape (n, *features), or OpenTable

        Returns
        -------
        ndarray of shape (n,)
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]


def _of_blocks(classifier: NetworkClassifier, table: OpenTable) -> list[NDArray[np.float64]]:
    """Return the probabilities of each block of a table."""
    blocks = table.blocks(getattr(classifier, "feature_names_in_", None))
    return [classifier.predict_proba(table.typed(block)) for block in blocks]


def _forward(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows as torch can view them, such as images whose channels are reversed by ``[:, ::-1]``."""
    return rows.copy() if any(stride < 0 for stride in rows.strides) else rows


def _as_stored(y: Any) -> tuple[NDArray[Any], Codes] | None:
    """Return classes and codes of a categorical, in as few bytes as it has; None where they would not be in order."""
    if not isinstance(getattr(y, "dtype", None), pd.CategoricalDtype):
        return None
    labels = pd.Categorical(y)
    n_missing, *counts = np.bincount(labels.codes + np.int8(1), minlength=1 + len(labels.categories)).tolist()
    if n_missing or not all(counts) or not labels.categories.is_monotonic_increasing:
        return None
    return _plain(labels.categories.to_numpy()), labels.codes


def _plain(labels: Any) -> Any:
    """Convert numeric labels in an array of objects to an array of numbers."""
    if getattr(labels, "dtype", None) != np.dtype(object):
        return labels
    values = np.asarray(labels)
    numeric = all(isinstance(value, Real | np.bool_) for value in values.flat)
    return np.array(values.tolist()) if numeric else labels


def training_device(name: str) -> str:
    """Return the torch device of a parameter ``device``, checked.

    ``"auto"`` is CUDA if available, else the CPU. Raises ValueError if the device is unknown or not here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except Exception as error:
        there = ["'auto'", "'cpu'", *(["'cuda'"] if torch.cuda.is_available() else [])]
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={name!r} is not available ({reason}): choose one of {', '.join(there)}.") from error
    return name
