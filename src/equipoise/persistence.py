"""Save and load a fitted recipe without pickle.

A model is a folder: ``model.json`` (what it is and was trained on), ``weights.safetensors`` (the
networks) and ``estimator.skops`` (preprocessing and settings). Loading makes objects of a fixed list of
types only, so that a file from elsewhere cannot run code.
"""

import copy
import hashlib
import json
import os
import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import skops.io
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

FORMAT = 1
_CARD, _WEIGHTS, _ESTIMATOR = "model.json", "weights.safetensors", "estimator.skops"
_PACKAGES = ("equipoise", "torch", "scikit-learn", "imbalanced-learn", "numpy")
_TRUSTED = frozenset({
    "equipoise.batches.balanced.BalancedBatchSampler",
    "equipoise.batches.batch_smote.BatchSMOTE",
    "equipoise.batches.mixup.MixUp",
    "equipoise.batches.rebalanced.RebalancedMixup",
    "equipoise.batches.remix.ReMix",
    "equipoise.classifiers.mubo.MUBOClassifier",
    "equipoise.bilevel.autobalance.AutoBalance",
    "equipoise.bilevel.outer_objectives.Blend",
    "equipoise.bilevel.solvers.ConjugateGradient",
    "equipoise.bilevel.solvers.Exact",
    "equipoise.bilevel.solvers.Identity",
    "equipoise.bilevel.solvers.Neumann",
    "equipoise.classifiers.neural.NeuralClassifier",
    "equipoise.classifiers.resampled.ResampledClassifier",
    "equipoise.decisions.prior_corrected.PriorCorrectedClassifier",
    "equipoise.decisions.tuned_thresholds.TunedThresholdsClassifier",
    "equipoise.losses.cdt.CDTLoss",
    "equipoise.losses.class_balanced.ClassBalancedLoss",
    "equipoise.losses.deferred.DeferredReweighting",
    "equipoise.losses.focal.FocalLoss",
    "equipoise.losses.ldam.LDAMLoss",
    "equipoise.losses.logit_adjusted.LogitAdjustedLoss",
    "equipoise.losses.parametric.ParametricCrossEntropy",
    "equipoise.losses.vs.VSLoss",
    "equipoise.preprocessing.TablePreprocessor",
    "equipoise.samplers.gbo_ssg.GBO",
    "equipoise.samplers.gbo_ssg.SSG",
    "equipoise.samplers.mubo.MUBO",
    "equipoise.samplers.smotified_gan.SMOTifiedGAN",
    "equipoise.training.fitted.FittedStack",
    "functools.partial",
    "imblearn.over_sampling._random_over_sampler.RandomOverSampler",
    "imblearn.over_sampling._smote.base.SMOTE",
    "imblearn.over_sampling._smote.filter.BorderlineSMOTE",
    "imblearn.over_sampling._smote.filter.SVMSMOTE",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
})  # fmt: skip


def save(model: Pipeline, path: str | Path, *, about: dict[str, Any] | None = None) -> None:
    """Write a fitted recipe to a folder.

    Parameters
    ----------
    model : Pipeline
        From `equipoise.recipes.make`, fitted; or a classifier of ours around one.
    path : str or Path
        Folder to write; a model that is there already is replaced.
    about : dict, optional
        What json can hold: target, data, figures.

    Raises
    ------
    ValueError
        If the model holds a network of the user's own, or the path is taken by something else.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_breast_cancer
    >>> from equipoise import load, recipes, save
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = recipes.make("none", max_steps=50, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model")
    ...     again = load(f"{folder}/model")
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    check_is_fitted(model)
    target = Path(path)
    if target.exists() and not (target / _CARD).is_file():
        raise ValueError(f"{target} is there already and holds no model: name another folder.")
    bare, weights = _without_weights(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        draft.chmod(0o755)  # mkdtemp's folders are for their owner alone
        save_file(weights, draft / _WEIGHTS)
        skops.io.dump(bare, draft / _ESTIMATOR)
        card = {"format": FORMAT, "versions": _versions(), "about": about or {}, "sha256": _digests(draft)}
        (draft / _CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def load(path: str | Path) -> Pipeline:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Pipeline
        The fitted recipe.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If a file of it is damaged, of a later format, or holds types that a model does not have.
    """
    folder = Path(path)
    card = read_card(folder)
    try:
        _check_card(card, folder)
        foreign = set(skops.io.get_untrusted_types(file=folder / _ESTIMATOR)) - _TRUSTED
        if foreign:
            raise ValueError(f"it holds types that no model has: {', '.join(sorted(foreign))}")
        pipeline = skops.io.load(folder / _ESTIMATOR, trusted=sorted(_TRUSTED))
        weights = load_file(folder / _WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, BadZipFile) as error:
        raise ValueError(f"The model at {folder} cannot be loaded ({error}): save it again from its source.") from error
    if weights:
        pipeline[-1].stack_.weights_ = weights
    return pipeline


def read_card(path: str | Path) -> dict[str, Any]:
    """Read what is known of a saved model: ``format``, ``versions`` and ``about``, as told to `save`.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If its card is damaged.
    """
    card = Path(path) / _CARD
    if not card.is_file():
        raise FileNotFoundError(f"There is no model at {path}: it has no {_CARD}. `equipoise fit` makes one.")
    try:
        return json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The model at {path} cannot be loaded ({error}): save it again from its source.") from error


def _without_weights(model: Pipeline) -> tuple[Pipeline, dict[str, Any]]:
    """Return a shallow copy of a recipe whose networks are empty, and their weights."""
    if not (isinstance(model, Pipeline) and hasattr(model[-1], "stack_")):
        return model, {}
    classifier = model[-1]
    if classifier.stack_.pattern_ is not None:
        raise ValueError(
            "A network of your own cannot be saved without pickle: keep its code, and save stack_.weights_ yourself."
        )
    bare, stack = copy.copy(classifier), copy.copy(classifier.stack_)
    bare.stack_, stack.weights_ = stack, {}
    vars(bare).pop("history_", None)  # of a search: how the model came to be
    return Pipeline([*model.steps[:-1], (model.steps[-1][0], bare)]), classifier.stack_.weights_


def _check_card(card: dict[str, Any], folder: Path) -> None:
    if card["format"] != FORMAT:
        raise ValueError(f"its format is {card['format']!r}, this version reads {FORMAT}")
    for name, digest in _digests(folder).items():
        if card["sha256"][name] != digest:
            raise ValueError(f"{name} is not the file that was saved: it was cut short or changed")


def _digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (_WEIGHTS, _ESTIMATOR)}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
