"""Train classifiers on imbalanced data, and learn honestly which treatment of the imbalance helps."""

from equipoise import datasets, metrics, recipes
from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.bilevel.autobalance import AutoBalance
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier, ResampledClassifier
from equipoise.decisions import PriorCorrectedClassifier, TunedThresholdsClassifier
from equipoise.losses import (
    CDTLoss,
    ClassBalancedLoss,
    DeferredReweighting,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    ParametricCrossEntropy,
    VSLoss,
)
from equipoise.persistence import load, save
from equipoise.samplers import GBO, MUBO, SSG, SMOTifiedGAN

__version__ = "0.1.0.dev0"

__all__ = [
    "GBO",
    "MUBO",
    "SSG",
    "AutoBalance",
    "AutoClassifier",
    "BalancedBatchSampler",
    "BatchSMOTE",
    "CDTLoss",
    "ClassBalancedLoss",
    "DeferredReweighting",
    "FocalLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "MUBOClassifier",
    "MixUp",
    "NeuralClassifier",
    "ParametricCrossEntropy",
    "PriorCorrectedClassifier",
    "ReMix",
    "RebalancedMixup",
    "ResampledClassifier",
    "SMOTifiedGAN",
    "TunedThresholdsClassifier",
    "VSLoss",
    "__version__",
    "datasets",
    "load",
    "metrics",
    "recipes",
    "save",
]
