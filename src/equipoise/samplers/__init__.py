"""Which rows train: imbalanced-learn's samplers, called so that they serve tiny classes too."""

from equipoise.samplers.resample import Resampled, resample

__all__ = ["Resampled", "resample"]
