"""What is compared: losses with strengths that are given or tuned, and AutoBalance from each start by each solver."""

from functools import partial
from itertools import product
from typing import Any

import numpy as np
from sklearn.utils import compute_sample_weight

from equipoise import AutoBalance, DeferredReweighting, LDAMLoss, NeuralClassifier
from equipoise.bilevel.outer_objectives import Blend
from equipoise.experiments import Arm
from equipoise.experiments.arms import Make
from equipoise.networks import CosineLinear
from equipoise.networks.cnn import SmallCNN
from equipoise.networks.cosine import SCALE
from equipoise_reproductions.autobalance.tuned import Network, TunedLossClassifier
from equipoise_reproductions.networks import plain_recipe

TAUS, GAMMAS = (0.5, 1.0, 1.5, 2.0), (0.1, 0.2, 0.3, 0.4)
VS_TAUS, VS_GAMMAS = (0.5, 1.0, 1.5), (0.1, 0.3)
STARTS, SOLVERS = ("ce", "la", "cdt"), ("identity", "cg")
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def autobalance(start: str, solver: str = "identity") -> str:
    """Name of the arm of a start and a solver."""
    return f"autobalance-{start}-{solver}"


def blend(weight: float) -> str:
    """Name of the arm of a lambda."""
    return f"blend-{weight:g}"


class CellWeighted(NeuralClassifier):
    """Networks whose rows are weighed so that every class and group counts alike."""

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None, dependence: Any = None
    ) -> "CellWeighted":
        """Train by weights, N / (cells N_cell), in the place of the groups."""
        cells = np.unique(np.column_stack([y, groups]), axis=0, return_inverse=True)[1]
        super().fit(X, y, sample_weight=compute_sample_weight("balanced", cells), dependence=dependence)
        return self


def _networks(kind: type[NeuralClassifier] = NeuralClassifier, **parts: Any) -> Make:
    return lambda fold, protocol: kind(
        n_members=protocol.n_members,
        max_steps=protocol.max_steps,
        standardize=False,
        random_state=fold.fold.seed,
        **parts,
    )


def _tuned(network: Network, **strengths: tuple[float, ...]) -> Make:
    return lambda fold, protocol: TunedLossClassifier(
        network=network,
        n_members=protocol.n_members,
        max_steps=protocol.max_steps,
        random_state=fold.fold.seed,
        **strengths,
    )


_LDAM = partial(LDAMLoss, max_m=0.5 * SCALE, s=1.0)  # scaled in the network


def _rivals(network: Network, cosine_network: Network) -> tuple[Arm, ...]:
    return (
        Arm("none", "cross-entropy", plain_recipe("none", network=network)),
        Arm("cost", "cost", plain_recipe("cost", network=network)),
        Arm("la", "LA, tau 1", plain_recipe("la", network=network)),
        Arm("la-tuned", "LA, tau tuned", _tuned(network, taus=TAUS)),
        Arm("cdt-tuned", "CDT, gamma tuned", _tuned(network, gammas=GAMMAS)),
        Arm("vs-tuned", "VS, both tuned", _tuned(network, taus=VS_TAUS, gammas=VS_GAMMAS)),
        Arm("ldam-drw", "LDAM-DRW", _networks(loss=partial(DeferredReweighting, _LDAM), network=cosine_network)),
    )


def _searches(network: Network) -> tuple[Arm, ...]:
    return tuple(
        Arm(
            autobalance(start, solver),
            f"AutoBalance from {start.upper()}, {solver}",
            _networks(loss=AutoBalance(start=start, solver=solver), network=network),
        )
        for start, solver in product(STARTS, SOLVERS)
    )


RIVALS, SEARCHES = _rivals("mlp", "cosine_mlp"), _searches("mlp")
TABLES = (*RIVALS, *SEARCHES)
IMAGES = (*_rivals(SmallCNN, partial(SmallCNN, head=partial(CosineLinear, scale=SCALE))), *_searches(SmallCNN))

GROUPS = (
    *(arm for arm in RIVALS if arm.name in ("none", "cost", "la")),
    Arm("cells", "weights by class and sex", _networks(CellWeighted), by_group=True),
    Arm("balanced", "AutoBalance, balanced, blind to sex", _networks(loss=AutoBalance())),
    *(
        Arm(
            blend(weight),
            f"AutoBalance by sex, lambda {weight:g}",
            _networks(loss=AutoBalance(objective=Blend("group_balanced", "deo", weight))),
            by_group=True,
        )
        for weight in LAMBDAS
    ),
    Arm(
        "worst-group",
        "AutoBalance by sex, worst cell",
        _networks(loss=AutoBalance(objective="worst_group")),
        by_group=True,
    ),
)

TITLES = {arm.name: arm.title for arm in (*TABLES, *GROUPS)}
DEFAULT = autobalance("la")
