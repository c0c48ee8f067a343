from .class_counts import DescribesCounts as DescribesCounts
from .class_counts import resampled_counts as resampled_counts
from .gan_diagnostics import GANDiagnosticsWarning as GANDiagnosticsWarning
from .gbo_ssg import GBO as GBO
from .gbo_ssg import SSG as SSG
from .mubo import MUBO as MUBO
from .smotified_gan import SMOTifiedGAN as SMOTifiedGAN
