"""The rows of a data set: on the authors' split as their code takes them, and on stratified folds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from equipoise import datasets
from equipoise.experiments.splits import Fold
from equipoise_reproductions.smotified_gan.protocol import TEST_SHARE, Effort, Source

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a data set into training and test rows.

    Attributes
    ----------
    fold : Fold
        Number 0 is the authors' split; the stratified folds count from 1.
    y : ndarray of shape (n,)
        1 for the rare class.
    raw : ndarray of shape (n, d)
        What samplers see that scale rows themselves.
    scaler : fitted scikit-learn transformer
        From there to what the other samplers and the networks see.
    """

    fold: Fold
    y: NDArray[np.int64]
    raw: Floats
    scaler: TransformerMixin

    @property
    def sound(self) -> bool:
        """Whether it is one of the stratified folds."""
        return self.fold.number > 0

    @cached_property
    def scaled(self) -> Floats:
        """All rows as the networks see them."""
        return self.scaler.transform(self.raw)


def splits(source: Source, effort: Effort) -> list[Split]:
    """Divide a data set as the authors do, then into stratified folds.

    Raises
    ------
    OSError
        If the rows cannot be had.
    """
    data = datasets.load(source.name)
    X = pd.get_dummies(data.X).to_numpy(dtype=np.float64)
    y: NDArray[np.int64] = (data.y == data.rare).to_numpy().astype(np.int64)
    return [_authors(source, X, y), *_stratified(X, y, effort.n_folds)]


def _authors(source: Source, X: Floats, y: NDArray[np.int64]) -> Split:
    """Take rows as the authors do: by chance alone, ranges from the test rows too, the first row lost to a header."""
    kept = np.arange(int(source.loses_a_row), len(y))
    X = X[:, np.array(source.columns) - 1] if source.columns else X
    X = MinMaxScaler().fit(X[kept]).transform(X) if source.scaled else X
    train, test = train_test_split(kept, test_size=TEST_SHARE, random_state=source.seed)
    return Split(Fold(0, 0, train, test, seed=0), y, X, FunctionTransformer())


def _stratified(X: Floats, y: NDArray[np.int64], n_folds: int) -> list[Split]:
    """Divide rows so that both classes keep their shares and equal rows stay together."""
    equal = np.unique(X, axis=0, return_inverse=True)[1]
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0).split(X, y, equal)
    return [
        Split(Fold(0, number, train, test, seed=1000 * number), y, X, StandardScaler().fit(X[train]))
        for number, (train, test) in enumerate(folds, start=1)
    ]


def class_counts(split: Split) -> tuple[int, ...]:
    """Count common and rare rows that train, then those that test."""
    sides = (split.fold.train, split.fold.test)
    return tuple(int(n) for side in sides for n in np.bincount(split.y[side], minlength=2))
