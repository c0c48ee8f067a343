"""The named treatments of imbalance, each a configured scikit-learn classifier.

A recipe is a few parameters of `NeuralClassifier`, so that all of them share network, optimiser and
number of gradient steps; parts at different steps of the line from rows to decision may be added up, as in
``"under+remix"``. The references ``gbdt`` and ``gbdt-balanced`` are scikit-learn's histogram boosting. ``auto``
needs no choice. Every recipe reads tables through the same preprocessing.

A recipe of your own is one record, `register`-ed by your program or named as an entry point of the group
``equipoise.recipes``. Any scikit-learn classifier takes part in a comparison without one, by the place of a function
that makes it: ``"mypackage.models:make_model"``.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.bilevel.autobalance import AutoBalance
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.losses import CDTLoss, ClassBalancedLoss, FocalLoss, LDAMLoss, LogitAdjustedLoss, VSLoss
from equipoise.networks.cosine import SCALE
from equipoise.registry import Registry
from equipoise.samplers import GBO, MUBO, SSG, SMOTifiedGAN
from equipoise.tables import TablePreprocessor

AUTO = "auto"
"""The recipe of `AutoClassifier`, the default where none is named."""

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """A named treatment of imbalance, or a classifier to compare with treatments.

    Attributes
    ----------
    name : str
    description : str
        A few words for the leaderboard.
    parts : mapping, optional
        Parameters of `NeuralClassifier` that make the treatment. None: the recipe is a model of its own.
    make : callable, optional
        ``(random_state=..., **parameters) -> unfitted classifier`` with ``predict_proba``; needed without parts. With
        parts, the classifier of the recipe alone; in a sum, the parts count.
    priors : callable, optional
        ``counts -> priors``, both of shape (K,): the class priors that the probabilities stand for after training on
        such class counts; the report corrects them to others. None derives them from the parts; without parts they
        are not known.
    slow : bool, default=False
        Whether a fit takes minutes on any table; a comparison then runs the recipe only when asked for it.
    cost : float, default=1.0
        About how many times the time of the recipe ``none`` a fit takes on 5,000 rows, for plans before the run.
    growth : float, default=1.0
        Exponent by which the time of a fit grows with the rows.

    Examples
    --------
    >>> from imblearn.over_sampling import ADASYN
    >>> from equipoise.recipes import Recipe
    >>> Recipe("adasyn", "ADASYN", parts={"sampler": ADASYN()}).classifier(n_members=2).n_members
    2
    """

    name: str
    description: str
    parts: Mapping[str, Any] | None = None
    make: Callable[..., ClassifierMixin] | None = None
    priors: Callable[[Counts], Counts | None] | None = field(default=None, compare=False)
    slow: bool = False
    cost: float = 1.0
    growth: float = 1.0

    def __post_init__(self) -> None:
        if self.parts is None and self.make is None:
            raise ValueError(f"The recipe {self.name!r} needs parts of NeuralClassifier, or make.")

    def classifier(self, **parameters: Any) -> ClassifierMixin:
        """Return the unfitted classifier for numbers; parts are copies."""
        if self.make is not None:
            return self.make(**parameters)
        copies = {key: clone(part, safe=False) for key, part in (self.parts or {}).items()}
        return NeuralClassifier(standardize=False, **copies, **parameters)


def observed_priors(counts: Counts) -> Counts:
    """Class priors of the training rows: those of probabilities without a treatment."""
    return counts / counts.sum()


def equal_priors(counts: Counts) -> Counts:
    """Equal class priors: those of probabilities trained where every class weighs alike."""
    return np.full(len(counts), 1 / len(counts))


_mubo = {"sampler": MUBO(max_iter=OUTER_STEPS, standardize=False)}
_ldam = {"loss": partial(LDAMLoss, max_m=0.5 * SCALE, s=1.0), "network": "cosine_mlp"}  # scaled in the network
_gbdt = HistGradientBoostingClassifier

RECIPES: Registry[Recipe] = Registry(
    "recipe",
    [
        Recipe(
            AUTO,
            "networks of several kinds, pooled and calibrated on held-out rows",
            make=partial(AutoClassifier, standardize=False),
            priors=observed_priors,
        ),
        Recipe("none", "no treatment", {}),
        Recipe("cost", "errors weighted by class, N / (K n_k)", {"class_weight": "balanced"}),
        Recipe("under", "random under-sampling", {"sampler": RandomUnderSampler()}),
        Recipe("over", "random over-sampling", {"sampler": RandomOverSampler()}),
        Recipe("smote", "SMOTE", {"sampler": SMOTE()}),
        Recipe("borderline-smote", "Borderline-SMOTE", {"sampler": BorderlineSMOTE()}),
        Recipe("svm-smote", "SVM-SMOTE", {"sampler": SVMSMOTE()}),
        Recipe("smotified-gan", "SMOTE's rows, refined by a GAN", {"sampler": SMOTifiedGAN()}, slow=True),
        Recipe("gbo", "synthetic rows of a GAN, from noise", {"sampler": GBO()}, slow=True),
        Recipe("ssg", "SVM-SMOTE's rows, refined by a GAN", {"sampler": SSG()}, slow=True),
        Recipe(
            "mubo",
            "MUBO, a search for the majority rows that train best",
            _mubo,
            make=partial(MUBOClassifier, standardize=False),  # alone, the networks of the search are the classifier
            priors=equal_priors,
        ),
        Recipe("mixup", "MixUp of batches as they come", {"batch_transform": MixUp(alpha=0.3)}),
        Recipe(
            "rebalanced-mixup",
            "Rebalanced Mixup, labels leaning to the rarer class",
            {"batch_transform": RebalancedMixup()},
        ),
        Recipe("batch-smote", "SMOTE within each batch", {"batch_transform": BatchSMOTE()}),
        Recipe("remix", "ReMix, batches balanced and mixed", {"batch_transform": ReMix(alpha=0.3)}),
        Recipe(
            "remix-dataset",
            "batches drawn balanced from all rows, then mixed",
            {"batch_sampler": BalancedBatchSampler, "batch_transform": MixUp(alpha=0.3)},
        ),
        Recipe("focal", "focal loss, little weight for rows that are easy", {"loss": FocalLoss}),
        Recipe("class-balanced", "errors weighted by the effective number of rows", {"loss": ClassBalancedLoss}),
        Recipe("ldam", "LDAM, larger margins for minority classes", _ldam),
        Recipe("la", "logit adjustment, class priors added to the logits", {"loss": LogitAdjustedLoss}),
        Recipe("cdt", "class-dependent temperatures, smaller logits for minority classes", {"loss": CDTLoss}),
        Recipe("vs", "vector scaling, LA and CDT in one loss", {"loss": VSLoss}),
        Recipe("autobalance", "AutoBalance, a search for the loss on validation rows", {"loss": AutoBalance()}),
        Recipe("gbdt", "histogram gradient boosting", make=_gbdt, priors=observed_priors),
        Recipe(
            "gbdt-balanced",
            "histogram gradient boosting, classes weighted",
            make=partial(_gbdt, class_weight="balanced"),
            priors=equal_priors,
        ),
    ],
    "equipoise.recipes",
)
"""Recipes by name: the default, the untreated network, its treatments, the references, and those of others."""


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


def get(name: str) -> Recipe:
    """Return the record of a recipe.

    Parameters
    ----------
    name : str
        One of `names`; several joined by ``+``; or ``"package.module:function"``, which makes a classifier of your
        own.

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
    if ":" in name:
        return Recipe(name, "a classifier of your own", make=partial(_foreign, name))
    parts: dict[str, Any] = {}
    terms = name.split("+")
    for term in terms:
        if term not in RECIPES:
            raise ValueError(
                f"There is no recipe {term!r}: choose from {', '.join(names())}, a sum such as under+remix, or a "
                "classifier of your own as package.module:function."
            )
        if (added := RECIPES[term].parts) is None:
            raise ValueError(f"{term!r} is a model of its own, so it cannot be part of the sum {name!r}: use it alone.")
        if taken := parts.keys() & added.keys():
            raise ValueError(f"Two parts of {name!r} set {taken.pop()!r}: leave one of them out.")
        parts |= added
    return Recipe(name, "; ".join(RECIPES[term].description for term in terms), parts)


def describe(name: str) -> str:
    """Return a recipe's description; a results file may name a recipe that is not registered here.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.describe("under+remix")
    'random under-sampling; ReMix, batches balanced and mixed'
    """
    try:
        return get(name).description
    except ValueError:
        return "a recipe that is not registered here"


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


def make(name: str, *, preprocessor: TablePreprocessor | None = None, **parameters: Any) -> Pipeline:
    """Return a recipe as an unfitted classifier for tables: data frames with gaps and categories, or arrays.

    Parameters
    ----------
    name : str
        As of `get`.
    preprocessor : TablePreprocessor, default=None
        Unfitted; None is one of default settings.
    **parameters
        Further parameters of the classifier, such as ``random_state`` or ``n_members``.

    Returns
    -------
    Pipeline
        `TablePreprocessor`, then the classifier.

    Raises
    ------
    ValueError
        If a name is not known, or two parts of a sum treat the same step.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from equipoise import recipes
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = recipes.make("remix", n_members=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (569, 2)
    """
    return Pipeline([("table", preprocessor or TablePreprocessor()), ("classifier", classifier(name, **parameters))])


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
