"""Save and load a fitted classifier without pickle.

A model is a folder or a zip file of ``model.json`` (versions, data schema, origin), ``weights.safetensors`` (all
networks), ``estimator.skops`` (preprocessing and settings) and ``README.md`` (the model card). Loading creates objects
of trusted types only and validates the input of compiled code: an untrusted file can be wrong, but cannot run code or
crash the process.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
