"""What is compared: recipes, and classifiers that take one part of MUBO away each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import MUBO, Dependence, MUBOClassifier
from equipoise.bilevel.objectives import MajorityShare, MeanMajority
from equipoise.bilevel.proposals import RandomRows
from equipoise.bilevel.rows import Restart
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.experiments import Arm
from equipoise.experiments.arms import Make, make_recipe
from equipoise_reproductions.data import paper
from equipoise_reproductions.networks import plain, plain_arms, plain_recipe

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
        self,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        dependence: Dependence | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        _, kept = super()._fit_resample(X, y, sample_weight, dependence)
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
    return lambda fold, protocol: MUBOClassifier(
        MUBO(max_iter=max_iter, **parts),
        n_members=protocol.n_members,
        max_steps=protocol.max_steps,
        standardize=False,
        random_state=fold.fold.seed,
    )


def _trained_anew(sampler: type[MUBO]) -> Make:
    """Train networks from the start on what a sampler leaves."""
    return lambda fold, protocol: plain(make_recipe("none", protocol, fold.fold.seed)).set_params(
        sampler=sampler(max_iter=OUTER_STEPS, max_steps=protocol.max_steps, standardize=False)
    )


_STOPPED = {"early_stopping": "balanced_log_loss"}  # of a tenth of the rows, as many as MUBO holds out
PARTS: dict[str, tuple[str, Make]] = {
    "cost-stopped": ("cost, stopped early", plain_recipe("cost", **_STOPPED)),
    "under-stopped": ("under, stopped early", plain_recipe("under", **_STOPPED)),
    "mubo-paper": ("MUBO as printed", _searched(60, variant="paper", batch_size=64, learning_rate=1e-3)),
    "mubo-printed": ("printed objective J", _searched(objective=MajorityShare())),
    "mubo-mean": ("mean majority loss as objective", _searched(objective=MeanMajority())),
    "mubo-random": ("rows proposed at random", _searched(proposal=RandomRows())),
    "mubo-always": ("every micro-sample accepted", _searched(acceptance=AlwaysAccepted())),
    "mubo-rows": ("trained anew on MUBO's rows", _trained_anew(MUBO)),
    "random-rows": ("trained anew on as many random rows", _trained_anew(SameSizeAtRandom)),
}
"""Run on the smaller sets."""


def arms() -> list[Arm]:
    """The recipes, and classifiers that take one part of MUBO away each."""
    return [*plain_arms(RECIPES), *(Arm(name, title, make) for name, (title, make) in PARTS.items())]


TITLES = {name: name for name in RECIPES} | {name: title for name, (title, _) in PARTS.items()}
EXPLORED = tuple(paper("mubo-chance")["explored"])
"""Sets that the default was chosen on; nothing was chosen on the others."""
