"""Which rows train: MUBO, GAN over-samplers, and how imbalanced-learn's samplers are called for tiny classes."""

from equipoise.samplers.gan_health import UnhealthyGANWarning
from equipoise.samplers.gbo_ssg import GBO, SSG
from equipoise.samplers.mubo import MUBO
from equipoise.samplers.resample import Resampled, carry_weights, resample
from equipoise.samplers.smotified_gan import SMOTifiedGAN

__all__ = [
    "GBO",
    "MUBO",
    "SSG",
    "Resampled",
    "SMOTifiedGAN",
    "UnhealthyGANWarning",
    "carry_weights",
    "resample",
]
