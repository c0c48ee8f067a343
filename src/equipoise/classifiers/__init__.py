"""scikit-learn classifiers: one without choices, the trainer's networks, searches, any classifier resampled."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
