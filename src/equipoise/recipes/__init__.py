"""The named treatments of imbalance, each a configured scikit-learn classifier.

A recipe is a few parameters of `NeuralClassifier`, so that all of them share the network and its regularisation
(`NETWORK`), optimiser and number of gradient steps; parts at different steps of the line from rows to decision may be
added up, as in ``"under+remix"``. ``auto`` needs no choice. The references are classifiers that people use: boosting of
four libraries, logistic regression, ensembles of under-sampled trees. ``"+calibrated"`` after any of them calibrates
its probabilities on out-of-fold answers. Every recipe reads tables through the same preprocessing.

A recipe of your own is one record, `register`-ed by your program or named as an entry point of the group
``equipoise.recipes``. Any scikit-learn classifier takes part in a comparison without one, by the place of a function
that makes it: ``"mypackage.models:make_model"``.
"""

import os
import sys
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.pipeline import Pipeline

from equipoise.decisions import CalibratedClassifier
from equipoise.recipes.ours import AUTO, AUTO_IMAGES, TREATMENTS
from equipoise.recipes.record import NETWORK, Recipe, observed_priors
from equipoise.recipes.references import BOOSTING, REFERENCES, installed
from equipoise.registry import Registry
from equipoise.tables import TablePreprocessor

__all__ = [
    "AUTO",
    "AUTO_IMAGES",
    "NETWORK",
    "RECIPES",
    "Recipe",
    "classifier",
    "describe",
    "get",
    "installed",
    "is_known",
    "is_native",
    "is_neural",
    "make",
    "names",
    "register",
    "shortlist",
]

RECIPES: Registry[Recipe] = Registry("recipe", [*TREATMENTS, *REFERENCES], "equipoise.recipes")
"""Recipes by name: the default, the untreated network, its treatments, the references, and those of others."""

CALIBRATED = "calibrated"
"""Term of a sum that calibrates the others' probabilities on out-of-fold answers."""

_SHORT = (AUTO, "none", "cost", "under", "remix", "autobalance", "mubo", "logistic", "gbdt")
_MOST_FOR_CATBOOST = 2e5  # cells times classes


def register(recipe: Recipe) -> Recipe:
    """Add a recipe of your own; `compare`, `make` and the report then know it by name.

    Raises
    ------
    ValueError
        If the name is taken or not plain.

    Examples
    --------
    >>> from imblearn.over_sampling import ADASYN
    >>> from equipoise import recipes
    >>> recipe = recipes.Recipe("adasyn", "ADASYN", parts={"sampler": ADASYN()})
    >>> recipes.register(recipe).name, "adasyn" in recipes.names()  # doctest: +SKIP
    ('adasyn', True)
    """
    return RECIPES.register(recipe)


def names() -> list[str]:
    """Return the names of all recipes: the default, the untreated network, its treatments, the references.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.names()[:3]
    ['auto', 'none', 'cost']
    """
    return list(RECIPES)


def shortlist(n_rows: int, n_columns: int, n_classes: int) -> list[str]:
    """Return the recipes that a comparison runs by default on a table of such a size.

    They are a treatment of each kind and the models that people already use: of the boosting libraries one that is
    installed, CatBoost on small tables, else the fastest; and a balanced forest.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.shortlist(100_000, 30, 2)[:5]
    ['auto', 'none', 'cost', 'under', 'remix']
    """
    small = n_rows * n_columns * n_classes <= _MOST_FOR_CATBOOST
    boosting = [name for name in (reversed(BOOSTING) if small else BOOSTING) if installed(name)]
    return [*_SHORT, *boosting[:1], "balanced-forest"]


def get(name: str) -> Recipe:
    """Return the record of a recipe.

    Parameters
    ----------
    name : str
        One of `names`; several joined by ``+``; or ``"package.module:function"``, which makes a classifier of your
        own. ``+calibrated`` may follow any of them.

    Raises
    ------
    ValueError
        If a name is not known, or two parts of a sum treat the same step.
    TypeError
        If the function makes no scikit-learn classifier with ``predict_proba``.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.get("under+remix").description
    'random under-sampling; ReMix, batches balanced and mixed'
    """
    if name in RECIPES:
        return RECIPES[name]
    if (bare := name.removesuffix(f"+{CALIBRATED}")) != name:
        record, words = get(bare), "calibrated on out-of-fold answers"
        return replace(
            record,
            name=name,
            description=f"{record.description}; {words}",
            priors=observed_priors,
            cost=6 * record.cost,
            wrap=CalibratedClassifier,
        )
    if ":" in name:
        return Recipe(name, "a classifier of your own", make=partial(_foreign, name))
    parts: dict[str, Any] = {}
    terms = name.split("+")
    for term in terms:
        if term not in RECIPES:
            raise ValueError(
                f"{CALIBRATED!r} must be the last term of {name!r}: write recipe+{CALIBRATED}."
                if term == CALIBRATED
                else f"There is no recipe {term!r}: {_meant(term)}choose from {', '.join(names())}, a sum such as "
                "under+remix, or a classifier of your own as package.module:function."
            )
        if (added := RECIPES[term].parts) is None:
            raise ValueError(f"{term!r} is a model of its own, so it cannot be part of the sum {name!r}: use it alone.")
        if taken := parts.keys() & added.keys():
            raise ValueError(f"Two parts of {name!r} set {taken.pop()!r}: leave one of them out.")
        parts |= added
    records = [RECIPES[term] for term in terms]
    return Recipe(
        name,
        "; ".join(record.description for record in records),
        parts,
        slow=any(record.slow for record in records),
        cost=prod(record.cost for record in records),
        growth=max(record.growth for record in records),
        images=any(record.images for record in records),
    )


