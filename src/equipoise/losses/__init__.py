"""Losses of logits ``(..., B, K)``, and the conversion of any loss to losses of rows for the trainer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
