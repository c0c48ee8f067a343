"""Which rows train: MUBO, and imbalanced-learn's samplers, called so that they serve tiny classes too."""

from equipoise.samplers.mubo import MUBO
from equipoise.samplers.resample import Resampled, carry_weights, resample

__all__ = ["MUBO", "Resampled", "carry_weights", "resample"]
