"""Which rows train: MUBO, GAN over-samplers, and how imbalanced-learn's samplers are called for tiny classes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
