"""Classifiers that people use on imbalanced tables, as they come, to compare treatments with."""

from functools import partial
from importlib.util import find_spec
from typing import Any

from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from equipoise.classifiers.boosting import TITLES, BoostingClassifier, check_installed
from equipoise.recipes.record import Recipe, equal_priors, observed_priors

_gbdt = HistGradientBoostingClassifier


def _rusboost(random_state: Any = None, **parameters: Any) -> RUSBoostClassifier:
    tree = DecisionTreeClassifier(max_depth=8)  # with stumps it stops after a round or two
    return RUSBoostClassifier(tree, random_state=random_state, **parameters)


def _boosting(name: str, cost: float) -> Recipe:
    def make(**parameters: Any) -> BoostingClassifier:
        return BoostingClassifier(check_installed(name), **parameters)

    return Recipe(name, f"{TITLES[name]}, as it comes", make=make, priors=observed_priors, cost=cost, native=True)


REFERENCES = [
    Recipe(
        "logistic",
        "logistic regression",
        make=partial(LogisticRegression, max_iter=1000),
        priors=observed_priors,
        cost=0.03,
    ),
    Recipe("gbdt", "histogram gradient boosting", make=_gbdt, priors=observed_priors, cost=0.1),
    Recipe(
        "gbdt-balanced",
        "histogram gradient boosting, classes weighted",
        make=partial(_gbdt, class_weight="balanced"),
        priors=equal_priors,
        cost=0.1,
    ),
    _boosting("lightgbm", 0.5),
    _boosting("xgboost", 0.5),
    _boosting("catboost", 4.0),
    Recipe(
        "balanced-forest",
        "random forest of balanced bootstraps (Chen et al. 2004)",
        make=BalancedRandomForestClassifier,
        priors=equal_priors,
        cost=0.5,
    ),
    Recipe(
        "easy-ensemble", "AdaBoost on several under-samplings (Liu et al. 2009)", make=EasyEnsembleClassifier, cost=1.0
    ),
    Recipe(
        "balanced-bagging",
        "50 trees, each on an under-sampling",
        make=partial(BalancedBaggingClassifier, n_estimators=50),
        priors=equal_priors,
        cost=0.5,
    ),
    Recipe("rusboost", "AdaBoost, under-sampled in each round (Seiffert et al. 2010)", make=_rusboost, cost=0.3),
]
"""Models of their own, with the preprocessing that all share."""

BOOSTING = ("lightgbm", "xgboost", "catboost")
"""Recipes whose packages are an extra, the fastest first."""


def installed(recipe: str) -> bool:
    """Whether the package of a recipe is there; those of most are."""
    return recipe not in BOOSTING or find_spec(recipe) is not None
