"""What is compared: `auto`, boosting four times four ways, logistic regression, and TabM."""

from collections.abc import Callable
from functools import partial
from typing import Any

from equipoise.recipes import AUTO, classifier
from equipoise.reproductions.auto_suite import references
from equipoise.reproductions.auto_suite.published import TabM
from equipoise.reproductions.auto_suite.references import BOOSTING, EXTRAS, SPACES, installed
from equipoise.reproductions.auto_suite.wrapped import Searched, Weighted
from equipoise.reproductions.suite import Arm, Make

OfSeed = Callable[[int], Any]

DECIDED, LOGISTIC, TABM = f"{AUTO}-macro_f1", "logistic", "tabm"
PRIOR = "-prior"
"""Ends the name of a method that is a fit's natural probabilities, corrected to equal shares."""

N_DRAWS = 8
_FEW_ROWS, _MOST_EPOCHS = 3000, 1000
_QUICK_TREES, _QUICK_DRAWS, _QUICK_EPOCHS, _QUICK_STEPS = 10, 2, 2, 40


def arms(*, quick: bool) -> list[Arm]:
    """Everything that is fitted; what is derived from a fit's probabilities is in `scores`."""
    trees, draws = (_QUICK_TREES, _QUICK_DRAWS) if quick else (None, N_DRAWS)
    found = [Arm(AUTO, AUTO, _auto(_QUICK_STEPS if quick else None), by_group=True, decisions=("macro_f1",))]
    for name, title in BOOSTING.items():
        plain = partial(references.boosting, name, n_trees=trees)
        found += [
            Arm(name, title, _plain(plain)),
            Arm(f"{name}-balanced", f"{title}, balanced", _balanced(plain), **_LIMITS.get(f"{name}-balanced", {})),
            Arm(f"{name}-searched", f"{title}, searched", _searched(plain, SPACES[name], draws), by_group=True,
                **_LIMITS.get(f"{name}-searched", {})),
        ]  # fmt: skip
    found += [
        Arm(LOGISTIC, "logistic regression", _plain(references.logistic)),
        Arm(f"{LOGISTIC}-balanced", "logistic regression, balanced", _balanced(references.logistic)),
        Arm(TABM, "TabM", _tabm(_QUICK_EPOCHS if quick else _MOST_EPOCHS), **_LIMITS[TABM]),
    ]
    return found


def missing_packages(arm: str) -> list[str]:
    """Return what would have to be installed to run an arm."""
    needed = ("tabm", "rtdl_num_embeddings") if arm == TABM else (arm.split("-")[0],)
    return [package for package in needed if package in EXTRAS and not installed(package)]


_LIMITS: dict[str, dict[str, int]] = {
    "catboost-searched": {"most_rows": _FEW_ROWS, "most_repeats": 1},
    "catboost-balanced": {"most_repeats": 2},
    TABM: {"most_rows": _FEW_ROWS, "most_repeats": 1},
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
