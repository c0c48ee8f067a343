"""Transforms of batches, ``(x, y) -> (x, soft y)``, and balanced batches, for any training loop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
