"""scikit-learn classifiers: one without choices, the trainer's networks, searches, any classifier resampled."""

from equipoise.classifiers.auto import AutoClassifier
from equipoise.classifiers.mubo import MUBOClassifier
from equipoise.classifiers.neural import NeuralClassifier
from equipoise.classifiers.resampled import ResampledClassifier

__all__ = ["AutoClassifier", "MUBOClassifier", "NeuralClassifier", "ResampledClassifier"]
