"""The reading that a recipe is best at, as a part of its model: what the report scores is what `predict` does."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.decisions import (
    CalibratedClassifier,
    PriorCorrectedClassifier,
    TunedThresholdsClassifier,
    correct_prior,
)
from equipoise.describing import Decides
from equipoise.experiments.arms import weighted_priors
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.readings import CALIBRATED, CORRECTED, DECIDED, TUNED, balancing_weights, one_hot
from equipoise.experiments.scores import METRICS
from equipoise.experiments.store import Cell
from equipoise.experiments.terms import InTerms, apply
from equipoise.metrics import Floats, Indices


def corrected(comparison: Comparison, recipe: str, classifier: ClassifierMixin) -> ClassifierMixin:
    """Return an unfitted classifier with its probabilities for the class priors of the table, deciding at its best.

    Where a metric scores probabilities themselves, they are for the priors that it asks for, if that is best.
    """
    reading, metric, learned = (
        comparison.at_best.overall(recipe),
        METRICS[comparison.metric],
        _learned(comparison, recipe),
    )
    if learned is None or reading == CALIBRATED:
        return classifier
    wanted = "uniform" if metric.priors == "equal" else "observed"
    correct = partial(PriorCorrectedClassifier, classifier, training_priors=learned.tolist())
    if not metric.at_threshold:
        return correct(target_priors=wanted) if reading == CORRECTED else classifier
    if reading == CORRECTED:
        return correct(target_priors="observed", decision_priors=wanted)
    if np.allclose(learned, _observed(comparison)) or (reading == DECIDED and isinstance(classifier, Decides)):
        return classifier
    return correct(target_priors="observed", decision_priors=learned.tolist() if reading == DECIDED else None)


def tuned(
    comparison: Comparison, recipe: str, unfitted: ClassifierMixin, fitted: ClassifierMixin, labels: NDArray[np.generic]
) -> ClassifierMixin:
    """Return a fitted classifier with the thresholds or the calibration that all held-out answers tell, where best."""
    metric, reading = METRICS[comparison.metric], comparison.at_best.overall(recipe)
    if reading not in (TUNED, CALIBRATED):
        return fitted
    cells = [cell for cell in comparison.readings.cells if cell.arm == recipe]
    (codes, stored), weights = comparison.readings.joined(cells), comparison.readings.weights(cells)
    proba: NDArray[Any] = stored
    if reading == TUNED:
        if isinstance(fitted, PriorCorrectedClassifier):
            proba = correct_prior(proba, fitted.priors_, fitted.target_priors_)
        decided = TunedThresholdsClassifier(unfitted, metric=str(metric.tuned_metric))
        return decided.tune_on(fitted, labels[codes], proba, weights)
    equal = metric.priors == "equal"
    calibrated = CalibratedClassifier(unfitted).tune_on(
        fitted, labels[codes], proba, balancing_weights(codes, weights) if equal else weights
    )
    if not (equal and metric.at_threshold):
        return calibrated
    natural = PriorCorrectedClassifier(
        calibrated, training_priors="uniform", target_priors="observed", decision_priors="uniform"
    )
    return natural.correct(calibrated, _observed(comparison))


def _learned(comparison: Comparison, recipe: str) -> Floats | None:
    """Return the class priors that probabilities of a recipe stand for; None where they are not known."""
    counts, mass = (comparison.problem[key] for key in ("counts", "mass"))
    learned = learned_priors(recipe, counts)
    return None if learned is None else weighted_priors(learned, counts, mass)


def _observed(comparison: Comparison) -> Floats:
    mass = np.asarray(comparison.problem["mass"], dtype=np.float64)
    return mass / mass.sum()


def scores(comparison: Comparison, recipe: str) -> dict[str, float]:
    """Return the mean over folds of each metric, of decisions and probabilities as the shipped model gives them.

    What decides is learned on the other folds; the model learns it from all of them.
    """
    read: list[tuple[Indices, Floats, Indices, Floats | None]]
    if comparison.aim.decides:
        terms = InTerms(comparison, recipe)
        pairs = zip(terms.folds, terms.rules, strict=True)
        read = [(fold.codes, fold.proba, apply(rule, fold.proba), fold.weights) for fold, rule in pairs]
    else:
        cells = [cell for cell in comparison.readings.cells if cell.arm == recipe]
        read = [_read(comparison, cell) for cell in cells]
    found = {}
    for name, metric in METRICS.items():
        values = [
            metric.of(
                codes, one_hot(decided, proba.shape[1]) if metric.at_threshold else proba, comparison.rare, weights
            )
            for codes, proba, decided, weights in read
        ]
        found[name] = float(np.mean(values))
    return found


def _read(comparison: Comparison, cell: Cell) -> tuple[Indices, Floats, Indices, Floats | None]:
    """Return classes, probabilities, decisions and weights of a fold's test rows, at the recipe's best reading."""
    readings, metric, reading = comparison.readings, METRICS[comparison.metric], comparison.at_best.overall(cell.arm)
    fold, own = readings.folds[cell.repeat, cell.fold], np.asarray(cell.probabilities, dtype=np.float64)
    reader, mass = readings.reader(cell, metric, reading), np.asarray(fold.train_mass, dtype=np.float64)
    read = own if reader is None else reader(own)
    decided = np.asarray(cell.decided) if reading == DECIDED else read.argmax(axis=1)
    if not metric.at_threshold:
        return fold.test_codes, read, decided, fold.test_weights
    learned = None if cell.priors is None else np.asarray(cell.priors)
    if reading == CALIBRATED:
        own, learned = read, np.full(len(mass), 1 / len(mass)) if metric.priors == "equal" else None
    natural = own if learned is None else correct_prior(own, learned, mass / mass.sum())
    return fold.test_codes, natural, decided, fold.test_weights
