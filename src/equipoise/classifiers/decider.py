"""The classifier that decides, of several nested ones."""

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from equipoise.classifiers.resampled import ResampledClassifier


def decider(model: Any) -> Any:
    """Return the classifier that decides; pipelines, frozen and resampled classifiers delegate to their inner one.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> decider(make_pipeline(LogisticRegression()))
    LogisticRegression()
    """
    if isinstance(model, Pipeline):
        return decider(model[-1])
    if isinstance(model, FrozenEstimator):
        return decider(model.estimator)
    if isinstance(model, ResampledClassifier) and model.inclusion_ is None:  # else corrected odds decide
        return decider(model.classifier_)
    return model
