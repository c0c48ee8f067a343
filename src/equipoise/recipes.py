"""The named treatments of imbalance, each a configured scikit-learn classifier.

A recipe is a few parameters of `NeuralClassifier`, so that all of them share network, optimiser and
number of gradient steps; parts that meet at different steps of the line from rows to decision may be
added up, as in ``"under+remix"``. The references ``gbdt`` and ``gbdt-balanced`` are scikit-learn's
histogram boosting. ``auto`` stands beside them: what to use where nothing is to be chosen. Every recipe
reads tables through the same preprocessing.
"""

from functools import partial
from typing import Any

from imblearn.over_sampling import SMOTE, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.bilevel.autobalance import AutoBalance
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.losses import CDTLoss, ClassBalancedLoss, FocalLoss, LDAMLoss, LogitAdjustedLoss, VSLoss
from equipoise.networks.cosine import SCALE
from equipoise.samplers import GBO, MUBO, SSG, SMOTifiedGAN
from equipoise.tables import TablePreprocessor

AUTO = "auto"
"""The recipe of `AutoClassifier`, which is taken where none is named."""

_PARTS: dict[str, dict[str, Any]] = {
    "none": {},
    "cost": {"class_weight": "balanced"},
    "under": {"sampler": RandomUnderSampler()},
    "over": {"sampler": RandomOverSampler()},
    "smote": {"sampler": SMOTE()},
    "borderline-smote": {"sampler": BorderlineSMOTE()},
    "svm-smote": {"sampler": SVMSMOTE()},
    "smotified-gan": {"sampler": SMOTifiedGAN()},
    "gbo": {"sampler": GBO()},
    "ssg": {"sampler": SSG()},
    "mubo": {"sampler": MUBO(max_iter=OUTER_STEPS, standardize=False)},
    "mixup": {"batch_transform": MixUp(alpha=0.3)},
    "rebalanced-mixup": {"batch_transform": RebalancedMixup()},
    "batch-smote": {"batch_transform": BatchSMOTE()},
    "remix": {"batch_transform": ReMix(alpha=0.3)},
    "remix-dataset": {"batch_sampler": BalancedBatchSampler, "batch_transform": MixUp(alpha=0.3)},
    "focal": {"loss": FocalLoss},
    "class-balanced": {"loss": ClassBalancedLoss},
    "ldam": {"loss": partial(LDAMLoss, max_m=0.5 * SCALE, s=1.0), "network": "cosine_mlp"},  # scaled in the network
    "la": {"loss": LogitAdjustedLoss},
    "cdt": {"loss": CDTLoss},
    "vs": {"loss": VSLoss},
    "autobalance": {"loss": AutoBalance()},
}
SLOW = ("smotified-gan", "gbo", "ssg")
"""Recipes that take minutes a fit, whatever the table; a comparison runs them when they are asked for."""

_REFERENCES: dict[str, dict[str, Any]] = {"gbdt": {}, "gbdt-balanced": {"class_weight": "balanced"}}

_MEANINGS = {
    AUTO: "networks of several kinds, pooled and calibrated on held-out rows, with a decision by name",
    "none": "no treatment",
    "cost": "errors weighed by class, N / (K n_k)",
    "under": "random under-sampling",
    "over": "random over-sampling",
    "smote": "SMOTE",
    "borderline-smote": "Borderline-SMOTE",
    "svm-smote": "SVM-SMOTE",
    "smotified-gan": "SMOTE's rows, turned by a GAN",
    "gbo": "rows made by a GAN from noise",
    "ssg": "SVM-SMOTE's rows, turned by a GAN",
    "mubo": "MUBO, rows of the larger classes searched by what training on them yields",
    "mixup": "MixUp, batches as they come",
    "rebalanced-mixup": "Rebalanced Mixup, labels leaning to the rarer class",
    "batch-smote": "SMOTE within each batch",
    "remix": "ReMix, batches balanced and mixed",
    "remix-dataset": "batches drawn balanced from all rows, then mixed",
    "focal": "focal loss, sure rows count for little",
    "class-balanced": "errors weighed by the effective number of rows",
    "ldam": "LDAM, larger margins for rare classes",
    "la": "logit adjustment, class priors added to the logits",
    "cdt": "class-dependent temperatures, smaller logits for rare classes",
    "vs": "vector scaling, LA and CDT in one loss",
    "autobalance": "AutoBalance, the loss searched for by what training with it yields on validation rows",
    "gbdt": "histogram gradient boosting",
    "gbdt-balanced": "histogram gradient boosting, classes weighed",
}


def names() -> list[str]:
    """Return the names of all recipes: the default, the untreated network, its treatments, the references.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.names()[:3]
    ['auto', 'none', 'cost']
    """
    return [AUTO, *_PARTS, *_REFERENCES]


def describe(name: str) -> str:
    """Say in a few words what a recipe does.

    Examples
    --------
    >>> from equipoise import recipes
    >>> recipes.describe("under+remix")
    'random under-sampling; ReMix, batches balanced and mixed'
    """
    return "; ".join(_MEANINGS[part] for part in _split(name))


def is_neural(name: str) -> bool:
    """Tell whether a recipe is a treatment of the one network, with members and steps as all have (``auto`` is not)."""
    return all(part in _PARTS for part in _split(name))


def classifier(name: str, **parameters: Any) -> ClassifierMixin:
    """Return a recipe's unfitted classifier for numbers, without the preprocessing of tables.

    Parameters
    ----------
    name : str
        One of `names`, or several joined by ``+``.
    **parameters
        Further parameters of the classifier, such as ``random_state`` or ``n_members``.

    Returns
    -------
    AutoClassifier, NeuralClassifier, MUBOClassifier or HistGradientBoostingClassifier

    Raises
    ------
    ValueError
        If a name is not known, or two parts of a sum treat the same step.
    """
    parts = _split(name)
    if name in _REFERENCES:
        return HistGradientBoostingClassifier(**_REFERENCES[name], **parameters)
    if name == AUTO:
        return AutoClassifier(standardize=False, **parameters)
    if name == "mubo":  # alone, the networks of the search are the classifier
        return MUBOClassifier(standardize=False, **parameters)
    settings: dict[str, Any] = {}
    for part in parts:
        if part not in _PARTS:
            raise ValueError(f"{part!r} is a model of its own, so it cannot be part of the sum {name!r}: use it alone.")
        if taken := settings.keys() & _PARTS[part].keys():
            raise ValueError(f"Two parts of {name!r} set {taken.pop()!r}: leave one of them out.")
        settings |= {key: clone(value, safe=False) for key, value in _PARTS[part].items()}
    return NeuralClassifier(standardize=False, **settings, **parameters)


def make(name: str, *, preprocessor: TablePreprocessor | None = None, **parameters: Any) -> Pipeline:
    """Return a recipe as an unfitted classifier for tables: data frames with gaps and categories, or arrays.

    Parameters
    ----------
    name : str
        One of `names`, or several joined by ``+``.
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


def _split(name: str) -> list[str]:
    parts = name.split("+")
    for part in parts:
        if part not in names():
            raise ValueError(
                f"There is no recipe {part!r}: choose from {', '.join(names())}, or a sum such as under+remix."
            )
    return parts
