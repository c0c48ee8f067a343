"""Which rows train: MUBO, GAN over-samplers, and imbalanced-learn's samplers in any table and class size."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