def for_tables(name: str) -> Recipe:
    """Return the record of a recipe that learns from tables.

    Raises
    ------
    ValueError
        If a name is not known, two parts of a sum treat the same step, or the recipe is for images.
    """
    record = get(name)
    if record.images:
        raise ValueError(
            f"The recipe {name!r} is for images, not for tables: name images on the command line, equipoise fit "
            f"photos/ --recipe {name}, or use NeuralClassifier(network='fast_cnn', ...) in Python."
        )
    return record


def _meant(term: str) -> str:
    near = get_close_matches(term, names())
    return f"did you mean {near[0]!r}? Or " if near else ""


def describe(name: str) -> str:
    """Return a recipe's description; a results file may name a recipe that is not registered here.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.describe("under+remix")
    'random under-sampling; ReMix, batches balanced and mixed'
    """
    return get(name).description if is_known(name) else "a recipe that is not registered here"


def is_known(name: str) -> bool:
    """Return whether `get` knows a recipe; a results file may name one of another program."""
    try:
        get(name)
    except (ValueError, TypeError):
        return False
    return True


def is_native(name: str) -> bool:
    """Return whether a recipe reads categories and gaps as they are, as the boosting libraries do."""
    return is_known(name) and get(name).native


def is_neural(name: str) -> bool:
    """Return whether a recipe is a treatment of the one network, with members and steps as all (``auto`` is not)."""
    return get(name).parts is not None


def classifier(name: str, **parameters: Any) -> ClassifierMixin:
    """Return a recipe's unfitted classifier for numbers, without the preprocessing of tables.

    Parameters
    ----------
    name : str
        As of `get`.
    **parameters
        Further parameters of the classifier, such as ``random_state`` or ``n_members``.

    Returns
    -------
    AutoClassifier, NeuralClassifier, MUBOClassifier, HistGradientBoostingClassifier, or one of your own

    Raises
    ------
    ValueError
        If a name is not known, or two parts of a sum treat the same step.
    """
    return get(name).classifier(**parameters)


def make(name: str, *, preprocessor: Any = None, **parameters: Any) -> Pipeline:
    """Return a recipe as an unfitted classifier for tables: data frames with gaps and categories, or arrays.

    Parameters
    ----------
    name : str
        As of `get`.
    preprocessor : TablePreprocessor or ImageReader, default=None
        Unfitted; None is one of tables, with default settings.
    **parameters
        Further parameters of the classifier, such as ``random_state`` or ``n_members``.

    Returns
    -------
    Pipeline
        `TablePreprocessor`, then the classifier.

    Raises
    ------
    ValueError
        If a name is not known, two parts of a sum treat the same step, or the recipe is for images and the
        preprocessor for tables.
    TypeError
        If the classifier has no such parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from equipoise import recipes
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = recipes.make("remix", n_members=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (569, 2)
    """
    table = clone(preprocessor or TablePreprocessor())
    of_tables = isinstance(table, TablePreprocessor)
    record = for_tables(name) if of_tables else get(name)
    if of_tables:
        table.set_params(native=record.native)
    return Pipeline([("table", table), ("classifier", record.classifier(**parameters))])


def _foreign(place: str, random_state: int | None = None) -> ClassifierMixin:
    """Make a classifier of the user's own by the place of a function, class or instance; set its random states."""
    made = _at(place)
    model = made() if isinstance(made, type) or not hasattr(made, "get_params") else clone(made)
    if not (hasattr(model, "get_params") and is_classifier(model) and hasattr(model, "predict_proba")):
        raise TypeError(f"{place} must make a scikit-learn classifier with predict_proba, but it made {model!r:.100}.")
    states = [name for name in model.get_params() if name.rpartition("__")[2] == "random_state"]
    return model.set_params(**dict.fromkeys(states, random_state))


def _at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)  # as python -m does
    try:
        found = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{place!r} cannot be imported ({error}): name a function as package.module:function, importable from "
            "the current folder or installed."
        ) from error
    if not callable(found) and not hasattr(found, "get_params"):
        raise TypeError(f"{place} must be a function that makes a classifier, got {found!r:.100}.")
    return found
