"""What probabilities mean, and where the line is drawn: prior correction and thresholds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
