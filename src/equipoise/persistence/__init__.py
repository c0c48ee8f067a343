"""Save and load a fitted classifier without pickle.

A model is a folder, or one zip file: ``model.json`` (versions, data schema, what it was trained on),
``weights.safetensors`` (all networks), ``estimator.skops`` (preprocessing and settings) and ``README.md``, a model
card to read. Loading makes objects of trusted types only and checks what compiled code relies on: a file from
elsewhere can be wrong, but cannot run code or crash the process.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
