"""Which rows train: MUBO, GAN over-samplers, and imbalanced-learn's samplers in any table and class size."""

from equipoise.samplers.gan_health import UnhealthyGANWarning
from equipoise.samplers.gbo_ssg import GBO, SSG
from equipoise.samplers.mubo import MUBO
from equipoise.samplers.resample import Resampled, resample
from equipoise.samplers.smotified_gan import SMOTifiedGAN

__all__ = ["GBO", "MUBO", "SSG", "Resampled", "SMOTifiedGAN", "UnhealthyGANWarning", "resample"]
