"""The rows of the paper's data sets, and the test rows of each run."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise_reproductions.mubo.protocol import TEST_SHARE, Source
from equipoise_reproductions.study import can_be_had

Ints = NDArray[np.int64]


class Rows:
    """The rows of a data set as numbers, 1 for the minority, and the test rows of each run.

    Parameters
    ----------
    source : Source
    n_runs : int

    Raises
    ------
    OSError
        If the data set cannot be had.
    """

    def __init__(self, source: Source, n_runs: int) -> None:
        data = source.load()
        self.source = source
        self.X = pd.get_dummies(data.X).to_numpy(dtype=np.float64)
        self.y: Ints = (data.y == data.rare).to_numpy().astype(np.int64)
        self.folds = [self._fold(run) for run in range(n_runs)]

    def _fold(self, run: int) -> Fold:
        train, test = train_test_split(np.arange(len(self.y)), test_size=TEST_SHARE, stratify=self.y, random_state=run)
        return Fold(run, 0, np.sort(train), np.sort(test), seed=1000 + run)

    def prepared(self, fold: Fold) -> PreparedFold:
        """Return the rows of a run as its networks see them."""
        X, train, test = self.scaled[fold.repeat], fold.train, fold.test
        return PreparedFold(fold, X[train], X[test], self.y[train], self.y[test], 2)

    @cached_property
    def scaled(self) -> list[NDArray[np.float32]]:
        """All rows for each run, features brought to mean 0 and deviation 1 on its training rows."""
        return [StandardScaler().fit(self.X[fold.train]).transform(self.X).astype(np.float32) for fold in self.folds]

    def as_authors(self) -> list[NDArray[np.float32]]:
        """All rows for each run as the authors' code takes them, but for the range: that of the training rows."""
        if not self.source.scaled:
            return [self.X.astype(np.float32)] * len(self.folds)
        return [MinMaxScaler().fit(self.X[fold.train]).transform(self.X).astype(np.float32) for fold in self.folds]


def obtainable(sources: Sequence[Source]) -> tuple[list[Source], dict[str, str]]:
    """Tell the data sets that can be had from those that cannot: a sentence for each of these, by title."""
    found = [source for source in sources if can_be_had(source.load)]
    missing = {
        source.title: f"{source.needs} are not in the data home and cannot be fetched here."
        for source in sources
        if source not in found
    }
    return found, missing
