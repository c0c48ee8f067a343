"""What the ReMix paper ran: data sets and ratios, networks, schedule and methods (arXiv 2012.02312, Tables 1 and 2).

Where the paper is silent, as its authors' published code runs: sizes of the networks, schedule, seeds, clipping.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, ReMix
from equipoise.training import Settings
from equipoise_reproductions.data import rows
from equipoise_reproductions.networks import KERAS_ADAM

ALPHA = 0.1
"""The Beta parameter of the paper's tables."""

ALPHAS = (0.01, 0.2, 0.3, 0.4, 0.5, 1.0)
"""Those of its Figure 7, beside that of the tables."""

CV_SEED, MONITORING_SEED = 36851234, 568453
MONITORING_SHARE = 0.3
"""Of a training half, split off to watch training; nothing is chosen on it, and it does not train."""

CLIP = 5.0


@dataclass(frozen=True)
class Source:
    """A data set of the paper's Table 1.

    Attributes
    ----------
    title, dataset : str
        As the paper names it, and in the catalogue of `equipoise.datasets`.
    minority, ratios : sequence of str and of float
        Classes that are cut down, and rows of each for each row of the rest (two classes) or of the largest class.
    printed : sequence of int
        Dimensions and instances as the paper prints them.
    multiclass : bool
        Whether the other classes stay apart.
    n_labels : int
        Classes as the authors count them to size the network: the highest label and one.
    repeats, epochs : int
        Of two folds, and of training: fewer than the paper's where the scores no longer move, as `LONGER` shows.
    """

    title: str
    dataset: str
    minority: Sequence[str]
    ratios: Sequence[float]
    printed: Sequence[int]
    multiclass: bool = False
    n_labels: int = 2
    batch_size: int = 64
    repeats: int = 10
    epochs: int = 500


SOURCES = tuple(Source(**row) for row in rows("remix", "sources"))
"""Tabular sets of Table 1, the cheapest first."""


@dataclass(frozen=True)
class Problem:
    """A data set cut to a ratio: one cell of the paper's ranking."""

    source: Source
    ratio: float

    @property
    def name(self) -> str:
        """A name fit for a file."""
        kind = "multi" if self.source.multiclass else "binary"
        return f"{self.source.dataset.removesuffix('_multiclass')}-{kind}-{self.ratio:g}"

    @property
    def products(self) -> float:
        """Multiplications of a training row, about."""
        n_features, _ = self.source.printed
        width = hidden_width(self.source, n_features)
        return width * (n_features + 2 * width)


def problems() -> Iterator[Problem]:
    """Yield every cell of the tables, the cheapest data sets first."""
    return (Problem(source, ratio) for source in SOURCES for ratio in source.ratios)


@dataclass(frozen=True)
class Method:
    """A way to train that the tables compare.

    Attributes
    ----------
    name, title : str
    settings : dict
        What it changes in `settings`.
    weighted : bool
        Whether errors are weighed by class, N / (K n_k).
    seed : int
        Added to the seed of a fold; zero wherever methods are to start alike.
    epochs : int or None
        In place of those of the data set.
    """

    name: str
    title: str
    settings: dict[str, Any]
    weighted: bool = False
    seed: int = 0
    epochs: int | None = None


def remix_at(alpha: float) -> Method:
    """Return ReMix as the authors draw it, at another Beta parameter."""
    transform = ReMix(alpha=alpha, variant="authors")
    return Method(f"remix@{alpha:g}", f"ReMix, alpha {alpha:g}", {"batch_transform": transform})


BASELINE, COST, SMOTE, MIXUP, REMIX = PAPER = (
    Method("baseline", "Baseline", {}),
    Method("cost", "Cost adjusted", {}, weighted=True),
    Method("batch-smote", "SMOTE (in batch)", {"batch_transform": BatchSMOTE()}),
    Method("mixup", "MixUp", {"batch_transform": MixUp(alpha=ALPHA)}),
    Method("remix", "ReMix", {"batch_transform": ReMix(alpha=ALPHA, variant="authors")}),
)
"""The five methods of Table 2."""

CONTROL = Method("baseline-again", "Baseline, other seeds", {}, seed=1)
REMIX_DATASET = Method(
    "remix-dataset",
    "ReMix from all rows",
    {"batch_transform": MixUp(alpha=ALPHA), "batch_sampler": BalancedBatchSampler},
)
NETWORKS = (*PAPER, CONTROL, REMIX_DATASET)
"""Methods that train networks for the tables."""

LONGER = tuple(
    replace(method, name=f"{method.name}@500", title=f"{method.title}, 500 epochs", epochs=500)
    for method in (BASELINE, REMIX)
)
"""What shows, on one ratio of each data set that is trained for less, what the paper's 500 epochs would change."""

BOOSTING, PRIOR_CORRECTED = "gbdt-balanced", "baseline-corrected"
"""Columns beside the networks: weighed boosting, and the baseline corrected to equal class priors."""

BOOSTED = Method(BOOSTING, "Histogram boosting, classes weighed", {})


@dataclass(frozen=True)
class Effort:
    """How much of the paper's protocol is run.

    Attributes
    ----------
    epochs : int
        Of each network, at most.
    repeats : int
        At most so many repeats of two folds; the paper has 10.
    """

    epochs: int = 500
    repeats: int = 10

    def repeats_of(self, problem: Problem) -> int:
        """Return the repeats of a problem."""
        return min(self.repeats, problem.source.repeats)

    def epochs_of(self, problem: Problem, method: Method) -> int:
        """Return the epochs that a method trains for."""
        return min(self.epochs, method.epochs or problem.source.epochs)


FULL, QUICK = Effort(), Effort(epochs=50, repeats=1)


def hidden_width(source: Source, n_features: int) -> int:
    """Width of the hidden layers as in the authors' code: a share of the numbers of inputs and classes."""
    return int(2 * (n_features + source.n_labels) / (0.75 if source.multiclass else 3))


def settings(problem: Problem, n_features: int, n_rows: int, method: Method, effort: Effort) -> Settings:
    """How a method's networks are trained on ``n_rows`` training rows."""
    source = problem.source
    epoch_steps = max(1, n_rows // source.batch_size)
    return replace(
        KERAS_ADAM,
        network=(hidden_width(source, n_features),) * 3,
        batch_size=min(source.batch_size, n_rows),
        max_steps=effort.epochs_of(problem, method) * epoch_steps,
        epoch_steps=epoch_steps,
        schedule="plateau",
        initialization="glorot_uniform",
        dropout=(0.1, 0.1, 0.0),
        **method.settings,
    )
