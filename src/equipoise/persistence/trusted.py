"""The types that a model file may hold, beside scikit-learn's own estimators and numpy's arrays.

skops makes objects of listed types only, and without calling anything but their constructor or ``__setstate__``.
So that a file from elsewhere can do nothing but be wrong, what is made is looked at before it is used, too.
"""

from itertools import chain
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from equipoise.persistence.stacks import parts

TRUSTED = frozenset(
    {
        "equipoise.batches.balanced.BalancedBatchSampler",
        "equipoise.batches.batch_smote.BatchSMOTE",
        "equipoise.batches.mixup.MixUp",
        "equipoise.batches.rebalanced.RebalancedMixup",
        "equipoise.batches.remix.ReMix",
        "equipoise.classifiers.auto.AutoClassifier",
        "equipoise.classifiers.auto_job.HeldOutAnswers",
        "equipoise.classifiers.auto_members.FoldInputs",
        "equipoise.classifiers.auto_members.Kind",
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
        "equipoise.tables.piecewise_linear.PiecewiseLinearEncoder",
        "equipoise.tables.preprocessing.TablePreprocessor",
        "equipoise.samplers.gbo_ssg.GBO",
        "equipoise.samplers.gbo_ssg.SSG",
        "equipoise.samplers.mubo.MUBO",
        "equipoise.samplers.smotified_gan.SMOTifiedGAN",
        "equipoise.training.fitted.FittedEnsemble",
        "equipoise.training.scaling.Standardizer",
        "functools.partial",
        "imblearn.over_sampling._random_over_sampler.RandomOverSampler",
        "imblearn.over_sampling._smote.base.SMOTE",
        "imblearn.over_sampling._smote.filter.BorderlineSMOTE",
        "imblearn.over_sampling._smote.filter.SVMSMOTE",
        "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)


def foreign_types(data: bytes) -> list[str]:
    """Return the types in a skops file that no model has."""
    return sorted(set(skops.io.get_untrusted_types(data=data)) - TRUSTED)


def check_trees(model: Any) -> None:
    """Refuse boosted trees that would make scikit-learn read memory that is not theirs; it trusts their indices.

    Raises
    ------
    ValueError
        If a node points back, or past the nodes or features that there are; or splits by category, since the
        tables of categories that it points into cannot be told to be whole.
    """
    for part in parts(model):
        if isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
            for tree in chain.from_iterable(getattr(part, "_predictors", ())):
                _check_nodes(tree.nodes, part.n_features_in_)


def _check_nodes(nodes: NDArray[Any], n_features: int) -> None:
    splits = np.flatnonzero(nodes["is_leaf"] == 0)
    inner = nodes[splits]
    if inner["is_categorical"].any():
        raise ValueError("boosting that splits by categories of its own is not kept: let TablePreprocessor turn them")
    ahead = all((splits < inner[side]).all() and (inner[side] < len(nodes)).all() for side in ("left", "right"))
    feature = inner["feature_idx"]
    if not (len(nodes) and ahead and (feature >= 0).all() and (feature < n_features).all()):
        raise ValueError("the nodes of a tree point to where nothing is")
