"""The references, by name: four libraries' boosting, and logistic regression; each on one thread.

LightGBM, XGBoost and CatBoost are extras, imported where a model is made. Their defaults stand, but for what silences
them. The spaces of the search follow those of tabular benchmarks (Gorishniy et al., NeurIPS 2021; McElfresh et al.,
NeurIPS 2023), around the defaults.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from scipy.stats import loguniform, randint, uniform
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

EXTRAS: dict[str, str] = {
    "lightgbm": "boosting",
    "xgboost": "boosting",
    "catboost": "boosting",
    "tabm": "tabm",
    "rtdl_num_embeddings": "tabm",
}
"""Packages that are not of equipoise's own requirements, and the extra that brings each."""

BOOSTING: dict[str, str] = {
    "hist": "scikit-learn's boosting",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
    "catboost": "CatBoost",
}
"""Boosting by name, and what it is called."""

SPACES: dict[str, dict[str, Any]] = {
    "hist": {
        "learning_rate": loguniform(0.02, 0.3),
        "max_iter": randint(50, 301),
        "max_leaf_nodes": randint(4, 64),
        "min_samples_leaf": randint(2, 50),
        "l2_regularization": loguniform(1e-3, 10),
        "max_features": uniform(0.3, 0.7),
    },
    "lightgbm": {
        "learning_rate": loguniform(0.02, 0.3),
        "n_estimators": randint(50, 301),
        "num_leaves": randint(4, 64),
        "min_child_samples": randint(2, 50),
        "reg_lambda": loguniform(1e-3, 10),
        "colsample_bytree": uniform(0.3, 0.7),
    },
    "xgboost": {
        "learning_rate": loguniform(0.02, 0.3),
        "n_estimators": randint(50, 301),
        "max_depth": randint(2, 10),
        "min_child_weight": loguniform(0.1, 20),
        "reg_lambda": loguniform(1e-3, 10),
        "colsample_bytree": uniform(0.3, 0.7),
        "subsample": uniform(0.5, 0.5),
    },
    "catboost": {
        "learning_rate": loguniform(0.02, 0.3),
        "iterations": randint(50, 301),
        "depth": randint(2, 7),
        "l2_leaf_reg": loguniform(0.5, 30),
        "random_strength": loguniform(0.1, 10),
    },
}
"""What a search draws from, for each boosting."""


def boosting(name: str, *, random_state: int, n_trees: int | None = None) -> Any:
    """Return one of `BOOSTING` at its defaults but for the trees; ValueError if its package is not installed."""
    model = _MAKERS[name](random_state)
    return model if n_trees is None else model.set_params(**{_TREES[name]: n_trees})


def logistic(*, random_state: int) -> LogisticRegression:
    """Return logistic regression at its defaults, with steps enough to arrive."""
    return LogisticRegression(max_iter=1000, random_state=random_state)


def installed(package: str) -> bool:
    """Whether one of `EXTRAS` can be imported."""
    return find_spec(package) is not None


def library(name: str) -> Any:
    """Import one of `EXTRAS`; a ValueError says what to type where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ValueError(f"{name} is not installed: type pip install 'equipoise[{EXTRAS[name]}]'.") from error


_TREES = {"hist": "max_iter", "lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations"}
_MAKERS: dict[str, Callable[[int], Any]] = {
    "hist": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "lightgbm": lambda seed: library("lightgbm").LGBMClassifier(random_state=seed, n_jobs=1, verbosity=-1),
    "xgboost": lambda seed: library("xgboost").XGBClassifier(random_state=seed, n_jobs=1, verbosity=0),
    "catboost": lambda seed: library("catboost").CatBoostClassifier(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False
    ),
}
