"""Train classifiers on imbalanced data, and learn honestly which treatment of the imbalance helps."""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # names load when first used
