"""The reading that a recipe is best at, as a part of its model: what the report scores is what `predict` does."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone

from equipoise.classifiers import AutoClassifier
from equipoise.decisions import CalibratedClassifier, PriorCorrectedClassifier, TunedThresholdsClassifier, correct_prior
from equipoise.describing import Decides
from equipoise.experiments.arms import weighted_priors
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.readings import CALIBRATED, CORRECTED, DECIDED, TUNED, balancing_weights, one_hot
from equipoise.experiments.scores import METRICS, Metric
from equipoise.experiments.statistics import Interval
from equipoise.experiments.terms import HeldOutFold, InTerms
from equipoise.metrics import Floats, Indices


def corrected(comparison: Comparison, recipe: str, classifier: ClassifierMixin) -> ClassifierMixin:
    """Return an unfitted classifier with its probabilities for the class priors of the table, deciding at its best.

    Where a metric scores the values of probabilities, they are those that score best: as they come, or corrected to the
    class priors that the metric asks for.
    """
    reading, metric = comparison.at_best.overall(recipe), METRICS[comparison.metric]
    learned = _learned(comparison, recipe)
    if learned is None or reading == CALIBRATED:
        return classifier
    observed = _observed(comparison).tolist() if comparison.problem.get("sampled_from") else "observed"
    wanted = "uniform" if metric.priors == "equal" else observed
    correct = partial(PriorCorrectedClassifier, classifier, training_priors=learned.tolist())
    if _scores_values(metric):
        return correct(target_priors=wanted) if reading == CORRECTED else classifier
    if reading == CORRECTED:
        return correct(target_priors=observed, decision_priors=wanted)
    if np.allclose(learned, _observed(comparison)) or (reading == DECIDED and isinstance(classifier, Decides)):
        sampled_auto = comparison.problem.get("sampled_from") and isinstance(classifier, AutoClassifier)
        return clone(classifier).set_params(class_priors=_observed(comparison).tolist()) if sampled_auto else classifier
    return correct(target_priors=observed, decision_priors=learned.tolist() if reading == DECIDED else None)


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
    if not equal or _scores_values(metric):
        return calibrated
    natural = PriorCorrectedClassifier(
        calibrated, training_priors="uniform", target_priors="observed", decision_priors="uniform"
    )
    return natural.adopt(calibrated, _observed(comparison))


def _learned(comparison: Comparison, recipe: str) -> Floats | None:
    """Return the class priors that probabilities of a recipe stand for; None where they are not known."""
    counts, trained = (comparison.problem[key] for key in ("counts", "training_mass"))
    learned = learned_priors(recipe, counts)
    return None if learned is None else weighted_priors(learned, counts, trained)


def _observed(comparison: Comparison) -> Floats:
    mass = np.asarray(comparison.problem["mass"], dtype=np.float64)
    return mass / mass.sum()


def _scores_values(metric: Metric) -> bool:
    """Whether a metric scores the values of probabilities, neither decisions nor the order of rows alone."""
    return metric.priors is not None and not metric.at_threshold


def held_out(comparison: Comparison, recipe: str) -> Iterator[tuple[HeldOutFold, Indices]]:
    """Yield held-out rows with probabilities, and decisions ``(n,)``, as models made like the shipped one give them.

    How a fold is read or decided is chosen and learned on the other folds (`AtBest.of`); for the model, on all of them.
    """
    terms = comparison.by_terms.read[recipe] if comparison.aim.decides else InTerms.of(comparison, recipe)
    if comparison.aim.decides:
        for fold, rule in zip(terms.folds, terms.rules, strict=True):
            yield fold, rule.decide(fold.proba, fold.weights)
        return
    readings, metric = comparison.readings, METRICS[comparison.metric]
    cells = {(cell.repeat, cell.fold): cell for cell in readings.cells if cell.arm == recipe}
    for fold in terms.folds:
        cell = cells[fold.repeat, fold.fold]
        own, reading = np.asarray(cell.probabilities, dtype=np.float64), comparison.at_best.of(cell)[0]
        reader = readings.reader(cell, metric, reading)
        read = own if reader is None else reader(own)
        decided = np.asarray(cell.decided) if reader is None else read.argmax(axis=1)
        if _scores_values(metric):
            fold = replace(fold, proba=read)
        elif reading == CALIBRATED and metric.priors == "equal":
            mass = np.asarray(readings.folds[cell.repeat, cell.fold].train_mass, dtype=np.float64)
            natural = correct_prior(read, np.full(len(mass), 1 / len(mass)), mass / mass.sum())
            fold = replace(fold, proba=natural)
        elif reading == CALIBRATED:
            fold = replace(fold, proba=read)
        yield fold, decided


def confusion(comparison: Comparison, recipe: str) -> Floats:
    """Return the mean over repeats of the counts ``(K, K)``, or sums of weights, of the decisions of `held_out`."""
    k, repeats = len(comparison.classes), set[int]()
    counts = np.zeros((k, k))
    for fold, decided in held_out(comparison, recipe):
        np.add.at(counts, (fold.codes, decided), fold.weights)
        repeats.add(fold.repeat)
    return counts / len(repeats)


def outcomes(comparison: Comparison, recipe: str) -> dict[str, Interval]:
    """Return what the decisions of `held_out` yield, as `InTerms.by_fold`, with intervals over folds."""
    read = InTerms.of(comparison, recipe)
    return read.with_intervals(read.of_decisions(held_out(comparison, recipe)))


def threshold(comparison: Comparison, recipe: str) -> float | None:
    """Return the probability of the positive class from which the model of a recipe raises an alarm.

    None where no single one says it: with a capacity, of several classes, or by a rule of its own.
    """
    read = InTerms.of(comparison, recipe)
    if comparison.aim.decides:
        return None if read.cut_is_least else read.rule.cut(read.positive)
    found = comparison.at_best.thresholds(recipe)
    if found is None:
        return None
    middle = float(np.median(found))
    return middle if read.positive == comparison.rare else 1 - middle


def scores(comparison: Comparison, recipe: str) -> dict[str, float]:
    """Return the mean over folds of each metric, of the decisions and probabilities of `held_out`."""
    folds = list(held_out(comparison, recipe))
    found = {}
    for name, metric in METRICS.items():
        read = [one_hot(decided, fold.proba.shape[1]) if metric.at_threshold else fold.proba for fold, decided in folds]
        values = [
            metric.of(fold.codes, each, comparison.rare, fold.weights if comparison.problem["weighted"] else None)
            for (fold, _), each in zip(folds, read, strict=True)
        ]
        found[name] = float(np.mean(values))
    return found
