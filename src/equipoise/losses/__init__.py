"""How an error is weighed: losses of logits ``(..., B, K)``, and how the trainer reads any loss by row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
