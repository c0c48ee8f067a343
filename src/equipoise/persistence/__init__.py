"""Save and load a fitted classifier without pickle.

A model is a folder, or one zip file: ``model.json`` (versions, data schema, what it was trained on),
``weights.safetensors`` (all networks), ``estimator.skops`` (preprocessing and settings) and ``README.md``, a model
card to read. Loading makes objects of trusted types only and checks what compiled code relies on: a file from
elsewhere can be wrong, but cannot run code or crash the process.
"""

from equipoise.persistence.files import check_place
from equipoise.persistence.model import FORMAT, load, read_card, save

__all__ = ["FORMAT", "check_place", "load", "read_card", "save"]
