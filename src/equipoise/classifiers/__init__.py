"""scikit-learn classifiers: the trainer's networks behind ``fit`` and ``predict``."""

from equipoise.classifiers.neural import NeuralClassifier

__all__ = ["NeuralClassifier"]
