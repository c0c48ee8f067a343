"""scikit-learn classifiers that train networks, or another classifier on resampled rows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
