"""How an error is weighed: losses of logits ``(..., B, K)``, and how the trainer reads any loss by row."""

from equipoise.losses.base import WeightedLoss
from equipoise.losses.cdt import CDTLoss, cdt_loss
from equipoise.losses.class_balanced import ClassBalancedLoss, class_balanced_loss, class_balanced_weights
from equipoise.losses.deferred import DeferredReweighting
from equipoise.losses.focal import FocalLoss, focal_loss
from equipoise.losses.ldam import LDAMLoss, ldam_loss
from equipoise.losses.logit_adjusted import LogitAdjustedLoss, logit_adjusted_loss
from equipoise.losses.parametric import ParametricCrossEntropy, parametric_cross_entropy
from equipoise.losses.rows import Loss, row_losses
from equipoise.losses.vs import VSLoss, vs_loss

__all__ = [
    "CDTLoss",
    "ClassBalancedLoss",
    "DeferredReweighting",
    "FocalLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "Loss",
    "ParametricCrossEntropy",
    "VSLoss",
    "WeightedLoss",
    "cdt_loss",
    "class_balanced_loss",
    "class_balanced_weights",
    "focal_loss",
    "ldam_loss",
    "logit_adjusted_loss",
    "parametric_cross_entropy",
    "row_losses",
    "vs_loss",
]
