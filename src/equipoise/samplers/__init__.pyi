from .gan_diagnostics import UnhealthyGANWarning as UnhealthyGANWarning
from .gbo_ssg import GBO as GBO
from .gbo_ssg import SSG as SSG
from .mubo import MUBO as MUBO
from .smotified_gan import SMOTifiedGAN as SMOTifiedGAN
