"""What is compared: `auto`, boosting four times four ways, logistic regression, and TabM."""

from collections.abc import Callable
from functools import partial
from typing import Any

from equipoise.recipes import AUTO, classifier
from equipoise_reproductions.auto_suite import references
from equipoise_reproductions.auto_suite.published import TabM
from equipoise_reproductions.auto_suite.references import BOOSTING, EXTRAS, SPACES, installed
from equipoise_reproductions.auto_suite.wrapped import Searched, Weighted
from equipoise_reproductions.suite import Arm, Make

OfSeed = Callable[[int], Any]

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
    """Everything that is fitted; what is derived from a fit's probabilities is in `scores`."""
    trees, draws = (_QUICK_TREES, _QUICK_DRAWS) if quick else (None, N_DRAWS)
    makers: dict[str, Make] = {
        AUTO: _auto(_QUICK_STEPS if quick else None),
        LOGISTIC: _plain(references.logistic),
        f"{LOGISTIC}-balanced": _balanced(references.logistic),
        TABM: _tabm(_QUICK_EPOCHS if quick else _MOST_EPOCHS),
    }
    for name in BOOSTING:
        plain = partial(references.boosting, name, n_trees=trees)
        makers[name] = _plain(plain)
        makers[f"{name}-balanced"] = _balanced(plain)
        makers[f"{name}-searched"] = _searched(plain, SPACES[name], draws)
    return [
        Arm(
            name,
            TITLES[name],
            makers[name],
            by_group=name == AUTO or name.endswith("-searched"),
            decisions=("macro_f1",) if name == AUTO else (),
            **_LIMITS.get(name, {}),
        )
        for name in FITTED
    ]


def missing_packages(arm: str) -> list[str]:
    """Return what would have to be installed to run an arm."""
    needed = ("tabm", "rtdl_num_embeddings") if arm == TABM else (arm.split("-")[0],)
    return [package for package in needed if package in EXTRAS and not installed(package)]


_LIMITS: dict[str, dict[str, int]] = {
    **{f"{name}-searched": {"most_cells": 240_000} for name in BOOSTING},
    "catboost-searched": {"most_cells": 50_000, "most_repeats": 1},
    "catboost-balanced": {"most_cells": 240_000, "most_repeats": 2},
    TABM: {"most_cells": 100_000, "most_repeats": 1},
}
"""Arms whose cost forbids to run them everywhere."""


def _auto(max_steps: int | None) -> Make:
    return lambda seed, members, steps: classifier(AUTO, max_steps=max_steps, random_state=seed)


def _tabm(max_epochs: int) -> Make:
    return lambda seed, members, steps: TabM(max_epochs=max_epochs, random_state=seed)


def _plain(make: OfSeed) -> Make:
    return lambda seed, members, steps: make(seed)


def _balanced(make: OfSeed) -> Make:
    return lambda seed, members, steps: Weighted(make(seed))


def _searched(make: OfSeed, space: dict[str, Any], n_draws: int) -> Make:
    return lambda seed, members, steps: Searched(make(seed), space, n_draws, seed)
