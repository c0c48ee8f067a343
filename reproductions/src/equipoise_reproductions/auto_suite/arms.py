"""What is compared: `auto`, boosting four times four ways, logistic regression, and TabM."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from equipoise.experiments import Arm
from equipoise.experiments.arms import equal_priors, observed_priors, recipe_arms
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.recipes import AUTO
from equipoise_reproductions.auto_suite import references
from equipoise_reproductions.auto_suite.published import TabM
from equipoise_reproductions.auto_suite.references import BOOSTING, EXTRAS, SPACES, installed
from equipoise_reproductions.auto_suite.wrapped import Searched, Weighted
from equipoise_reproductions.study import Limits

OfSeed = Callable[..., Any]

DECIDED, LOGISTIC, TABM = f"{AUTO}-macro_f1", "logistic", "tabm"
PRIOR = "-prior"
"""Ends the name of a method that is the probabilities of a fit, corrected to equal shares."""

NATURAL = (AUTO, *(name + way for name in BOOSTING for way in ("", "-searched")), LOGISTIC, TABM)
"""Fits whose probabilities are for the shares of the training rows."""

REFERENCES = (
    *(name + way for name in BOOSTING for way in ("", "-balanced", "-searched")),
    LOGISTIC,
    f"{LOGISTIC}-balanced",
    TABM,
)
FITTED = (AUTO, *REFERENCES)
AT_EQUAL_SHARES = (AUTO + PRIOR, *REFERENCES, *(name + PRIOR for name in NATURAL if name != AUTO))
"""What is compared where all classes count alike: auto as it decides by default, and every reading of the others."""

BOOSTERS = tuple(name for name in AT_EQUAL_SHARES if name.split("-")[0] in BOOSTING)
"""Every reading of boosting."""

_NAMES = {AUTO: AUTO, **BOOSTING, LOGISTIC: "logistic regression", TABM: "TabM"}
TITLES: dict[str, str] = {name: ", ".join([_NAMES[name.split("-")[0]], *name.split("-")[1:]]) for name in FITTED}
TITLES |= {name + PRIOR: f"{TITLES[name]}, corrected" for name in NATURAL}
TITLES |= {AUTO + PRIOR: AUTO, DECIDED: "auto, its own decision"}

MEANS: dict[str, str] = {f"{AUTO}+{name}": name for name in ("hist", "catboost")}
"""Means of auto's probabilities and a plain boosting's, and whose."""

TITLES |= {mean + way: f"its mean with {BOOSTING[name]}" for mean, name in MEANS.items() for way in ("", PRIOR)}

N_DRAWS = 8
_MOST_EPOCHS = 1000
_QUICK_TREES, _QUICK_DRAWS, _QUICK_EPOCHS, _QUICK_STEPS = 10, 2, 2, 10


def arms(*, quick: bool) -> list[Arm]:
    """Everything that is fitted, with the packages that are installed; means are derived in `study`."""
    trees, draws = (_QUICK_TREES, _QUICK_DRAWS) if quick else (None, N_DRAWS)
    (auto,) = recipe_arms([AUTO], **({"max_steps": _QUICK_STEPS} if quick else {}))
    plain: dict[str, OfSeed] = {name: partial(references.boosting, name, n_trees=trees) for name in BOOSTING}
    natural = plain | {f"{name}-searched": partial(_searched, plain[name], SPACES[name], draws) for name in BOOSTING}
    plain[LOGISTIC] = natural[LOGISTIC] = references.logistic
    natural[TABM] = partial(TabM, max_epochs=_QUICK_EPOCHS if quick else _MOST_EPOCHS)
    makers = natural | {f"{name}-balanced": partial(_weighted, make) for name, make in plain.items()}
    rivals = [
        Arm(
            name,
            TITLES[name],
            partial(_of_seed, makers[name]),
            observed_priors if name in natural else equal_priors,
            by_group=name.endswith("-searched"),
        )
        for name in REFERENCES
    ]
    return [replace(auto, title=TITLES[AUTO], decisions=("macro_f1",)), *rivals]


def missing_packages(arm: str) -> list[str]:
    """Return what would have to be installed to run an arm."""
    needed = ("tabm", "rtdl_num_embeddings") if arm == TABM else (arm.split("-")[0],)
    return [package for package in needed if package in EXTRAS and not installed(package)]


LIMITS: dict[str, Limits] = {
    **{f"{name}-searched": Limits(cells=240_000) for name in BOOSTING},
    "catboost-searched": Limits(cells=50_000, repeats=1),
    "catboost-balanced": Limits(cells=240_000, repeats=2),
    TABM: Limits(cells=100_000, repeats=1),
}
"""Arms whose cost forbids to run them everywhere."""


def _of_seed(make: OfSeed, fold: PreparedFold, protocol: Protocol) -> Any:
    return make(random_state=fold.fold.seed)


def _weighted(make: OfSeed, random_state: int) -> Weighted:
    return Weighted(make(random_state=random_state))


def _searched(make: OfSeed, space: dict[str, Any], n_draws: int, random_state: int) -> Searched:
    return Searched(make(random_state=random_state), space, n_draws, random_state)
