"""What the authors of SMOTified-GAN ran: data sets, splits, epochs, and what their notebooks printed.

Sharma, Singh and Chandra, "SMOTified-GAN for class imbalanced pattern classification problems" (IEEE Access 10,
30655-30665, 2022), as the first version of their code has it, which all of their data sets ran with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from imblearn.over_sampling import SMOTE, SVMSMOTE
from sklearn.base import BaseEstimator

from equipoise.samplers.gan import GANOverSampler
from equipoise.samplers.gbo_ssg import GBO, SSG
from equipoise.samplers.smotified_gan import SMOTifiedGAN
from equipoise_reproductions.data import rows

HIDDEN = (256, 128)
BATCH_SIZE, GAN_BATCH_SIZE = 32, 128
TEST_SHARE = 0.2
MOST_FOR_ALL = 400
"""Rows to be made, at most, where methods that the notebooks do not have, and the folds neither, are run: for time."""

Score = tuple[float, float]
"""Mean and standard deviation of the rare class's F1 over 30 repeats, as printed."""


@dataclass(frozen=True)
class Source:
    """A data set as the authors' code takes it.

    Attributes
    ----------
    name, title : str
        In the catalogue, and on the page.
    seed : int
        Of the split, 80 to 20, not stratified.
    epochs, gan_epochs : int
        Of the classifier and of the GANs.
    counts : tuple of int
        Common and rare rows that train, common and rare rows that test, as derived from the authors' files.
    loses_a_row : bool
        Whether the first row is taken for a header.
    scaled : bool
        Whether features are brought to 0..1 by the range of all rows, test rows included; else they stay as they are.
    columns : tuple of int
        Features that are kept, counted from 1; all of them if empty.
    gan_epochs_here : int or None
        Where those of the authors take too long.
    repeats : int
        Classifiers, at most.
    printed : mapping of str to Score
        By method, in the authors' notebooks.
    printed_with : str
        What the notebook's run did otherwise.
    tolerance : float
        How near ours should be to what is printed.
    """

    name: str
    title: str
    seed: int
    epochs: int
    gan_epochs: int
    counts: tuple[int, int, int, int]
    loses_a_row: bool = True
    scaled: bool = True
    columns: tuple[int, ...] = ()
    gan_epochs_here: int | None = None
    repeats: int = 10
    printed: Mapping[str, Score] = field(default_factory=dict)
    printed_with: str = ""
    tolerance: float = 0.1


SOURCES = tuple(Source(**row) for row in rows("smotified-gan", "sources"))
"""The data sets, in the order that they are run."""


@dataclass(frozen=True)
class NotRun:
    """A result of the authors that is not run here, and why."""

    title: str
    printed: Mapping[str, Score]
    why: str


NOT_RUN = tuple(NotRun(**row) for row in rows("smotified-gan", "not_run"))


@dataclass(frozen=True)
class Method:
    """A column of the tables.

    Attributes
    ----------
    name, title : str
    sampler : imbalanced-learn sampler or None
    gan : type or None
        Of a sampler that scales rows itself and has a faithful mode.
    sound : bool
        Whether it is run on the stratified folds, too.
    """

    name: str
    title: str
    sampler: BaseEstimator | None = None
    gan: type[GANOverSampler] | None = None
    sound: bool = True

    @property
    def makes_rows(self) -> bool:
        """Whether there is a sampler at all."""
        return self.sampler is not None or self.gan is not None


METHODS = (
    Method("none", "w/o sampling"),
    Method("smote", "SMOTE", SMOTE()),
    Method("svm-smote", "SVM-SMOTE", SVMSMOTE()),
    Method("gan", "GAN (= GBO)", gan=GBO),
    Method("smotified-gan", "SMOTified-GAN", gan=SMOTifiedGAN),
    Method("ssg", "SSG", gan=SSG, sound=False),
)
TITLES = {method.name: method.title for method in METHODS}


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Attributes
    ----------
    repeats : int
        Classifiers on the authors' split, at most.
    n_folds, fold_repeats : int
        Stratified folds, and classifiers on each.
    epochs, gan_epochs : int
        Of the classifier and of the GANs on the authors' split, at most.
    gan_steps : int
        Of the GANs on the folds, at most.
    most_rows : int
        Of a set that is run.
    """

    repeats: int = 10
    n_folds: int = 5
    fold_repeats: int = 2
    epochs: int = 1_000_000
    gan_epochs: int = 1_000_000
    gan_steps: int = 1000
    most_rows: int = 1_000_000

    def epochs_of(self, source: Source) -> int:
        """Return the epochs of the classifier on a set."""
        return min(self.epochs, source.epochs)

    def gan_epochs_of(self, source: Source) -> int:
        """Return the epochs of the GANs on the authors' split of a set."""
        return min(self.gan_epochs, source.gan_epochs_here or source.gan_epochs)


FULL = Effort()
QUICK = Effort(repeats=2, n_folds=2, fold_repeats=1, epochs=5, gan_epochs=3, gan_steps=20, most_rows=700)
