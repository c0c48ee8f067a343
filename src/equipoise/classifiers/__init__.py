"""scikit-learn classifiers: the trainer's networks and those of searches, and any classifier resampled."""

from equipoise.classifiers.mubo import MUBOClassifier
from equipoise.classifiers.neural import NeuralClassifier
from equipoise.classifiers.resampled import ResampledClassifier

__all__ = ["MUBOClassifier", "NeuralClassifier", "ResampledClassifier"]
