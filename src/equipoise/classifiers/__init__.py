"""scikit-learn classifiers: the trainer's networks behind ``fit`` and ``predict``, and any classifier resampled."""

from equipoise.classifiers.neural import NeuralClassifier
from equipoise.classifiers.resampled import ResampledClassifier

__all__ = ["NeuralClassifier", "ResampledClassifier"]
