"""What the MUBO paper ran: data sets, network, columns of its tables, and what it printed.

Medlin, Leyffer and Raghavan, "A Bilevel Optimization Framework for Imbalanced Data Classification" (2025), section 5
and Tables 1 to 3. Where the paper is silent, as its authors' published code runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
from imblearn.over_sampling import SMOTE, SVMSMOTE, BorderlineSMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator

from equipoise import datasets, samplers
from equipoise.datasets import Dataset
from equipoise.samplers.gan import GANOverSampler
from equipoise_reproductions.data import printed, rows
from equipoise_reproductions.mubo.gisette_like import gisette_like

HIDDEN = (256, 128)
TEST_SHARE = 0.2
N_ITER_NO_CHANGE = 20
"""Outer steps without an acceptance after which a chain ends; the paper has no such rule."""

_CONNECT4_ROWS, _CONNECT4_SHARE = 10_000, 0.0384


@dataclass(frozen=True)
class Source:
    """A data set of the paper's Table 2.

    Attributes
    ----------
    name, title : str
        Fit for a file, and as the paper names it.
    load : callable
        Returns the rows; raises OSError if they cannot be had.
    printed : sequence of three numbers
        Instances, features and percentage of minority rows as the paper prints them.
    is_what : str
        What the rows are here, where they are not the paper's.
    needs : str
        What is absent where the data set cannot be had.
    balanced : bool
        Whether the recalls and precisions that the paper prints for MUBO imply test sides with equal classes.
    scaled : bool
        Whether the authors' code brings features to one range.
    epochs : int
        Of the inner loop, at most.
    gan_epochs : int
        Of the GANs, at most.
    """

    name: str
    title: str
    load: Callable[[], Dataset]
    printed: Sequence[float]
    is_what: str = ""
    needs: str = "Its rows"
    balanced: bool = False
    scaled: bool = False
    epochs: int = 50
    gan_epochs: int = 200


def connect4() -> Dataset:
    """UCI's positions, draws against the rest: 10,000 rows with the paper's share of the minority."""
    data = datasets.load("connect4")
    n_rare = round(_CONNECT4_ROWS * _CONNECT4_SHARE)
    parts = [
        data.y[(data.y == data.rare) == rare].sample(n, random_state=0)
        for rare, n in ((True, n_rare), (False, _CONNECT4_ROWS - n_rare))
    ]
    rows = pd.concat(parts).index.sort_values()
    return replace(data, X=data.X.loc[rows], y=data.y.loc[rows])


_LOADERS: dict[str, Callable[[], Dataset]] = {
    "connect4": connect4,
    "gisette_like": gisette_like,
    "abalone": lambda: datasets.load("abalone_rings_7"),
    **{name: partial(datasets.load, name) for name in ("ionosphere", "spambase")},
}
SOURCES = tuple(Source(**row, load=_LOADERS[row["name"]]) for row in rows("mubo", "sources"))
"""The paper's data sets, the cheapest first. GANs train for their authors' epochs, 200, 5 and 150, on the first three;
on Spambase that would be 1500, and the library's 1000 on Gisette, which take hours."""

CURVES = {"ionosphere": (10, 50), "abalone": (200,)}
"""Data sets that show what another limit on the epochs does, and the limits."""


@dataclass(frozen=True)
class Method:
    """A column of the tables.

    Attributes
    ----------
    name, title : str
    printed : str or None
        Name of the paper's column, if it has one.
    sampler : imbalanced-learn sampler or None
        That makes the rows on which a network is trained.
    mode : str or None
        Of MUBO, whose search trains its own network.
    epochs : int or None
        Limit on the epochs of the inner loop, in place of the data set's.
    """

    name: str
    title: str
    printed: str | None = None
    sampler: BaseEstimator | None = None
    mode: str | None = None
    epochs: int | None = None

    @property
    def is_gan(self) -> bool:
        """Whether its rows are made by a GAN."""
        return isinstance(self.sampler, GANOverSampler)


NONE, SMOTIFIED_GAN, GBO, PAPER, UNDER, AUTHORS, SOUND = (
    Method("none", "w/o sampling", "w/o"),
    Method("smotified-gan", "SMOTified-GAN", "SMO-GAN", samplers.SMOTifiedGAN(variant="authors")),
    Method("gbo", "GBO", "GBO", samplers.GBO(variant="paper")),
    Method("mubo-paper", "MUBO as printed", "MUBO", mode="paper"),
    Method("under", "Random under-sampling", sampler=RandomUnderSampler()),
    Method("mubo-authors", "MUBO as its authors' code", "MUBO", mode="authors"),
    Method("mubo-sound", "MUBO, sound", mode="default"),
)

COLUMNS = (
    NONE,
    Method("smote", "SMOTE", "SMOTE", SMOTE()),
    Method("borderline-smote", "Borderline-SMOTE", "B-SMO", BorderlineSMOTE()),
    Method("svm-smote", "SVM-SMOTE", "S-SMO", SVMSMOTE()),
    SMOTIFIED_GAN,
    GBO,
    Method("ssg", "SSG", "SSG", samplers.SSG(variant="paper")),
    PAPER,
    AUTHORS,
    SOUND,
    UNDER,
)
"""Columns of Table 1: the paper's, then ours."""

SEARCHES = tuple(method for method in COLUMNS if method.mode)
BASELINES = tuple(method for method in COLUMNS if not method.mode)
GANS = tuple(method for method in COLUMNS if method.is_gan)

ANEW, RANDOM = ":anew", ":random"
"""Added to a search's name: a network trained anew on the rows returned, and on as many drawn at random."""


def at_epochs(epochs: int) -> Method:
    """Return MUBO as printed with another limit on the epochs of its inner loop."""
    return Method(f"{PAPER.name}@{epochs}", f"{PAPER.title}, {epochs} epochs", mode=PAPER.mode, epochs=epochs)


@dataclass(frozen=True)
class Effort:
    """How much of the paper's protocol is run.

    Attributes
    ----------
    runs : int
    max_iter : int
        Outer steps of a search.
    epochs : int
        Of the inner loop, at most; the authors' code has 2000.
    """

    runs: int = 5
    max_iter: int = 99
    epochs: int = 200

    def epochs_of(self, source: Source, method: Method) -> int:
        """Return the limit on the epochs of a search's inner loop."""
        return min(self.epochs, method.epochs or source.epochs)

    def gan_epochs_of(self, source: Source) -> int:
        """Return the limit on the epochs of a GAN."""
        return min(self.epochs, source.gan_epochs)


FULL, QUICK = Effort(), Effort(runs=2, max_iter=10, epochs=5)

METRICS = {"f1": "F1", "precision": "Precision", "recall": "Recall"}
"""Macro-averages of the paper's Table 1, by column of the scores; ``_m`` and ``_M`` name the two classes."""

BY_CLASS = tuple(f"{metric}{part}" for metric in METRICS for part in ("", "_m", "_M"))
"""Columns of Table 3."""


PRINTED_1 = printed("mubo-table1").set_index(["set", "metric"])
"""Table 1 by data set and metric; not a number where the paper has a dash."""

PRINTED_3 = printed("mubo-table3").set_index(["set", "method"])
"""Table 3 by data set and method."""

LARGEST_VARIANCE = 2.29e-5
"""Of MUBO's leading F1 values over five runs, as the paper prints it in section 5.3."""
