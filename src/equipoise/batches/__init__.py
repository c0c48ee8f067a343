"""How a batch is formed: transforms ``(x, y) -> (x, soft y)`` for any training loop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
