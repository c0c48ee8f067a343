"""What is compared: recipes, and classifiers that take one part of MUBO away each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import MUBO, MUBOClassifier, NeuralClassifier
from equipoise.bilevel.objectives import MajorityShare, MeanMajority
from equipoise.bilevel.proposals import RandomRows
from equipoise.bilevel.rows import Restart
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.recipes import classifier
from equipoise_reproductions.suite import Arm, Make

RECIPES = ("none", "cost", "under", "mubo")
"""Run on every set of the suite."""


class AlwaysAccepted:
    """Accept every micro-sample: the sample grows whatever training with it yields."""

    def accepts(self, value: float, chain: Restart) -> bool:
        """See `equipoise.bilevel.acceptance.Acceptance`."""
        return True


class SameSizeAtRandom(MUBO):
    """As many rows of each larger class as a search keeps, drawn at random."""

    def _fit_resample(
        self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        _, kept = super()._fit_resample(X, y, sample_weight)
        rng = np.random.default_rng(self.random_state)
        parts = [
            rng.choice(np.flatnonzero(y == label), int((kept == label).sum()), replace=False)
            if label in self.sampling_strategy_
            else np.flatnonzero(y == label)
            for label in np.unique(y)
        ]
        self.sample_indices_ = np.sort(np.concatenate(parts))
        return X[self.sample_indices_], y[self.sample_indices_]


def _searched(max_iter: int = OUTER_STEPS, **parts: Any) -> Make:
    """Put parts in place of those of the recipe ``mubo``; gradient steps stay equal."""
    return lambda seed, members, steps: MUBOClassifier(
        MUBO(max_iter=max_iter, **parts),
        n_members=members,
        max_steps=steps,
        standardize=False,
        random_state=seed,
    )


def _trained_anew(sampler: type[MUBO]) -> Make:
    """Train networks from the start on what a sampler leaves."""
    return lambda seed, members, steps: NeuralClassifier(
        sampler=sampler(max_iter=OUTER_STEPS, max_steps=steps, standardize=False),
        n_members=members,
        max_steps=steps,
        standardize=False,
        random_state=seed,
    )


def _stopped_early(recipe: str) -> Make:
    """Let a recipe's networks stop by the balanced loss of a tenth of the rows, as many as MUBO holds out."""
    return lambda seed, members, steps: classifier(
        recipe, early_stopping="balanced_log_loss", n_members=members, max_steps=steps, random_state=seed
    )


ARMS = (
    Arm("cost-stopped", "cost, stopped early", _stopped_early("cost")),
    Arm("under-stopped", "under, stopped early", _stopped_early("under")),
    Arm("mubo-paper", "MUBO as printed", _searched(60, variant="paper", batch_size=64, learning_rate=1e-3)),
    Arm("mubo-printed", "printed objective J", _searched(objective=MajorityShare())),
    Arm("mubo-mean", "mean majority loss as objective", _searched(objective=MeanMajority())),
    Arm("mubo-random", "rows proposed at random", _searched(proposal=RandomRows())),
    Arm("mubo-always", "every micro-sample accepted", _searched(acceptance=AlwaysAccepted())),
    Arm("mubo-rows", "trained anew on MUBO's rows", _trained_anew(MUBO)),
    Arm("random-rows", "trained anew on as many random rows", _trained_anew(SameSizeAtRandom)),
)
"""Run on the smaller sets."""

TITLES = {name: name for name in RECIPES} | {arm.name: arm.title for arm in ARMS}
EXPLORED = (
    "ecoli",
    "satimage",
    "abalone",
    "spectrometer",
    "yeast_ml8",
    "libras_move",
    "arrhythmia",
    "musk2",
    "sick",
    "poker_8_vs_6",
    "yeast_2_vs_4",
    "creditcard_5k",
    "letter_img",
    "car_eval_34",
)
"""Sets that the default was chosen on; nothing was chosen on the others."""
