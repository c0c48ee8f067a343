"""Train classifiers on imbalanced data, and learn honestly which treatment of the imbalance helps."""

from equipoise.batches import MixUp, ReMix

__version__ = "0.1.0.dev0"

__all__ = ["MixUp", "ReMix", "__version__"]
