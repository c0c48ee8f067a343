"""The reading that a recipe is best at, as a part of its model: what the report scores is what `predict` does."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.decisions import CalibratedClassifier, PriorCorrectedClassifier, TunedThresholdsClassifier
from equipoise.experiments.arms import weighted_priors
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.readings import CALIBRATED, CORRECTED, TUNED, balancing_weights
from equipoise.experiments.scores import METRICS


def corrected(comparison: Comparison, recipe: str, classifier: ClassifierMixin) -> ClassifierMixin:
    """Return an unfitted classifier that corrects its class priors, where that is the recipe's best reading."""
    counts, mass = (comparison.problem[key] for key in ("counts", "mass"))
    learned = learned_priors(recipe, counts)
    if learned is None or comparison.at_best.overall(recipe) != CORRECTED:
        return classifier
    learned = weighted_priors(learned, counts, mass)
    target = "uniform" if METRICS[comparison.metric].priors == "equal" else "observed"
    return PriorCorrectedClassifier(classifier, training_priors=learned.tolist(), target_priors=target)


def tuned(
    comparison: Comparison, recipe: str, unfitted: ClassifierMixin, fitted: ClassifierMixin, labels: NDArray[np.generic]
) -> ClassifierMixin:
    """Return a fitted classifier with the thresholds or the calibration that all held-out answers tell, where best."""
    metric, reading = METRICS[comparison.metric], comparison.at_best.overall(recipe)
    if reading not in (TUNED, CALIBRATED):
        return fitted
    cells = [cell for cell in comparison.readings.cells if cell.arm == recipe]
    (codes, proba), weights = comparison.readings.joined(cells), comparison.readings.weights(cells)
    if reading == TUNED:
        decided = TunedThresholdsClassifier(unfitted, metric=str(metric.tuned_metric))
        return decided.tune_on(fitted, labels[codes], proba, weights)
    if metric.priors == "equal":
        weights = balancing_weights(codes, weights)
    return CalibratedClassifier(unfitted).tune_on(fitted, labels[codes], proba, weights)
